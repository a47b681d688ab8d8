"""`directories_on_path`: those in a package that a Django site adds to `sys.path`, for short names of apps.

sys.path.insert(0, str(BASE / "apps"))         # `import shop` is then `site/apps/shop`

`directories_of_parts`: those in a package in which programs run, by their files: `backend/pyproject.toml`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dbhygiene.source.regular_files import read_bytes

_ADDS = re.compile(rb"^\s*sys\.path\s*(?:\.(?:insert|append|extend)\b|\+?=)", re.MULTILINE)
_SETS_UP = re.compile(r"(?:manage|wsgi|asgi|\w*settings\w*)\.py")
_MARKS_PART = re.compile(r"pyproject\.toml|setup\.cfg|setup\.py|Pipfile|alembic\.ini|Procfile|Dockerfile|manage\.py")


def directories_on_path(directory: str, outside: str, known: dict[str, bool]) -> Iterator[str]:
    """Return the directories from this one up to the one outside of its packages, if the site adds any to the path.

    Which of them it adds is computed at run time, so each may be one. `known` remembers which hold such a site.
    """
    within = []
    while directory != outside and directory.startswith(outside):
        directory = os.path.dirname(directory)
        within.append(directory)
    for each in within:
        if each not in known:
            known[each] = _adds_to_path(each)
    if any(known[each] for each in within):
        yield from within


def _adds_to_path(directory: str) -> bool:
    """Whether a script or a settings module in a directory, or in a package of settings there, changes `sys.path`."""
    with suppress(OSError):
        for entry in os.scandir(directory):
            if _SETS_UP.fullmatch(entry.name) and _matches(entry.path):
                return True
            if entry.name in ("settings", "config", "conf") and entry.is_dir():
                inner = (each.path for each in os.scandir(entry.path) if each.name.endswith(".py"))
                if any(map(_matches, inner)):
                    return True
    return False


def _matches(path: str) -> bool:
    with suppress(OSError):
        return _ADDS.search(read_bytes(Path(path))) is not None
    return False


def directories_of_parts(directory: str, outside: str) -> Iterator[str]:
    """Return the directories from this one up to the one outside of its packages that hold a part of a repository.

    Such a part is built or run from its own directory, although that has an `__init__.py`, too.
    """
    here = directory
    while here != outside and here.startswith(outside):
        with suppress(OSError):
            if any(map(_MARKS_PART.fullmatch, os.listdir(here))):
                yield here
        here = os.path.dirname(here)
