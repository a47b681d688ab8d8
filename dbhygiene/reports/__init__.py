"""One file per output format; each a pure function of findings, imported when it is asked for.

A format `x-y` of `settings.FORMATS` is the module `x_y` here, and in it `report(findings, scene)`, the output in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dbhygiene.diagnostics.model import Finding
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
    without a fix. `overview` analyses all files of the run again. `documentation` and `repository` are addresses with a
    slash at their end, or empty if not known.
    """

    lines: Callable[[Path], Sequence[str]]
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


Format = Callable[[Iterable[Finding], RenderContext], Iterator[str]]


def reporter(name: str) -> Format:
    """Return the function that writes a format."""
    found: Format = import_module(f"{__name__}.{name.replace('-', '_')}").report
    return found
