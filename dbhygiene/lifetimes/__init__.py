"""Typestate of resources: for each connection, session or cursor, where it is open and who owns it."""

from dbhygiene.lifetimes.fields import Field
from dbhygiene.lifetimes.lifetime import Leak, Lifetime, Lifetimes

__all__ = ["Field", "Leak", "Lifetime", "Lifetimes"]
