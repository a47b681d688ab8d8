"""`modules`: the modules of one of our packages. `pkgutil` lists them, too, but takes half of the start-up time."""

from __future__ import annotations

import os
from collections.abc import Iterable

_ENDINGS = (".py", ".pyc")


def modules(package: Iterable[str]) -> frozenset[str]:
    """Return the names of the modules in a package, by its `__path__`."""
    names = [name for place in package for name in _list_directory(place) if name.endswith(_ENDINGS)]
    return frozenset(name.partition(".")[0] for name in names) - {"__init__"}


def _list_directory(place: str) -> Iterable[str]:
    try:
        return os.listdir(place)
    except NotADirectoryError:  # within an archive
        import pkgutil

        return [f"{module.name}.py" for module in pkgutil.iter_modules([place])]
