"""The judge of fixes: the same choices, before and after, must give the same behaviour but for the leak.

An outcome is what a caller can see: how the function ends, what was asked of the database and of unknown code (but for
closing), and whether each connection that is returned or handed on is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.fixes.apply import Fixed, fix
from dbhygiene.source.file import File, NoProject

from .judge import LIMIT, Outcome, Play, Site, TooLargeError
from .orm import Order
from .reach import within
from .world import LATE, Connection

LEAKS = ("HYG101", "HYG102", "HYG103", "HYG209")
CODES = (*LEAKS, "HYG105")  # a leak may change its rule: what is closed no more since it has been replaced


class Seen(NamedTuple):
    """One run, as its caller sees it."""

    picks: tuple[int, ...]
    ended: str
    trace: tuple[str, ...]
    open_after: tuple[bool, ...]  # of what is returned or handed on, in the order of birth
    detached: int | None  # how many of the objects that others have now can load nothing more; None where it raised
    guarded: tuple[bool, ...]  # for each connection: whether it is closed within the block of a guard
    leaking: tuple[Site | None, ...]  # for each connection, in the order of birth: where it was opened, if it leaks


@dataclass(frozen=True)
class Judged:
    """A program with findings, its fix, and what is wrong with it."""

    source: str
    found: int
    fixed: Fixed
    complaints: tuple[str, ...]


def judge_fix(source: str, *, limit: int = LIMIT) -> Judged | None:
    """What fixing a program does to it; None where nothing is found in it, or nothing can be learnt from it."""
    before = _findings(_file(source))
    found = sum(finding.code in LEAKS for finding in before)
    if not found:
        return None
    fixed = fix(_file(source), _findings)
    if fixed.text == source:
        return Judged(source, found, fixed, ())
    try:
        runs = list(_both(source, fixed.text, limit))
    except (TooLargeError, _MistakenError):
        return None
    complaints = [*_leaks_left(before, fixed, runs), *_changes(runs)]
    if fix(_file(fixed.text), _findings).text != fixed.text:
        complaints.append("a second fix changes it once more")
    return Judged(source, found, fixed, tuple(complaints))


def same_behaviour(before: str, after: str, *, limit: int = LIMIT) -> list[str]:
    """What a fix changed that it should not have, in words; raises TooLargeError."""
    return list(_changes(_both(before, after, limit)))


def leaks(source: str, *, limit: int = LIMIT) -> int:
    """In how many runs something leaks."""
    play = Play(source)
    return sum(any(seen.leaking) for entry in play.entries for seen in _runs(play, entry, limit).values())


class _Both(NamedTuple):
    """The runs of one function, before and after, by their picks."""

    entry: str
    old: dict[tuple[int, ...], Seen]
    new: dict[tuple[int, ...], Seen]
    errs: bool  # whether it does, when it is fixed, what no program does knowingly: it asks a constant to close


def _both(before: str, after: str, limit: int) -> Iterator[_Both]:
    """What a generator yields is lent, or handed on, in both alike."""
    old, new = Play(before), Play(after)
    new.lending = old.lending
    for entry in old.entries:
        was = _runs(old, entry, limit)
        if old.world.has_mistake:
            raise _MistakenError
        yield _Both(entry, was, _runs(new, entry, limit), new.world.has_mistake)


def _changes(runs: Iterable[_Both]) -> Iterator[str]:
    for each in runs:
        yield from (f"{each.entry}: {complaint}" for complaint in _compare(each))


class _MistakenError(Exception):
    """The program errs by itself."""


def _file(source: str, least: Confidence = Confidence.LIKELY) -> File:
    return File(Path("program.py"), source, project=NoProject(Settings(min_confidence=least)))


def _findings(file: File) -> list[Finding]:
    return _found(file.text, file.project.settings.min_confidence)


@lru_cache(maxsize=8)  # each text is asked about twice: when it is fixed, and when it is judged
def _found(source: str, least: Confidence) -> list[Finding]:
    return check_file(_file(source, least), [rule for rule in all_rules() if rule.code in CODES])


def _leaks_left(before: list[Finding], fixed: Fixed, runs: Iterable[_Both]) -> Iterator[str]:
    """Leaks that were found before, are there still, and are found no more.

    A finding without a path is not counted: any `close` in the text silences it, that of another fix, too.
    """
    was_found = {(each.span.line, each.span.column) for each in before if each.steps}
    is_left = {(each.span.line, each.span.column) for each in _findings(_file(fixed.text, Confidence.POSSIBLE))}
    told: set[Site | None] = set()
    for entry, old, new, _ in runs:
        for picks, was in old.items():
            pairs = zip(was.leaking, new[picks].leaking, strict=False) if picks in new else ()
            for first, second in pairs:
                if first in was_found and second is not None and second not in is_left and second not in told:
                    told.add(second)
                    yield f"{entry}: the leak of line {first[0]} is still there, at line {second[0]}"


def _compare(runs: _Both) -> Iterator[str]:
    _, old, new, errs = runs
    if errs:
        yield "it errs by itself, now that it is fixed"
    if old.keys() != new.keys():
        yield "it can run in other ways than before"
    for picks in old.keys() & new.keys():
        was, now = old[picks], new[picks]
        if any(what.endswith(LATE) for what in was.trace):
            continue  # in truth this raises: the program errs by itself
        for question in ("ended", "trace", "open_after", "detached"):
            if getattr(was, question) != getattr(now, question):
                yield f"{question} at {picks}: {getattr(was, question)} became {getattr(now, question)}"
                return
        if any(first > second for first, second in zip(was.guarded, now.guarded, strict=False)):
            yield f"closed outside of its guard at {picks}"
            return
        if sum(map(bool, now.leaking)) > sum(map(bool, was.leaking)):
            yield f"more leaks at {picks}"
            return


def _runs(play: Play, entry: str, limit: int) -> dict[tuple[int, ...], Seen]:
    if entry not in play.functions:
        return {}
    return {seen.picks: seen for seen in (_seen(each, play) for each in play.runs(entry, limit))}


def _seen(outcome: Outcome, play: Play) -> Seen:
    world = play.world
    safe = outcome.handed_on(world)
    ended = type(outcome.error).__name__ if outcome.error else _shape(outcome.value)
    return Seen(
        picks=tuple(world.tape.picks),
        ended=ended,
        trace=tuple(world.trace),
        open_after=tuple(each.is_open for each in world.connections if each in safe),
        detached=None if outcome.error else sum(each.session is None for each in _objects(outcome, play)),
        guarded=tuple(each.is_guarded for each in world.connections),
        leaking=tuple(
            play.sites[each.site][1] if each.site is not None and each.is_open and each not in safe else None
            for each in world.connections
        ),
    )


def _objects(outcome: Outcome, play: Play) -> list[Order]:
    return [each for each in within(outcome.outside(play.world)) if isinstance(each, Order)]


def _shape(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({', '.join(map(_shape, value))})"
    return "connection" if isinstance(value, Connection) else type(value).__name__
