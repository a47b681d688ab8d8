"""`State`: the state of Django's connection at a node; `GapSummary`: the summary of a function.

Order.objects.count()                # then, `asked`: idle since this query
time.sleep(3600)                     # then, `asked`: idle for 3600 s
connection.close()                   # then, neither `asked` nor `entered`: the next query opens a new connection

A connection is fresh, in use since a query, or stale after an idle time that exceeds the timeout. The join of several
paths is the worst case: the longest idle time since the last query.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import cached_property

from dbhygiene.config.settings import Confidence
from dbhygiene.gaps.duration import FOR_EVER, NO_TIME, ONCE, UNBOUNDED, Duration, Rounds
from dbhygiene.gaps.effects import Location
from dbhygiene.gaps.loops import Cycle
from dbhygiene.library.waits import WaitKind
from dbhygiene.program.bindings import Place
from dbhygiene.source.records import Record, replace


class CloseByAge(Record):
    """A call of `close_old_connections()`, which closes the connection if it is older than `age`, in seconds."""

    age: float
    spot: Location

    def closes_after(self, idle: Duration, limit: float) -> bool:
        """Whether it closes a connection that was idle before: for so long, the connection has lived at least."""
        return idle.most > 0 and (self.age <= limit or idle.least >= self.age)

    @property
    def key(self) -> tuple[object, ...]:
        """Return the sort key: of two checks, the one that closes less is the worse."""
        return (self.age, _places(self.spot))

    def at_call(self, spot: Location) -> CloseByAge:
        """Return this check at the place of a call that leads to it."""
        return replace(self, spot=spot.leading_to(self.spot))


def _on_both_paths(one: CloseByAge | None, other: CloseByAge | None) -> CloseByAge | None:
    """Return the check that is made whichever of two paths is taken: of two, the one that closes less."""
    return max(one, other, key=lambda check: check.key) if one and other else None


class Pause(Record):
    """Time without a query; `spot` is its longest wait, None if there is none; `longest` is how long that takes.

    `age_check` is one that the connection outlived, or that ends what was idle time before the pause. `attempts` is the
    loop of attempts whose failures the pause follows: the rounds of a loop around it need it rarely.
    """

    seconds: Duration = NO_TIME
    spot: Location | None = None
    kind: WaitKind = WaitKind.SLEEP
    longest: Duration | None = None  # None: all of the time
    age_check: CloseByAge | None = None
    attempts: ast.For | None = None

    def at_call(self, spot: Location) -> Pause:
        """Return this pause at the place of a call that leads to it."""
        check = self.age_check and self.age_check.at_call(spot)
        return replace(self, spot=self.spot and spot.leading_to(self.spot), age_check=check)

    def worse(self, other: Pause, limit: float) -> Pause:
        """Return the pause of the worse of two paths, with the check that both make."""
        longer = self if self.seconds.rank(limit) >= other.seconds.rank(limit) else other
        return replace(longer, age_check=_on_both_paths(self.age_check, other.age_check))

    def widen(self, newer: Pause) -> Pause:
        """Return the pause that replaces this one when a recursion makes it longer."""
        check = _on_both_paths(self.age_check, newer.age_check)
        if newer.seconds == self.seconds:
            return replace(self, age_check=check)
        place = newer if self.spot is None else self
        seconds = self.seconds.widen(newer.seconds)
        return Pause(seconds, place.spot, place.kind, age_check=check, attempts=place.attempts)


class WaitOnPath(Record):
    """One wait on the path from the last query.

    `around` are the loops whose end was reached since; when the path comes back, they are known to go round
    without a query, and the wait counts once for each of their `rounds`.
    """

    pause: Pause
    spot: Location
    around: frozenset[Cycle] = frozenset()
    counted: frozenset[Cycle] = frozenset()
    rounds: Rounds = ONCE

    @property
    def seconds(self) -> Duration:
        return self._over_rounds(self.pause.seconds)

    @property
    def longest(self) -> Duration:
        """The duration of the longest wait that this one is made of."""
        return self._over_rounds(self.pause.longest or self.pause.seconds)

    def _over_rounds(self, once: Duration) -> Duration:
        lasts = once * self.rounds
        polls = self.rounds.endless and self.pause.kind is WaitKind.HTTP and lasts.most == FOR_EVER
        return UNBOUNDED if polls else lasts

    @property
    def key(self) -> tuple[object, ...]:
        lasts, rounds = self.pause.seconds, self.rounds
        loops = [sorted(cycle.head.number for cycle in cycles) for cycles in (self.around, self.counted)]
        numbers = (lasts.least, lasts.likely, lasts.most, rounds.least, rounds.likely, rounds.most)
        return (_places(self.spot), _places(self.pause.spot), self.pause.kind.name, numbers, loops)


class Idle(Record):
    """An idle time of the connection: since a query of this function, or, without one, since before it was called."""

    since: Location | None
    waits: tuple[WaitOnPath, ...] = ()
    age_check: CloseByAge | None = None  # that did not close it; or, without a query, that may close it for the caller

    @cached_property
    def seconds(self) -> Duration:
        return sum((wait.seconds for wait in self.waits), NO_TIME)

    def interrupt(self, limit: float) -> Idle:
        """Return the idle time after what may be a query; a wait before it that is too long by itself still counts."""
        return self if (self.seconds.confidence(limit) or 0) >= Confidence.LIKELY else replace(self, waits=())

    def rank(self, limit: float) -> tuple[float, ...]:
        return (*self.seconds.rank(limit), sum(len(wait.around | wait.counted) for wait in self.waits))

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Return the sort key of idle times that are equally bad, so that the choice does not depend on their order."""
        return (
            _places(self.since),
            [wait.key for wait in self.waits],
            self.age_check.key if self.age_check else (),
        )

    def longest(self, limit: float) -> WaitOnPath | None:
        """Return the wait to report: the longest, but no request of a poll that also sleeps long enough."""

        def rank(wait: WaitOnPath) -> tuple[float, ...]:
            sure, *rest = wait.seconds.rank(limit)
            return (sure, wait.pause.kind is not WaitKind.HTTP, *rest)

        return max(self.waits, key=rank, default=None)

    def why(self, limit: float) -> object:
        """Return the longest wait, if it is too long by itself: only a close right before it prevents the gap."""
        if limit not in self._why:
            longest = self.longest(limit)
            self._why[limit] = longest.spot.origin.node if longest and longest.seconds.confidence(limit) else None
        return self._why[limit]

    @cached_property
    def _why(self) -> dict[float, object]:
        return {}

    def pause(self, limit: float) -> Pause:
        longest = self.longest(limit)
        if longest is None:
            return Pause(age_check=self.age_check)
        pause = longest.pause
        return Pause(self.seconds, longest.spot, pause.kind, longest.longest, self.age_check, pause.attempts)

    def after_round(self, cycle: Cycle) -> Idle:
        """Return the idle time after a round of a loop: a wait within it may happen again."""
        return replace(self, waits=tuple(_cross_loop(wait, cycle) for wait in self.waits))

    def after_wait(self, pause: Pause, spot: Location, rounds: Callable[[Cycle], Rounds]) -> Idle:
        """Return the idle time after one more wait; one that repeats, on a round without a query, adds up."""
        for index, wait in enumerate(self.waits):
            if wait.spot.node is spot.node:
                again = (*self.waits[:index], _repeat(wait, rounds), *self.waits[index + 1 :])
                return replace(self, waits=again)
        if self.seconds.likely == FOR_EVER:
            return self  # it is unbounded already; where only `most` is, a loop may repeat the new wait alone
        return replace(self, waits=(*self.waits, WaitOnPath(pause, spot)))

    def after_age_check(self, check: CloseByAge, limit: float) -> Idle | None:
        """Return the idle time after `close_old_connections()`; None if that closes the connection."""
        return None if check.closes_after(self.seconds, limit) else replace(self, age_check=check)


