"""`RenderContext`, and one file for each output format: a pure function of findings, imported when it is used.

A format `x-y` of `settings.FORMATS` is the module `x_y` here, and in it `report(findings, scene)`, the output in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dbhygiene.diagnostics.model import Finding, Source
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import Frozen, Record

if TYPE_CHECKING:
    from dbhygiene.diagnostics.overview import Overview
    from dbhygiene.diagnostics.text_edits import TextChange

# Their parts may be printed as they come.
ONE_BY_ONE = frozenset({"full", "concise", "agent", "json-lines", "pylint", "azure"})


class TerminalStyle(Record):
    """The abilities of the terminal, and how many steps of a path to show."""

    color: bool = False
    width: int | None = None  # None: no terminal, lines are not wrapped
    links: bool = False
    every_step: bool = False


class RenderContext(Frozen):
    """What a report needs besides the findings: lines of files, paths, rules, addresses, previews of fixes.

    `fixed` returns what the fix of a finding changes, proven unless the fix is only shown; `preview` returns the lines
    of the fixed file, for the first findings of a run. Both return the reason if a fix cannot be proved, and None
    without a fix. `overview` analyses all files of the run again. A finding in a notebook has the lines of its cell;
    `in_file` returns it with those of the file. `skipped` returns the syntax errors that are no findings, once all
    findings were read. `documentation` and `repository` are addresses with a slash at their end, or empty if not known.
    """

    lines: Callable[[Path], Sequence[str]]  # of a file; of a notebook, its JSON text
    display_path: Callable[[Path], str]  # a path as it is printed in text formats
    base: Path  # the directory to which paths in formats for tools are relative
    page: Callable[[str], str] = lambda name: name.replace("-", " ")  # of a rule, by its name, as Markdown
    part: str = ""  # the current directory, relative to `base`; empty: the same
    version: str = ""
    documentation: str = ""
    repository: str = ""
    style: TerminalStyle = TerminalStyle()
    preview: Callable[[Finding], Sequence[str] | str | None] = lambda finding: None
    fixed: Callable[[Finding], TextChange | str | None] = lambda finding: None
    overview: Callable[[], Overview | None] = lambda: None
    cell_lines: Callable[[Path, int], Sequence[str]] = lambda path, cell: ()
    in_file: Callable[[Finding], Finding] = lambda finding: finding
    skipped: Callable[[], Sequence[Finding]] = lambda: ()

    def lines_of(self, source: Source) -> Sequence[str]:
        """Return the lines of a file, or of a cell of a notebook; none if it can no longer be read."""
        return self.lines(source.path) if source.cell is None else self.cell_lines(source.path, source.cell)

    def display_place(self, source: Source, span: Span) -> str:
        """Return a place as text formats print it: `app.py:5:1`, or `notebook.ipynb:cell 3:5:1`."""
        return f"{self.display_path(source.path)}{cell_label(source)}:{span.line}:{span.column + 1}"


def cell_label(source: Source) -> str:
    """Return what follows the path of a notebook in a place; empty for other files."""
    return "" if source.cell is None else f":cell {source.cell}"


Format = Callable[[Iterable[Finding], RenderContext], Iterator[str]]


def reporter(name: str) -> Format:
    """Return the function that writes a format."""
    found: Format = import_module(f"{__name__}.{name.replace('-', '_')}").report
    return found
