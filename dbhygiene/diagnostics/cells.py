"""`in_cell`: a finding in a notebook with its cell, and the lines as people count them; `in_document`, as tools do.

line 4 of the program, if the first cell has three lines     # cell 2, line 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dbhygiene.diagnostics.model import Finding, Step
from dbhygiene.source.file import NOTEBOOK
from dbhygiene.source.nodes import Span

if TYPE_CHECKING:
    from dbhygiene.source.notebook import Notebook

Notebooks = Callable[[Path], "Notebook | None"]
PlaceT = TypeVar("PlaceT", Finding, Step)


def in_cell(finding: Finding, notebooks: Notebooks) -> Finding:
    """Return a finding with the cell of each place, and the lines counted in it; other files are left as they are.

    Arguments:
        notebooks: returns the notebook at a path; None if it cannot be read.
    """
    if not _is_in_notebook(finding):
        return finding
    steps = tuple(_in_cell(step, notebooks) for step in finding.steps)
    return _in_cell(finding._replace(steps=steps), notebooks)


def in_document(finding: Finding, notebooks: Notebooks) -> Finding:
    """Return a finding with the places of its cells in the JSON text; a note says which cell it is."""
    if finding.cell is None:
        return finding
    steps = tuple(_in_document(step, notebooks) for step in finding.steps)
    note = f"in {place_in_words(finding)} of the notebook"
    return _in_document(finding._replace(steps=steps, notes=(note, *finding.notes)), notebooks)


def place_in_words(place: Finding | Step) -> str:
    """Return the line of a place in words: `line 3`, or `cell 2, line 3`."""
    line = f"line {place.span.line}"
    return line if place.cell is None else f"cell {place.cell}, {line}"


def _is_in_notebook(finding: Finding) -> bool:
    places: Iterable[Finding | Step] = (finding, *finding.steps)
    return any(place.cell is None and place.path.suffix == NOTEBOOK for place in places)


def _in_cell(place: PlaceT, notebooks: Notebooks) -> PlaceT:
    notebook = notebooks(place.path) if place.path.suffix == NOTEBOOK and place.cell is None else None
    cell = notebook.cell_at(place.span.line) if notebook is not None else None
    if cell is None:
        return place
    line, column, end_line, end_column = place.span
    above = cell.line - 1
    return place._replace(span=Span(line - above, column, end_line - above, end_column), cell=cell.number)


def _in_document(place: PlaceT, notebooks: Notebooks) -> PlaceT:
    notebook = notebooks(place.path) if place.cell is not None else None
    if notebook is None or place.cell is None:
        return place
    line, column, end_line, end_column = place.span
    start = notebook.place_in_document(place.cell, line, column)
    end = notebook.place_in_document(place.cell, end_line, end_column)
    return place._replace(span=Span(*start, *end), cell=None)
