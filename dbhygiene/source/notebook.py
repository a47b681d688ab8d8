"""`Notebook`: the code cells of a notebook as one program, with a map from its lines to cells.

>>> notebook = Notebook.of_cells([(2, "%load_ext sql\\n"), (5, "x = 1\\ny = 2")])
>>> notebook.place(4)
Place(cell=5, line=2)

Each cell ends with a line feed of its own. Cells are counted from 1, those with text included, as editors show them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property
from textwrap import dedent
from typing import NamedTuple

from dbhygiene.source.magics import EVERYTHING, blank, blank_all
from dbhygiene.source.nodes import NOT_PYTHON, parse
from dbhygiene.source.notebook_document import NotebookText
from dbhygiene.source.notebook_splice import TextReplacement, changes
from dbhygiene.source.records import Frozen, Record

_LINE_END = re.compile(r"\r\n|\r|\n")


class CellLine(NamedTuple):
    """A line of a cell, both counted from 1."""

    cell: int
    line: int


class Cell(Record):
    """A code cell: its number, its first line in the program, its source, and that with magics blanked."""

    number: int
    line: int
    source: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines of its source."""
        return _LINE_END.split(self.source)


class Notebook(Frozen):
    """The code cells of a notebook.

    `names` are those that its magics mention; see `magics`. `document` is the file that it was read from, if any.
    `broken` are the cells that do not parse, with the reason: the kernel runs nothing of them, and they are blanks.
    """

    cells: tuple[Cell, ...]
    names: frozenset[str] = frozenset()
    document: NotebookText | None = None
    broken: tuple[tuple[Cell, Exception], ...] = ()

    @classmethod
    def of_cells(cls, sources: Iterable[tuple[int, str]], document: NotebookText | None = None) -> Notebook:
        """Return the notebook with these code cells, given as their numbers and their sources."""
        cells: list[Cell] = []
        broken: list[tuple[Cell, Exception]] = []
        names: set[str] = set()
        line = 1
        for number, source in sources:
            blanked = blank(source)
            if (error := _error_in(blanked.text)) is not None:
                blanked = blank_all(source)
            cells.append(Cell(number, line, source, blanked.text))
            if error is not None and not _is_only_indented(source):
                broken.append((cells[-1], error))
            names |= blanked.names
            line += len(_LINE_END.findall(f"{source}\n"))
        return cls(tuple(cells), frozenset(names), document, tuple(broken))

    @classmethod
    def decode(cls, data: bytes) -> Notebook:
        """Return the notebook in a file with these bytes; raise `NotebookError` or UnicodeError if there is none."""
        document = NotebookText.decode(data)
        return cls.of_cells(((source.number, source.text) for source in document.sources), document)

    @property
    def text(self) -> str:
        """The program."""
        return "".join(f"{cell.text}\n" for cell in self.cells)

    @property
    def contents(self) -> str:
        """The JSON text of its file; without a file, the program."""
        return self.text if self.document is None else self.document.raw

    def may_use(self, name: str) -> bool:
        """Whether a magic may use a variable."""
        return name in self.names or EVERYTHING in self.names

    @cached_property
    def _starts(self) -> list[int]:
        return [cell.line for cell in self.cells]

    def cell_at(self, line: int) -> Cell | None:
        """Return the cell with a line of the program; None if there is no cell."""
        number = bisect_right(self._starts, line)
        return self.cells[number - 1] if number else None

    def cell(self, number: int) -> Cell | None:
        """Return the code cell of this number."""
        return next((cell for cell in self.cells if cell.number == number), None)

    def place(self, line: int) -> CellLine | None:
        """Return the place of a line of the program; None if there is no cell."""
        cell = self.cell_at(line)
        return CellLine(cell.number, line - cell.line + 1) if cell is not None else None

    def line_of(self, place: CellLine) -> int | None:
        """Return the line of the program at a place; None if no code cell has that line."""
        cell = self.cell(place.cell)
        return cell.line + place.line - 1 if cell is not None and 0 < place.line <= len(cell.lines) else None

    def place_in_document(self, number: int, line: int, column: int) -> tuple[int, int]:
        """Return line and column of a place in a cell within the JSON text; without a file, within the program."""
        cell = self.cell(number)
        assert cell is not None
        if self.document is None:
            return cell.line + line - 1, column
        starts = [0, *(match.end() for match in _LINE_END.finditer(cell.source))]
        return self.document.place(number, starts[min(line, len(starts)) - 1] + column)

    def with_texts(self, texts: Mapping[int, str]) -> Notebook:
        """Return the notebook with other programs in these cells, by their numbers; in its document, too.

        Raise ValueError if that would change a magic.
        """
        edits = {cell.number: changes(cell.text, texts[cell.number]) for cell in self.cells if cell.number in texts}
        document = self.document.with_changes(edits) if self.document is not None else None
        sources = [(cell.number, _carry_out(edits.get(cell.number, ()), cell.source)) for cell in self.cells]
        after = Notebook.of_cells(sources, document)
        for before, cell in zip(self.cells, after.cells, strict=True):
            if cell.text != texts.get(cell.number, before.text) or _commands(before) != _commands(cell):
                raise ValueError("the fix would change a magic command")
        return after


def _error_in(text: str) -> Exception | None:
    """Return why a program does not parse."""
    try:
        parse(text)
    except NOT_PYTHON as error:
        return error
    return None


def _is_only_indented(source: str) -> bool:
    """Whether a cell parses once its first indentation is taken away, as IPython does."""
    return source.lstrip("\r\n")[:1].isspace() and _error_in(dedent(blank(source).text)) is None


def _carry_out(edits: Iterable[TextReplacement], text: str) -> str:
    parts: list[str] = []
    done = 0
    for start, end, new in edits:
        parts += (text[done:start], new)
        done = end
    return "".join([*parts, text[done:]])


def _commands(cell: Cell) -> str:
    """Return the characters of a cell that are blanked in its program."""
    return "".join(one for one, other in zip(cell.source, cell.text, strict=True) if one != other)
