"""`Folded`: a text without the bodies of functions that edits leave alone: LibCST takes long to read and write them.

def load(name):              def load(name):
    rows = read(name)   ──▶      __folded_0__
    return rows
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Span, first_line
from dbhygiene.source.records import Row

_LINE = lazy_pattern(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MARK = "__folded_"


class _Fold(Row):
    """Lines that are left out, and the line that stands for them."""

    first: int
    last: int
    text: str
    placeholder: str


class Folded:
    """A text in which placeholders stand for bodies of functions."""

    def __init__(self, text: str, tree: ast.Module, regions: Sequence[Span]) -> None:
        """Leave out bodies of functions of the module and its classes, but for those in these regions."""
        lines = _LINE.findall(text)
        bodies = _bodies(tree.body, lines, regions) if _MARK not in text else ()
        self.folds = [_fold(lines, number, *body) for number, body in enumerate(bodies)]
        kept, at = list[str](), 0
        for fold in self.folds:
            kept += [*lines[at : fold.first - 1], fold.placeholder]
            at = fold.last
        self.text = "".join([*kept, *lines[at:]])

    def lines_above(self, line: int) -> int:
        """Return how many lines above a line are left out."""
        return sum(fold.last - fold.first for fold in self.folds if fold.last < line)

    def hides(self, region: Span) -> bool:
        """Whether lines of a region are left out."""
        return any(region.line <= fold.last and fold.first <= region.end_line for fold in self.folds)

    def unfold(self, text: str) -> str | None:
        """Return an edited text with the bodies; None if one is not at its place."""
        folds = {fold.placeholder.rstrip(): fold.text for fold in self.folds}
        lines = [folds.pop(line.rstrip(), line) if _MARK in line else line for line in _LINE.findall(text)]
        return None if folds else "".join(lines)


def _bodies(statements: Iterable[ast.stmt], lines: Sequence[str], regions: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last line of each body of more than a line, outside of these regions."""
    for statement in statements:
        if isinstance(statement, ast.ClassDef):
            yield from _bodies(statement.body, lines, regions)
        elif isinstance(statement, FUNCTION):
            start, end = first_line(statement), statement.end_lineno or 0
            body = statement.body[0]
            first = first_line(body)
            if first == end or lines[first - 1][: body.col_offset].strip(" \t"):
                continue  # it may stand on the line of its `def`
            if all(end < region.line or region.end_line < start for region in regions):
                yield first, end


def _fold(lines: Sequence[str], number: int, first: int, last: int) -> _Fold:
    line, end = lines[first - 1], lines[last - 1]
    blank, ending = line[: len(line) - len(line.lstrip(" \t"))], end[len(end.rstrip("\r\n")) :]
    return _Fold(first, last, "".join(lines[first - 1 : last]), f"{blank}{_MARK}{number}__{ending}")
