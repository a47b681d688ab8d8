"""One file per output format; each a pure function of findings, imported when it is asked for.

A format `x-y` of `settings.FORMATS` is the module `x_y` here, and in it `report(findings, scene)`, the output in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from dbhygiene.diagnostics.model import AnyRule, Finding
from dbhygiene.source.records import Frozen, Record

ONE_BY_ONE = frozenset({"full", "concise", "json-lines", "pylint", "azure"})  # parts may be printed as they come


class TerminalStyle(Record):
    """What the reader's terminal can show, and how much of a story is wanted."""

    color: bool = False
    width: int | None = None  # None: no terminal, lines may be long
    links: bool = False
    every_step: bool = False


class RenderContext(Frozen):
    """What a report may ask about the world around the findings.

    `preview` gives the text that a finding's fix would make of its file, or says why it does not, or is silent: None.
    """

    lines: Callable[[Path], Sequence[str]]
    display_path: Callable[[Path], str]  # a path as it is written for people
    base: Path  # what paths are relative to where machines read them
    rules: Mapping[str, AnyRule] = {}  # by name
    version: str = ""
    style: TerminalStyle = TerminalStyle()
    preview: Callable[[Finding], Sequence[str] | str | None] = lambda finding: None


Format = Callable[[Iterable[Finding], RenderContext], Iterator[str]]


def reporter(name: str) -> Format:
    """What writes a format."""
    found: Format = import_module(f"{__name__}.{name.replace('-', '_')}").report
    return found
