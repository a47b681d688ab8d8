"""Database drivers, one file each: `DRIVER` says what opens a connection and what `with` does with it.

Facts measured against MariaDB 10.11 and PostgreSQL 15, or read in the driver's source.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from dbhygiene.library.resources import Driver


@cache
def drivers() -> tuple[Driver, ...]:
    """Every driver that we know."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").DRIVER for name in names)


PACKAGES = frozenset(name.partition(".")[0] for driver in drivers() for name in (driver.package, *driver.opens))
