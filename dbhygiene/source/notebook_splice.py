r"""`splice` and `TextReplacement`: change some characters of a cell's source within the JSON text, and no other.

>>> print(splice(r'["a\n", "caf\u00e9"]', [TextReplacement(0, 1, "b")]))
["b\n", "caf\u00e9"]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEX = "[0-9a-fA-F]"
_UNIT = re.compile(  # what stands for one character in a JSON string: two escapes may be one, beyond U+FFFF
    rf"\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}|\\u{_HEX}{{4}}|\\.|[^\\]", re.DOTALL
)
_STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)


class TextReplacement(NamedTuple):
    """The replacement of a range of a text."""

    start: int
    end: int
    text: str


class _Spelling(NamedTuple):
    """How a value spells its text: the characters, and the breaks between two strings of a list, by their offsets."""

    head: str
    units: list[str]
    breaks: dict[int, list[str]]
    tail: str

    @property
    def new_break(self) -> str:
        """How to separate two lines: as the list does already; in a single string, not at all."""
        if not self.head.startswith("["):
            return ""
        return next((each[0] for each in self.breaks.values()), f'",{self.head[1:-1] or " "}"')


def splice(value: str, changes: Sequence[TextReplacement], *, ascii_only: bool = True) -> str:
    """Return a value of JSON, a string or a list of strings, with some changes of its text.

    Arguments:
        value: the source of a cell.
        changes: in order; their offsets are those of the text.
        ascii_only: whether new characters beyond ASCII are escaped.
    """
    spelling = _parse_spelling(value)
    gone = {offset for start, end, _ in changes for offset in range(start, end)}
    inserted: dict[int, str] = {}
    for start, _, text in changes:
        inserted[start] = inserted.get(start, "") + text
    parts, pending = [spelling.head], list[str]()  # breaks, which are written when something follows

    def write(text: str) -> None:
        parts.extend((*pending, text))
        pending.clear()

    for offset in range(len(spelling.units) + 1):
        if offset - 1 not in gone:
            pending += spelling.breaks.get(offset, ())
        for line in _LINES.findall(inserted.get(offset, "")):
            write(json.dumps(line, ensure_ascii=ascii_only)[1:-1])
            if line.endswith("\n"):
                pending.append(spelling.new_break)
        if offset < len(spelling.units) and offset not in gone:
            write(spelling.units[offset])
    if not changes or changes[-1].end < len(spelling.units):
        parts += pending  # the list ends with empty strings
    return "".join([*parts, spelling.tail])


def offset_in_value(value: str, offset: int) -> int:
    """Return where a character of the text stands in a value; the end of the text is before the last quotation mark."""
    spelling = _parse_spelling(value)
    at = len(spelling.head)
    for index, unit in enumerate([*spelling.units[:offset], ""]):
        at += len("".join(spelling.breaks.get(index, ()))) + len(unit)
    return at


def _parse_spelling(value: str) -> _Spelling:
    strings = [match.span() for match in _STRING.finditer(value)]
    if not strings:
        return _Spelling(value, [], {}, "")
    units: list[str] = []
    breaks: dict[int, list[str]] = {}
    for number, (start, end) in enumerate(strings):
        if number:
            breaks.setdefault(len(units), []).append(value[strings[number - 1][1] - 1 : start + 1])
        units += _UNIT.findall(value[start + 1 : end - 1])
    return _Spelling(value[: strings[0][0] + 1], units, breaks, value[strings[-1][1] - 1 :])


def changes(old: str, new: str) -> list[TextReplacement]:
    """Return the changes between two texts, in order. A line that is only indented keeps its other characters."""
    return list(_changes(old, new))


def _changes(old: str, new: str) -> Iterator[TextReplacement]:
    from difflib import SequenceMatcher

    before, after = _LINES.findall(old), _LINES.findall(new)
    bare, new_bare = ([line.strip() for line in lines] for lines in (before, after))
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    for kind, first, last, begin, end in SequenceMatcher(None, bare, new_bare, autojunk=False).get_opcodes():
        if kind == "equal":
            for index in range(last - first):
                yield from _change(starts[first + index], before[first + index], after[begin + index])
        else:
            yield from _change(starts[first], "".join(before[first:last]), "".join(after[begin:end]))


def _change(start: int, old: str, new: str) -> Iterator[TextReplacement]:
    if old == new:
        return
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    yield TextReplacement(start + head, start + len(old) - tail, new[head : len(new) - tail])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of characters that are equal at the start of both."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
