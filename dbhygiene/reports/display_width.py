"""`Window`: the part of a long line that is shown, by the display width of its characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from dbhygiene.source.records import Row

_TAB = "    "
_JOINER = "\N{ZERO WIDTH JOINER}"
_CUT = "..."


class Line(Row):
    """The text for each code point, and the column at which it begins; also the column after the last."""

    pieces: Sequence[str]
    columns: Sequence[int]


class Window(Row):
    """The part of a line that is shown: code points from `first` to `last`, and the columns before them."""

    first: int
    last: int
    text: str
    before: int


def layout_line(text: str) -> Line:
    """Return a line with spaces for tabs, and without control characters and those that reverse the text."""
    if text.isascii() and text.isprintable():
        return Line(text, range(len(text) + 1))
    pieces = [
        _TAB if c == "\t" else c if c.isprintable() or c == _JOINER else "\N{REPLACEMENT CHARACTER}" for c in text
    ]
    return Line(pieces, [0, *accumulate(width(piece) for piece in pieces)])


def width(text: str) -> int:
    """Return the number of terminal columns of a text."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(0 if category(c) in _NO_WIDTH else 2 if east_asian_width(c) in "WF" else 1 for c in text)


_NO_WIDTH = {"Mn", "Me", "Cf"}  # marks on the character before, selectors, joiners


def window(shown: Line, first: int, last: int, room: int) -> Window:
    """Return the window of a line of this width that shows the code points from `first` to `last`, or their start."""
    pieces, columns = shown
    if columns[-1] <= room:
        return Window(0, len(pieces), "".join(pieces).rstrip(), 0)
    begin = 0
    if columns[last] + len(_CUT) > room:
        lead = min(20, room // 4, max(0, room - 2 * len(_CUT) - (columns[last] - columns[first])))
        while columns[first] - columns[begin] > lead:
            begin += 1
    left = _CUT if begin else ""
    end = len(pieces)
    if columns[end] - columns[begin] + len(left) > room:
        while end > begin + 1 and columns[end] - columns[begin] + len(left) + len(_CUT) > room:
            end -= 1
    right = _CUT if end < len(pieces) else ""
    return Window(begin, end, left + "".join(pieces[begin:end]).rstrip() + right, len(left))


def underline_columns(shown: Line, part: Window, first: int, last: int) -> tuple[int, int]:
    """Return the column of a window at which some code points begin, and how many columns they take."""
    columns = shown.columns
    until = max(first, min(last, part.last))
    while until > first and not shown.pieces[until - 1].strip():
        until -= 1
    return part.before + columns[first] - columns[part.first], max(1, columns[until] - columns[first])
