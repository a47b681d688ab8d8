"""Database drivers, one file each, named as the package that programs import.

`DRIVER` says what opens a connection and what `with` does with it. A file is imported when a program is seen that
uses its driver. Facts measured against MariaDB 10.11 and PostgreSQL 15, or read in the driver's source.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from dbhygiene.source.submodules import modules

if TYPE_CHECKING:
    from dbhygiene.library.resources import Driver

_OLD_NAMES = {"DBUtils": "dbutils"}  # of packages that are imported by another name now
PACKAGES = modules(__path__) | _OLD_NAMES.keys()


@cache
def driver(package: str) -> Driver | None:
    """Return the driver that is imported by this name, or as a part of it."""
    if package not in PACKAGES:
        return None
    found: Driver = import_module(f"{__name__}.{_OLD_NAMES.get(package, package)}").DRIVER
    return found


def drivers() -> tuple[Driver, ...]:
    """Return every known driver."""
    return tuple(found for package in sorted(PACKAGES - _OLD_NAMES.keys()) if (found := driver(package)))
