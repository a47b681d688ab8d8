"""`TextEdit`: a fix as replacements in the text, for programs that apply it without dbhygiene.

>>> text_edits(TextChange("f(a)\\n", "f(a, b)\\n"))
(TextEdit(span=Span(line=1, column=3, end_line=1, end_column=3), content=', b'),)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import Row

_LINES = lazy_pattern(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class TextChange(Row):
    """The text of a file before and after a fix."""

    old: str
    new: str


class TextEdit(Row):
    """The replacement of a span of the old text."""

    span: Span
    content: str


def text_edits(change: TextChange) -> tuple[TextEdit, ...]:
    """Return the replacements that make a change, in order; one for each group of changed lines."""
    return tuple(_text_edits(_LINES.findall(change.old), _LINES.findall(change.new)))


def single_edit(change: TextChange) -> TextEdit:
    """Return the one replacement that makes a change."""
    return _edit(1, change.old, change.new)


def difference(change: TextChange) -> tuple[int, int, str]:
    """Return the lengths of the common beginning and end of both texts, and the new text between them."""
    head = _common(change.old, change.new)
    tail = _common(change.old[head:][::-1], change.new[head:][::-1])
    return head, tail, change.new[head : len(change.new) - tail]


def with_difference(old: str, difference: tuple[int, int, str] | list[Any]) -> str:
    """Return the new text of a change, by its old text and the `difference`."""
    head, tail, between = difference
    return f"{old[:head]}{between}{old[len(old) - tail :]}"


def opcodes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield what `SequenceMatcher` does; the equal lines at both ends first, which it misses in repetitive text."""
    from difflib import SequenceMatcher

    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    if head:
        yield "equal", 0, head, 0, head
    middle = old[head : len(old) - tail], new[head : len(new) - tail]
    for kind, first, last, begin, end in SequenceMatcher(None, *middle, autojunk=False).get_opcodes():
        yield kind, first + head, last + head, begin + head, end + head
    if tail:
        yield "equal", len(old) - tail, len(old), len(new) - tail, len(new)


def _text_edits(old: Sequence[str], new: Sequence[str]) -> Iterator[TextEdit]:
    for kind, first, last, begin, end in opcodes(old, new):
        if kind != "equal":
            yield _edit(first + 1, "".join(old[first:last]), "".join(new[begin:end]))


def _edit(line: int, old: str, new: str) -> TextEdit:
    """Return the replacement of a text that begins in this line, without what both have at their start and end."""
    start = _common(old, new)
    if any(_is_within_line_end(text, start) for text in (old, new)):
        start -= 1
    end = _common(old[start:][::-1], new[start:][::-1])
    if any(_is_within_line_end(text, len(text) - end) for text in (old, new)):
        end -= 1
    stop = len(old) - end
    return TextEdit(Span(*_place(line, old[:start]), *_place(line, old[:stop])), new[start : len(new) - end])


def _is_within_line_end(text: str, offset: int) -> bool:
    """Whether there is no line and column for this offset."""
    return offset > 0 and text[offset - 1 : offset + 1] == "\r\n"


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of lines or characters that are equal at the start of both."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _place(line: int, before: str) -> tuple[int, int]:
    """Return line and column after a text that begins in this line."""
    *lines, rest = re.split(r"\r\n|\r|\n", before)
    return line + len(lines), len(rest)
