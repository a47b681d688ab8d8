"""`cache_key`: what the findings of a project depend on besides its files: the program, its settings, requirements."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dbhygiene import __version__
from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import AnyRule
from dbhygiene.project.line_length import SETTINGS
from dbhygiene.project.project import Project
from dbhygiene.project.requirements import places, requirement_files
from dbhygiene.source.digests import digest
from dbhygiene.source.records import replace
from dbhygiene.source.regular_files import read_bytes

_FORMAT = 9


def cache_key(project: Project, rules: Sequence[AnyRule], directory: Path) -> str:
    """Return the key under which a directory keeps the results of a project; the same in each checkout."""
    settings = replace(project.settings, sources={}, output_format="", min_confidence=Confidence.POSSIBLE)
    codes = [rule.code for rule in rules]
    position, requirements = _position(project.root, directory), _requirements(project.root)
    return repr((__version__, _code_version(), sys.version, position, codes, settings, requirements))


def content_digest(data: bytes) -> str:
    return digest(data, 16)


def _code_version() -> str:
    """Return a digest of this program's code, which differs between versions: of its contents if they are recorded."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    record = os.path.join(os.path.dirname(here), f"dbhygiene-{__version__}.dist-info", "RECORD")
    with suppress(OSError), open(record, "rb") as file:  # absent, or without our files, where they may be edited
        if own := [line for line in file if line.startswith(b"dbhygiene/") and b".py,sha256=" in line]:
            return f"{_FORMAT} {content_digest(b''.join(sorted(own)))}"
    return f"{_FORMAT} {here} {_newest_below(here)}"


def _newest_below(here: str) -> str:
    """Return the number of Python files below a directory, and the time of the newest."""
    newest, count, todo = 0, 0, [here]
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    newest, count = max(newest, entry.stat().st_mtime_ns), count + 1
                elif entry.name != "__pycache__" and entry.is_dir():
                    todo.append(entry.path)
    return f"{count} {newest}"


def _requirements(root: Path) -> list[tuple[str, str]]:
    """Return the files that say what a project requires and how long its lines are, with digests of their contents."""
    found = {root / "PKG-INFO": None}  # whether other projects may import this one
    for place in places(root):
        found.update((path, None) for path, _ in requirement_files(place))
        found.update((place / name, None) for name in SETTINGS)
    contents = []
    for path in found:
        with suppress(OSError):
            contents.append((os.path.relpath(path, root), content_digest(read_bytes(path))))
    return contents


def _position(root: Path, directory: Path) -> str:
    """Return where a project lies, as seen from its cache: several may share one, and both may be moved together."""
    try:
        return os.path.relpath(root, directory)
    except ValueError:  # on another drive
        return str(root)
