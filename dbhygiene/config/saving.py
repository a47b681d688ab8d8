"""`with_values`: the text of a project's file of settings with other values, without a change to anything else in it.

[tool.dbhygiene]
server-timeout = 600  # ...      # `values` gives the number, `comment` the comment
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError

_HEADER = re.compile(r"^[ \t]*\[[^\n]*\][ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_OURS = re.compile(r"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*[\"']?dbhygiene[\"']?[ \t]*\][ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_CODE = re.compile(r"^[ \t]*[^#\s][^\n]*$", re.MULTILINE)
_OUR_COMMENT = re.compile(r"# \d{4}-\d\d-\d\d: ")


def with_values(path: Path, text: str, values: Mapping[str, int], comment: str) -> str:
    """Return the text of a file of settings with these values, each with a comment.

    Raise UsageError if the table is written in a way that cannot be changed line by line: the result is parsed, and
    only these values may differ.
    """
    own_file = path.name != "pyproject.toml"
    ending = "\r\n" if "\r\n" in text else "\n"
    plain = text.replace("\r\n", "\n")
    new = plain
    for key, value in values.items():
        new = _with_value(new, key, f"{key} = {value}  # {comment}", own_file)
    if not _differs_only_in(plain, new, values, own_file):
        lines = ", ".join(f"`{key} = {value}`" for key, value in values.items())
        raise UsageError(f"{path.name}: not saved: the table is not written line by line; set {lines}")
    return new.replace("\n", ending)


def _with_value(text: str, key: str, line: str, own_file: bool) -> str:
    start, end = _section(text, own_file)
    if start < 0:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[tool.dbhygiene]\n{line}\n"
    section = text[start:end]
    known = re.compile(rf"^([ \t]*)[\"']?{re.escape(key)}[\"']?[ \t]*=[ \t]*\d+[ \t]*(#[^\n]*)?$", re.MULTILINE)
    if found := known.search(section):
        kept = f"{found[1]}{found[2]}\n" if found[2] and not _OUR_COMMENT.match(found[2]) else ""
        section = f"{section[: found.start()]}{kept}{found[1]}{line}{section[found.end() :]}"
    else:
        last = max((found.end() for found in _CODE.finditer(section)), default=0)
        gap = "\n" if start + last else ""
        section = f"{section[:last]}{gap}{line}\n{section[last:].removeprefix(chr(10))}"
    return text[:start] + section + text[end:]


def _section(text: str, own_file: bool) -> tuple[int, int]:
    """Return where the keys of our table begin and end; -1 if there is no such table."""
    start = 0
    if not own_file:
        header = _OURS.search(text)
        if header is None:
            return -1, -1
        start = header.end()
    following = _HEADER.search(text, start)
    return start, following.start() if following else len(text)


def _differs_only_in(old: str, new: str, values: Mapping[str, int], own_file: bool) -> bool:
    try:
        before, after = loading.toml(old), loading.toml(new)
    except ValueError:
        return False
    expected = before if own_file else before.setdefault("tool", {}).setdefault("dbhygiene", {})
    if not isinstance(expected, dict):
        return False
    expected.update(values)
    return bool(before == after)
