"""`Frame`: the lines of a path in the order of execution, with the steps written below them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dbhygiene.diagnostics.model import Finding, Source, Step
from dbhygiene.reports import RenderContext, TerminalStyle
from dbhygiene.reports.common import source_line as text_of
from dbhygiene.reports.display_width import Window, layout_line, underline_columns, width, window
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import Row

Paint = Callable[[str, str], str]
LONGEST = 160  # columns of code if there is no terminal
LEAST = 30
_COLORS = {
    **{"error": "1;31", "warning": "1;33", "note": "1;35", "frame": "1;34", "bold": "1", "help": "1;36"},
    **{"gone": "31", "new": "32"},
}


class Mark(Row):
    """An underlined range of one line, from code point `first` to `last`; the fault itself is underlined with `^`."""

    source: Source
    line: int
    first: int
    last: int | None  # None: to the end of the line
    words: tuple[str, ...]
    fault: bool

    @property
    def place(self) -> tuple[object, ...]:
        return self[:4]


def painter(look: TerminalStyle) -> Paint:
    if not look.color:
        return lambda kind, text: text
    return lambda kind, text: f"\033[{_COLORS[kind]}m{text}\033[0m" if text else ""


def marks(finding: Finding, steps: Sequence[tuple[int, Step]]) -> list[Mark]:
    """Return the marks of a finding: its steps, and its own place if no step is there."""
    found = []
    if all(step.span != finding.span or step.source != finding.source for _, step in steps):
        found.append(_mark(finding.source, finding.span, "", fault=not steps))
    for number, step in steps:
        words = f"{number}: {step.message}" if len(finding.steps) > 1 else step.message
        mark = _mark(step.source, step.span, words, fault=number == len(finding.steps))
        if found and found[-1].place == mark.place:  # two steps at the same place, one after the other
            mark = mark._replace(words=(*found.pop().words, *mark.words))
        found.append(mark)
    return found


def _mark(source: Source, span: tuple[int, int, int, int], words: str, *, fault: bool) -> Mark:
    number, column, end_line, end_column = span
    return Mark(source, number, column, end_column if number == end_line else None, (words,) if words else (), fault)


class Frame:
    """Draws marks; remembers which line was drawn last."""

    def __init__(self, scene: RenderContext, gutter: int) -> None:
        self._scene = scene
        self._paint = painter(scene.style)
        self._gutter = gutter
        self._bar = self._paint("frame", "|")
        total = scene.style.width
        self._room = LONGEST if total is None else max(LEAST, total - gutter - 3)
        self._above: tuple[Source, int] | None = None
        self._window: Window | None = None

    def draw(self, place: Source, seen: Sequence[Mark]) -> Iterator[str]:
        """Yield the lines of the frame; `place` is the file, or the cell, in the line above it."""
        yield f"{' ' * self._gutter} {self._bar}"
        source = place
        for mark in seen:
            if mark.source != source:
                where = self._scene.display_place(mark.source, Span(mark.line, mark.first, mark.line, mark.first))
                yield f"{' ' * self._gutter}{self._paint('frame', ':::')} {where}"
                source, self._above = mark.source, None
            yield from self._draw_mark(mark)
        yield f"{' ' * self._gutter} {self._bar}"

    def _draw_mark(self, mark: Mark) -> Iterator[str]:
        text = text_of(self._scene, mark.source, mark.line)
        code = layout_line(text)
        first = min(mark.first, len(text))
        last = len(text.rstrip()) if mark.last is None else min(mark.last, len(text))
        last = max(first, last)
        room = self._room - (code.columns[first] == code.columns[-1])  # the mark is after the end of the line
        part, above = window(code, first, last, room), self._window
        same = self._above == (mark.source, mark.line)
        if same and above and above.first <= first and last <= above.last and width(above.text) <= room:
            part = above
        else:
            yield from self._between(mark, same)
            yield self._row(mark.line, part.text)
        if text.strip():
            kind, sign = ("error", "^") if mark.fault else ("frame", "-")
            column, wide = underline_columns(code, part, first, last)
            yield from (self._row(None, row) for row in self._draw_label(mark.words, column, sign * wide, kind))
        self._above, self._window = (mark.source, mark.line), part

    def _between(self, mark: Mark, same: bool) -> Iterator[str]:
        """Yield the mark for omitted lines; if it is only one line, the line itself."""
        if self._above is None or same:
            return
        distance = mark.line - self._above[1]
        if distance == 2:
            number = mark.line - 1
            code = layout_line(text_of(self._scene, mark.source, number))
            yield self._row(number, window(code, 0, 0, self._room).text)
        elif distance != 1:
            yield self._paint("frame", "...")

    def _draw_label(self, words: Sequence[str], column: int, signs: str, kind: str) -> Iterator[str]:
        """Yield the underline, and the text to its right, or below it if it does not fit or there are several."""
        blanks = " " * column
        paint, room = self._paint, self._room
        if not words:
            yield blanks + paint(kind, signs)
        elif len(words) == 1 and (self._scene.style.width is None or column + len(signs) + 1 + width(words[0]) <= room):
            yield blanks + paint(kind, f"{signs} {words[0]}")
        else:
            yield blanks + paint(kind, signs)
            for each in words:
                lines = wrap(each, room) if self._scene.style.width else [each]
                indent = min(column, max(0, room - max(map(width, lines))))
                yield from (" " * indent + paint(kind, text) for text in lines)

    def _row(self, number: int | None, text: str) -> str:
        label = "" if number is None else str(number)
        return f"{self._paint('frame', label.rjust(self._gutter))} {self._bar} {text}".rstrip()


def wrap(text: str, room: int) -> list[str]:
    """Wrap a sentence to `room` columns."""
    if width(text) <= room:
        return [text]
    from textwrap import wrap

    return wrap(text, room, break_long_words=False, break_on_hyphens=False)