def _cross_loop(wait: WaitOnPath, cycle: Cycle) -> WaitOnPath:
    if cycle in wait.counted or not cycle.holds(wait.spot.node):
        return wait
    return WaitOnPath(wait.pause, wait.spot, wait.around | {cycle}, wait.counted, wait.rounds)


def _repeat(wait: WaitOnPath, rounds: Callable[[Cycle], Rounds]) -> WaitOnPath:
    total = wait.rounds
    for cycle in wait.around:
        times = rounds(cycle)
        if wait.pause.attempts not in (None, cycle.loop):
            times = replace(times, least=min(times.least, 1), likely=min(times.likely, 1))
        total = total * times
    return WaitOnPath(wait.pause, wait.spot, frozenset(), wait.counted | wait.around, total)


class State(Record):
    """The worst that may be true at a point: without a query so far, and since a query. Neither: freshly closed.

    Since a query, it is the worst for each wait that is too long by itself: each is a fault of its own.

    A queryset keeps the rows that it has queried. Of the function's variables, `evaluated` hold one that has, on
    every path to this point, and `perhaps` on some. `interrupted`: on some path, there may have been a query.
    """

    entered: Idle | None = None
    asked: tuple[Idle, ...] = ()
    evaluated: frozenset[Place] = frozenset()
    perhaps: frozenset[Place] = frozenset()
    interrupted: bool = False

    def join(self, other: State, limit: float) -> State:
        return State(
            _worse(self.entered, other.entered, limit),
            worst_of_each((*self.asked, *other.asked), limit),
            self.evaluated & other.evaluated,
            self.perhaps | other.perhaps,
            self.interrupted or other.interrupted,
        )

    def interrupt(self, limit: float) -> State:
        """Return the state after what may be a query."""
        entered = self.entered and self.entered.interrupt(limit)
        asked = worst_of_each((idle.interrupt(limit) for idle in self.asked), limit)
        return replace(self, entered=entered, asked=asked, interrupted=True)

    def close(self) -> State:
        return replace(self, entered=None, asked=())

    def with_rows(self, rows: Place) -> State:
        return replace(self, evaluated=self.evaluated | {rows}, perhaps=self.perhaps | {rows})

    def after_assignment(self, place: Place) -> State:
        """Return the state after an assignment: the variable's new value has not been queried."""
        if place not in self.perhaps:
            return self
        return replace(self, evaluated=self.evaluated - {place}, perhaps=self.perhaps - {place})


