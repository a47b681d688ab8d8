"""The transfer function of the lifetimes analysis, one module for each kind of event."""

from dbhygiene.lifetimes.transfer.steps import Transfer

__all__ = ["Transfer"]
