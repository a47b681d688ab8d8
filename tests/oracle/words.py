"""Holds the sentences of findings against runs: each step and note must be true of one run that leaves it open."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.file import File, NoProject

from .judge import LIMIT, Outcome, Play, TooLargeError
from .world import Connection

CODES = ("HYG101", "HYG102")
_LINE = re.compile(r"\(line (\d+)\)")


class Ended(NamedTuple):
    """How one run of a function ended for the connections that one of its calls brought to life."""

    open: bool  # one of them is left open, and nobody has it
    error: bool
    raised: tuple[int, ...]  # the lines at which exceptions came up, each at its first line in the function
    passed: frozenset[int]  # the lines that were run


class Untrue(NamedTuple):
    """A sentence that no run bears out."""

    line: int
    sentence: str


def findings(source: str) -> list[Finding]:
    file = File(Path("program.py"), source, project=NoProject(Settings(min_confidence=Confidence.POSSIBLE)))
    return [each for each in check_file(file, all_rules()) if each.code in CODES]


def untrue(source: str, *, bound: int = 2, limit: int = LIMIT) -> list[Untrue] | None:
    """The sentences about a program that no run bears out; None where too many runs would be needed."""
    found = findings(source)
    if not found:
        return []
    play = Play(source, bound)
    try:
        ends = {entry: list(_ends(play, entry, limit)) for entry in play.entries}
    except TooLargeError:
        return None
    if play.world.has_mistake:
        return None
    wrong = []
    for each in found:
        place = (each.span.line, each.span.column)
        index = next((i for i, (_, site) in enumerate(play.sites) if site == place), None)
        if index not in play.reached:
            continue  # opened in a handler that only what is not modelled enters
        if index is not None and (entry := play.sites[index][0]) in ends:
            seen = [end for of, end in ends[entry] if of == index]
            wrong += [Untrue(each.span.line, text) for text in _untrue(source, each, seen)]
    return wrong


def _untrue(source: str, finding: Finding, ends: list[Ended]) -> Iterator[str]:
    leaking = [end for end in ends if end.open]
    if not any(end.error is (finding.code == "HYG102") for end in leaking):
        yield finding.message
    if "never closed" in finding.message and any(not (end.open or end.error) for end in ends):
        yield finding.message
    for step in finding.steps:
        if not any(_bears_out(source, step.message, step.span.line, step.span.end_line, end) for end in leaking):
            yield f"{step.span.line}: {step.message}"
    for note in finding.notes:
        for number in _LINE.findall(note) if "stays open" in note else ():
            if not any(end.raised[-1:] == (int(number),) for end in leaking):
                yield f"{note} [{number}]"


def _bears_out(source: str, message: str, line: int, last: int, end: Ended) -> bool:
    """Whether a step may be true of a run; what cannot be seen from outside is taken to be."""
    if message == "raised here":
        return bool(end.raised) and not end.passed.isdisjoint(range(line, last + 1))
    if message in {"this raises", "this raises `SystemExit`"}:
        return any(line <= raised <= last for raised in end.raised)
    if message == "this `with` suppresses the exception":
        block = next(
            node
            for node in ast.walk(ast.parse(source))
            if isinstance(node, (ast.With, ast.AsyncWith)) and any(i.context_expr.lineno == line for i in node.items)
        )
        inside = range(block.lineno, (block.end_lineno or 0) + 1)
        goes_on = not end.error or any(line >= inside.stop for line in end.passed)
        return goes_on and any(raised in inside for raised in end.raised)
    if message == "caught here":
        return bool(end.raised)
    if message.startswith("the function returns"):
        return not end.error and not end.passed.isdisjoint(range(line, last + 1))
    if message.startswith("the function ends"):
        return not end.error
    return True


def _ends(play: Play, entry: str, limit: int) -> Iterator[tuple[int, Ended]]:
    watch = _Watch(entry)
    runs = play.runs(entry, limit)
    while True:
        watch.begin()
        sys.settrace(watch)
        try:
            outcome = next(runs, None)
        finally:
            sys.settrace(None)
        if outcome is None:
            return
        yield from _of_sites(play, entry, outcome, watch)


def _of_sites(play: Play, entry: str, outcome: Outcome, watch: _Watch) -> Iterator[tuple[int, Ended]]:
    safe: set[Connection] = outcome.owned(play.world)
    for number in {c.site for c in play.world.connections if c.site is not None}:
        if play.sites[number][0] == entry:
            mine = [c for c in play.world.connections if c.site == number]
            left_open = any(c.is_open and c not in safe for c in mine)
            yield number, Ended(left_open, outcome.error is not None, tuple(watch.raised), frozenset(watch.passed))


class _Watch:
    """Sees where exceptions come up in one function of the program, and which lines are run."""

    def __init__(self, entry: str) -> None:
        self.name = entry.rpartition(".")[2]
        self.begin()

    def begin(self) -> None:
        self.raised: list[int] = []
        self.passed: set[int] = set()
        self._seen: list[BaseException] = []

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        code: CodeType = frame.f_code
        if event == "call" and code.co_filename == "<program>" and code.co_name == self.name:
            return self._local
        return None

    def _local(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception":
            error = argument[1]
            awaited = isinstance(error, StopIteration)  # how a coroutine gives its result
            if not awaited and not any(error is seen for seen in self._seen):
                self._seen.append(error)
                self.raised.append(frame.f_lineno)
        elif event == "line":
            self.passed.add(frame.f_lineno)
        return self._local
