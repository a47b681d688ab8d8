"""The life of each resource: where it is open, and whose it is."""

from dbhygiene.lifetimes.lifetime import Leak, Lifetime, Lifetimes
from dbhygiene.lifetimes.ownership import Field

__all__ = ["Field", "Leak", "Lifetime", "Lifetimes"]