def _places(spot: Location | None) -> list[tuple[str, int, int, str]]:
    """Return a location and its inner ones as sort keys."""
    found = []
    while spot is not None:
        found.append((str(spot.file.path), spot.node.lineno, spot.node.col_offset, spot.words))
        spot = spot.inner
    return found


def _worse(one: Idle | None, other: Idle | None, limit: float) -> Idle | None:
    if one is None or other is None:
        return one or other
    return replace(_worse_of(one, other, limit), age_check=_on_both_paths(one.age_check, other.age_check))


def _worse_of(one: Idle, other: Idle, limit: float) -> Idle:
    rank, its_rank = one.rank(limit), other.rank(limit)
    if rank != its_rank:
        return one if rank > its_rank else other
    return one if one == other else min(one, other, key=lambda idle: idle.key)


def worst_of_each(idle: Iterable[Idle], limit: float) -> tuple[Idle, ...]:
    """Return the worst of those that have the same reason, in an order that does not depend on theirs."""
    found: dict[object, Idle] = {}
    for each in idle:
        why = each.why(limit)
        found[why] = _worse_of(found[why], each, limit) if why in found else each
    return tuple(sorted(found.values(), key=lambda each: each.key)) if len(found) > 1 else tuple(found.values())


class LastQuery(Record):
    """The last query of a function, and the wait after it."""

    query: Location
    wait_after: Pause = Pause()

    @property
    def why(self) -> object:
        return self.wait_after.spot and self.wait_after.spot.origin.node

    def widen(self, newer: LastQuery) -> LastQuery:
        return LastQuery(self.query, self.wait_after.widen(newer.wait_after))


class StateAtEnd(Record):
    """The connection where a function ends: a wait without a query, or the last queries, the longest wait first."""

    reached: bool = False
    silent_wait: Pause | None = None
    last_queries: tuple[LastQuery, ...] = ()
    interrupted: bool = False  # as with State

    @property
    def wait_after(self) -> Pause:
        return self.last_queries[0].wait_after if self.last_queries else Pause()

    def widen(self, newer: StateAtEnd) -> StateAtEnd:
        if not self.reached or not newer.reached:
            return newer if newer.reached else self
        through = self.silent_wait or newer.silent_wait
        if self.silent_wait is not None and newer.silent_wait is not None:
            through = self.silent_wait.widen(newer.silent_wait)
        since = {each.why: each for each in self.last_queries}
        for each in newer.last_queries:
            known = since.get(each.why)
            since[each.why] = known.widen(each) if known is not None else each
        return StateAtEnd(True, through, tuple(since.values()), self.interrupted or newer.interrupted)


class GapSummary(Record):
    """The effect of a function on its caller's connection: a wait, then the first query; and how the function ends."""

    first: Location | None = None
    before: Pause = Pause()
    returns: StateAtEnd = StateAtEnd()
    raises: StateAtEnd = StateAtEnd()

    def widen(self, newer: GapSummary) -> GapSummary:
        """Return the summary that replaces this one when a recursion has changed it."""
        before = self.before.widen(newer.before) if self.first is not None else newer.before
        returns, raises = self.returns.widen(newer.returns), self.raises.widen(newer.raises)
        return GapSummary(self.first or newer.first, before, returns, raises)


NEVER_ENDS = GapSummary()
SILENT = GapSummary(returns=StateAtEnd(True, Pause()))
UNKNOWN = GapSummary(returns=StateAtEnd(True))  # the connection may have been closed, or opened again
