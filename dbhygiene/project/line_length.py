"""`line_length`: the line length of a project, by the settings of ruff, black, flake8 and pycodestyle.

[tool.ruff]
line-length = 120
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dbhygiene.config.loading import toml
from dbhygiene.source.regular_files import read_text

DEFAULT = 88  # of ruff and black, if their settings give none
_PEP8 = 79  # of flake8 and pycodestyle
SETTINGS = ("ruff.toml", ".ruff.toml", "pyproject.toml", "setup.cfg", "tox.ini", ".flake8")  # the files that are read
_TOOLS = ("ruff", "black")
_SECTIONS = ("flake8", "pycodestyle", "pep8")


def line_length(directory: Path, root: Path) -> int | None:
    """Return the maximum length of a line of a file in this directory; None if no tool is configured.

    The nearest directory with such settings counts, up to the root.
    """
    around = [each for each in (directory, *directory.parents) if each == root or root in each.parents]
    for place in around:
        if lengths := list(_lengths(place)):
            return min(lengths)
    return None


def _lengths(place: Path) -> Iterator[int]:
    for name in ("ruff.toml", ".ruff.toml"):
        if (table := _toml(place / name)) is not None:
            yield _number(table.get("line-length"), DEFAULT)
    tools = (_toml(place / "pyproject.toml") or {}).get("tool", {})
    if isinstance(tools, Mapping):
        for tool in _TOOLS:
            if isinstance(table := tools.get(tool), Mapping):
                yield _number(table.get("line-length", table.get("line_length")), DEFAULT)
        for tool in _SECTIONS:
            if isinstance(table := tools.get(tool), Mapping):
                yield _number(table.get("max-line-length", table.get("max_line_length")), _PEP8)
    for name in ("setup.cfg", "tox.ini", ".flake8"):
        yield from _ini(place / name)


def _ini(path: Path) -> Iterator[int]:
    try:
        text = read_text(path, "replace")
    except OSError:
        return
    if not any(section in text for section in _SECTIONS):
        return
    import configparser  # most of these files are about other tools

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for section in _SECTIONS:
        if parser.has_section(section):
            value = parser.get(section, "max-line-length", fallback=parser.get(section, "max_line_length", fallback=""))
            yield _number(value, _PEP8)


def _toml(path: Path) -> Mapping[str, Any] | None:
    try:
        text = read_text(path)
        if path.name == "pyproject.toml" and not any(tool in text for tool in (*_TOOLS, *_SECTIONS)):
            return None  # most need no parser
        table = toml(text)
    except (OSError, ValueError):  # UnicodeDecodeError is one
        return None
    return table if isinstance(table, dict) else None


def _number(value: object, default: int) -> int:
    """Return the length that a setting gives; the default if that is no number above 9."""
    found = re.match(r"\s*(\d+)", str(value)) if value is not None else None
    return int(found[1]) if found and int(found[1]) > 9 else default
