"""`NotebookText`: the JSON text of a notebook, and where the sources of its code cells stand in it.

The formats 3 and 4 of nbformat are read: in the latter, the cells are below `cells`, and their text is `source`; in the
former, they are below `worksheets`, and their text is `input`.
See https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dbhygiene.source.notebook_splice import TextReplacement, offset_in_value, splice
from dbhygiene.source.records import Frozen

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")
_BOM = "\ufeff"


class NotebookError(SyntaxError):
    """A file is no notebook; with its line and column, as a SyntaxError has them."""


class Value(NamedTuple):
    """The range of a value in the JSON text."""

    start: int
    end: int


class CellSource(NamedTuple):
    """The source of a code cell: the number of the cell among all of the notebook, the value in the file, its text."""

    number: int
    value: Value
    text: str


class NotebookText(Frozen):
    """The JSON text of a notebook, and the sources of its code cells, if they are Python."""

    raw: str
    sources: tuple[CellSource, ...]

    @classmethod
    def decode(cls, data: bytes) -> NotebookText:
        """Return the document with these bytes; raise `NotebookError` or UnicodeError if it is no notebook.

        An empty file is a new notebook: editors create one, and fill it when it is first saved.
        """
        raw = data.decode("utf-8")
        if not raw.removeprefix(_BOM).strip():
            return cls(raw, ())
        try:
            return cls(raw, tuple(_sources(raw)))
        except json.JSONDecodeError as error:
            raise _error(raw, error.pos, f"invalid JSON: {error.msg}") from error

    def with_changes(self, changes: Mapping[int, Sequence[TextReplacement]]) -> NotebookText:
        """Return the document with changes in the sources of these cells, by their numbers."""
        parts: list[str] = []
        done = 0
        for number, (start, end), _ in self.sources:
            if number in changes:
                value = splice(self.raw[start:end], changes[number], ascii_only=self.raw.isascii())
                parts += (self.raw[done:start], value)
                done = end
        return NotebookText.decode("".join([*parts, self.raw[done:]]).encode())

    def place(self, number: int, offset: int) -> tuple[int, int]:
        """Return the line and column of a character of a cell in the file, by its offset in the source."""
        source = next(each for each in self.sources if each.number == number)
        start, end = source.value
        return _place(self.raw, start + offset_in_value(self.raw[start:end], offset))


def _join(value: Any) -> str:
    """Return the text of a source, which is a string or a list of strings."""
    return value if isinstance(value, str) else "".join(value)


def _place(raw: str, at: int) -> tuple[int, int]:
    """Return the line of an offset, from 1, and its column, from 0."""
    return raw.count("\n", 0, at) + 1, at - raw.rfind("\n", 0, at) - 1


def _error(raw: str, at: int, words: str) -> NotebookError:
    line, column = _place(raw, at)
    return NotebookError(words, (None, line, column + 1, None))


def _sources(raw: str) -> Iterator[CellSource]:
    top = _Reader(raw).top()
    if not _is_python(top.member("metadata")):
        return
    sheets = top.elements("worksheets")
    lists = [top, *sheets] if sheets else [top]
    cells = [cell for each in lists for cell in each.elements("cells")]
    if not any(each.has("cells") for each in lists):
        raise _error(raw, 0, "not a notebook: there are no cells")
    for number, cell in enumerate(cells, 1):
        if cell.member("cell_type") != "code" or not _is_python_cell(cell):
            continue
        name = "source" if cell.has("source") else "input"
        match cell.member(name):
            case str(value):
                pass
            case list(value) if all(isinstance(part, str) for part in value):
                pass
            case _:
                raise _error(raw, cell.start, f"not a notebook: cell {number} has no source")
        yield CellSource(number, cell.members[name], _join(value))


def _is_python(metadata: Any) -> bool:
    """Whether the kernel of a notebook runs Python 3: as its metadata say, or if they say nothing."""
    if _text(metadata, "language_info", "version").startswith("2."):
        return False
    if _text(metadata, "kernelspec", "name") == "python2":
        return False
    named = [_text(metadata, "kernelspec", "language"), _text(metadata, "language_info", "name")]
    return all(not name or name.lower().startswith(("python", "ipython", "pyspark")) for name in named)


def _is_python_cell(cell: _Object) -> bool:
    """Whether a cell is Python: format 3 gives the language of each, and some editors do, too."""
    named = (cell.member("language"), _text(cell.member("metadata"), "vscode", "languageId"))
    return all(name in {None, "", "python"} for name in named)


def _text(value: Any, *keys: str) -> str:
    """Return a text in nested objects; empty if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


class _Reader:
    """Finds the places of values, which `json.loads` does not return."""

    def __init__(self, raw: str) -> None:
        self.raw = raw

    def top(self) -> _Object:
        start = self._skip(len(_BOM) if self.raw.startswith(_BOM) else 0)
        value, end = _DECODER.raw_decode(self.raw, start)
        if self._skip(end) != len(self.raw):
            raise json.JSONDecodeError("Extra data", self.raw, end)
        if not isinstance(value, dict):
            raise _error(self.raw, start, "not a notebook: there are no cells")
        return _Object(self, start)

    def members(self, start: int) -> dict[str, Value]:
        """Return the values of an object that begins at an offset, by key; of equal keys the last counts."""
        found: dict[str, Value] = {}
        at = self._skip(start + 1)
        while self.raw[at] != "}":
            key, at = _DECODER.raw_decode(self.raw, at)
            at = self._skip(self._skip(at) + 1)  # after the colon
            _, end = _DECODER.raw_decode(self.raw, at)
            found[key] = Value(at, end)
            at = self._after_comma(end)
        return found

    def elements(self, start: int) -> Iterator[int]:
        """Yield the offsets of the elements of an array that begins at an offset."""
        at = self._skip(start + 1)
        while self.raw[at] != "]":
            yield at
            _, end = _DECODER.raw_decode(self.raw, at)
            at = self._after_comma(end)

    def value(self, where: Value) -> Any:
        return _DECODER.raw_decode(self.raw, where.start)[0]

    def _after_comma(self, at: int) -> int:
        at = self._skip(at)
        return self._skip(at + 1) if self.raw[at] == "," else at

    def _skip(self, at: int) -> int:
        blank = _BLANK.match(self.raw, at)
        return blank.end() if blank else at


class _Object:
    """An object of valid JSON, whose members are read when they are asked for."""

    def __init__(self, reader: _Reader, start: int) -> None:
        self._reader, self.start = reader, start
        self.members = reader.members(start)

    def has(self, key: str) -> bool:
        return key in self.members

    def member(self, key: str) -> Any:
        return self._reader.value(self.members[key]) if key in self.members else None

    def elements(self, key: str) -> list[_Object]:
        """Return the objects in an array, none if there is no such key; raise NotebookError for anything else."""
        raw = self._reader.raw
        where = self.members.get(key)
        if where is None:
            return []
        starts = list(self._reader.elements(where.start)) if raw[where.start] == "[" else [where.start]
        for at in starts:
            if raw[at] != "{" or raw[where.start] != "[":
                raise _error(raw, at, f"not a notebook: `{key}` is not a list of objects")
        return [_Object(self._reader, at) for at in starts]
