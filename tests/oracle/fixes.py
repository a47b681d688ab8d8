"""The judge of fixes: the same choices, before and after, must give the same behaviour but for the leak.

An outcome is what a caller can see: how the function ends, what was asked of the database and of unknown code (but for
closing), and whether each connection that is returned or handed on is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .judge import Outcome, Play
from .world import Connection, World


class Seen(NamedTuple):
    """One run, as its caller sees it."""

    picks: tuple[int, ...]
    ended: str
    trace: tuple[str, ...]
    open_after: tuple[bool, ...]  # of what is returned or handed on, in the order of birth
    leaks: int


def same_behaviour(before: str, after: str, *, limit: int = 4000) -> list[str]:
    """What a fix changed that it should not have, in words; raises TooLargeError."""
    old, new = Play(before), Play(after)
    return [
        f"{entry}: {complaint}"
        for entry in old.entries
        for complaint in _compare(_runs(old, entry, limit), _runs(new, entry, limit))
    ]


def is_settled(source: str, fix: Callable[[str], str]) -> bool:
    """Whether a second fix changes nothing."""
    once = fix(source)
    return fix(once) == once


def leaks(source: str, *, limit: int = 4000) -> int:
    """In how many runs something leaks."""
    play = Play(source)
    return sum(bool(seen.leaks) for entry in play.entries for seen in _runs(play, entry, limit).values())


def _compare(old: dict[tuple[int, ...], Seen], new: dict[tuple[int, ...], Seen]) -> Iterator[str]:
    if old.keys() != new.keys():
        yield "it can run in other ways than before"
    for picks in old.keys() & new.keys():
        was, now = old[picks], new[picks]
        for question in ("ended", "trace", "open_after"):
            if getattr(was, question) != getattr(now, question):
                yield f"{question} at {picks}: {getattr(was, question)} became {getattr(now, question)}"
                return
        if now.leaks > was.leaks:
            yield f"more leaks at {picks}"
            return


def _runs(play: Play, entry: str, limit: int) -> dict[tuple[int, ...], Seen]:
    if entry not in play.functions:
        return {}
    return {seen.picks: seen for seen in (_seen(each, play.world) for each in play.runs(entry, limit))}


def _seen(outcome: Outcome, world: World) -> Seen:
    safe = outcome.handed_on(world)
    ended = type(outcome.error).__name__ if outcome.error else _shape(outcome.value)
    return Seen(
        picks=tuple(world.tape.picks),
        ended=ended,
        trace=tuple(world.trace),
        open_after=tuple(each.is_open for each in world.connections if each in safe),
        leaks=sum(each.is_open and each not in safe for each in world.connections),
    )


def _shape(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({', '.join(map(_shape, value))})"
    return "connection" if isinstance(value, Connection) else type(value).__name__
