"""The life of each resource: where it is open, and whose it is."""

from dbhygiene.lifetimes.lifetime import Leak, Lifetime, Lifetimes

__all__ = ["Leak", "Lifetime", "Lifetimes"]
