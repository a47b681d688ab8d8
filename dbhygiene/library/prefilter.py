"""Words one of which stands in every file that uses a library: a file without them need not be parsed."""

from __future__ import annotations

from dbhygiene.library.drivers import PACKAGES as DRIVERS

SQLALCHEMY = frozenset({"sqlalchemy", "sqlmodel"})

__all__ = ["DRIVERS", "SQLALCHEMY"]
