"""What is known of the connection at a point of a function, and of a function as a whole.

A connection is fresh, or open since a query, or stale once it has been idle for longer than the server waits. What
matters of all the ways that lead to a point is the worst: the longest time since the last query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from dbhygiene.flow.bindings import Place
from dbhygiene.frozen import Record, replace
from dbhygiene.gaps.effects import Spot
from dbhygiene.gaps.loops import Cycle
from dbhygiene.gaps.seconds import NO_TIME, ONCE, Rounds, Seconds
from dbhygiene.library.waits import Kind


class Pause(Record):
    """Time that goes by without a query; `spot` is its longest wait, None where there is none."""

    seconds: Seconds = NO_TIME
    spot: Spot | None = None
    kind: Kind = Kind.SLEEP

    def seen_from(self, spot: Spot) -> Pause:
        """The same, where a call leads there."""
        return self if self.spot is None else replace(self, spot=spot.leading_to(self.spot))

    def widened(self, newer: Pause) -> Pause:
        """What replaces this where a recursion has changed it."""
        if newer.seconds == self.seconds:
            return self
        place = newer if self.spot is None else self
        return Pause(self.seconds.widened(newer.seconds), place.spot, place.kind)


class Wait(Record):
    """One wait on the way from the last query.

    `around` are the loops whose end was reached since; when the way comes by again, they are known to go round
    without a query, and the wait counts once for each of their `rounds`.
    """

    pause: Pause
    spot: Spot
    around: frozenset[Cycle] = frozenset()
    counted: frozenset[Cycle] = frozenset()
    rounds: Rounds = ONCE

    @property
    def seconds(self) -> Seconds:
        return self.pause.seconds * self.rounds

    @property
    def key(self) -> tuple[object, ...]:
        lasts, rounds = self.pause.seconds, self.rounds
        loops = [sorted(cycle.head.number for cycle in cycles) for cycles in (self.around, self.counted)]
        numbers = (lasts.least, lasts.likely, lasts.most, rounds.least, rounds.likely, rounds.most)
        return (_places(self.spot), _places(self.pause.spot), self.pause.kind.name, numbers, loops)


class Idle(Record):
    """The connection lies idle: since a query of this function, or, without one, since before it was called."""

    since: Spot | None
    waits: tuple[Wait, ...] = ()
    kept: Spot | None = None  # what was to close it meanwhile, and did not: it was not old enough

    @cached_property
    def seconds(self) -> Seconds:
        return sum((wait.seconds for wait in self.waits), NO_TIME)

    def rank(self, limit: float) -> tuple[float, ...]:
        return (*self.seconds.rank(limit), sum(len(wait.around | wait.counted) for wait in self.waits))

    @cached_property
    def key(self) -> tuple[object, ...]:
        """What orders times that are equally bad, so that it does not matter which of them comes first."""
        return (_places(self.since), [wait.key for wait in self.waits], _places(self.kept))

    def longest(self, limit: float) -> Wait | None:
        return max(self.waits, key=lambda wait: wait.seconds.rank(limit), default=None)

    def why(self, limit: float) -> object:
        """Its longest wait, if this is too long by itself: whoever closes before another one does not help there."""
        if limit not in self._why:
            longest = self.longest(limit)
            self._why[limit] = longest.spot.origin.node if longest and longest.seconds.confidence(limit) else None
        return self._why[limit]

    @cached_property
    def _why(self) -> dict[float, object]:
        return {}

    def pause(self, limit: float) -> Pause:
        longest = self.longest(limit)
        return Pause(self.seconds, longest.spot, longest.pause.kind) if longest else Pause()

    def crossing(self, cycle: Cycle) -> Idle:
        """After a round of a loop: what was waited for within it may be waited for again."""
        return replace(self, waits=tuple(_crossed(wait, cycle) for wait in self.waits))

    def waiting(self, pause: Pause, spot: Spot, rounds: Callable[[Cycle], Rounds]) -> Idle:
        """After one more wait; one that was met before, on a round without a query, adds up."""
        for index, wait in enumerate(self.waits):
            if wait.spot.node is spot.node:
                again = (*self.waits[:index], _again(wait, rounds), *self.waits[index + 1 :])
                return replace(self, waits=again)
        if self.waits and self.seconds + pause.seconds == self.seconds:
            return self  # it is unbounded already
        return replace(self, waits=(*self.waits, Wait(pause, spot)))

    def closed_by_age(self, age: float, spot: Spot, limit: float) -> Idle | None:
        """After `close_old_connections()`, where a connection may get this old; None where it is closed."""
        waited = self.seconds.most > 0
        return None if waited and (age <= limit or self.seconds.least >= age) else replace(self, kept=spot)


def _crossed(wait: Wait, cycle: Cycle) -> Wait:
    if cycle in wait.counted or not cycle.holds(wait.spot.node):
        return wait
    return Wait(wait.pause, wait.spot, wait.around | {cycle}, wait.counted, wait.rounds)


def _again(wait: Wait, rounds: Callable[[Cycle], Rounds]) -> Wait:
    total = wait.rounds
    for cycle in wait.around:
        total = total * rounds(cycle)
    return Wait(wait.pause, wait.spot, frozenset(), wait.counted | wait.around, total)


class State(Record):
    """The worst that may be true at a point: without a query so far, and since a query. Neither: freshly closed.

    Since a query, it is the worst for each wait that is too long by itself: each is a fault of its own.

    A queryset keeps the rows that it has asked for. Of the function's variables, `evaluated` hold one that has, on
    every way to this point, and `perhaps` on some.
    """

    entered: Idle | None = None
    asked: tuple[Idle, ...] = ()
    evaluated: frozenset[Place] = frozenset()
    perhaps: frozenset[Place] = frozenset()

    def joined(self, other: State, limit: float) -> State:
        return State(
            _worse(self.entered, other.entered, limit),
            worst_of_each((*self.asked, *other.asked), limit),
            self.evaluated & other.evaluated,
            self.perhaps | other.perhaps,
        )

    def closed(self) -> State:
        return replace(self, entered=None, asked=())

    def having(self, rows: Place) -> State:
        return replace(self, evaluated=self.evaluated | {rows}, perhaps=self.perhaps | {rows})

    def binding(self, place: Place) -> State:
        """After an assignment: what the variable holds now has not been asked for."""
        if place not in self.perhaps:
            return self
        return replace(self, evaluated=self.evaluated - {place}, perhaps=self.perhaps - {place})


def _places(spot: Spot | None) -> list[tuple[str, int, int, str]]:
    """A spot and those within it, by where they are."""
    found = []
    while spot is not None:
        found.append((str(spot.file.path), spot.node.lineno, spot.node.col_offset, spot.words))
        spot = spot.inner
    return found


def _worse(one: Idle | None, other: Idle | None, limit: float) -> Idle | None:
    if one is None or other is None:
        return one or other
    return _worse_of(one, other, limit)


def _worse_of(one: Idle, other: Idle, limit: float) -> Idle:
    rank, its_rank = one.rank(limit), other.rank(limit)
    if rank != its_rank:
        return one if rank > its_rank else other
    return one if one == other else min(one, other, key=lambda idle: idle.key)


def worst_of_each(idle: Iterable[Idle], limit: float) -> tuple[Idle, ...]:
    """The worst of those that have the same reason, in an order that does not depend on theirs."""
    found: dict[object, Idle] = {}
    for each in idle:
        why = each.why(limit)
        found[why] = _worse_of(found[why], each, limit) if why in found else each
    return tuple(sorted(found.values(), key=lambda each: each.key)) if len(found) > 1 else tuple(found.values())


class Since(Record):
    """The last query of a function, and the pause since then."""

    asked: Spot
    after: Pause = Pause()
    kept: Spot | None = None  # as with Idle

    @property
    def why(self) -> object:
        return self.after.spot and self.after.spot.origin.node

    def widened(self, newer: Since) -> Since:
        return Since(self.asked, self.after.widened(newer.after), self.kept or newer.kept)


class Ending(Record):
    """How a function may end: after a pause without any query, or with one since a query, the longest first."""

    reached: bool = False
    through: Pause | None = None
    since: tuple[Since, ...] = ()
    kept: Spot | None = None  # as with Idle, where there was no query

    @property
    def after(self) -> Pause:
        return self.since[0].after if self.since else Pause()

    def widened(self, newer: Ending) -> Ending:
        if not self.reached or not newer.reached:
            return newer if newer.reached else self
        through = self.through or newer.through
        if self.through is not None and newer.through is not None:
            through = self.through.widened(newer.through)
        since = {each.why: each for each in self.since}
        for each in newer.since:
            known = since.get(each.why)
            since[each.why] = known.widened(each) if known is not None else each
        return Ending(True, through, tuple(since.values()), self.kept or newer.kept)


class Summary(Record):
    """What a function means to the connection of its caller: a pause, then its first query; and how it ends."""

    first: Spot | None = None
    before: Pause = Pause()
    returns: Ending = Ending()
    raises: Ending = Ending()

    def widened(self, newer: Summary) -> Summary:
        """What replaces this where a recursion has changed it."""
        before = self.before.widened(newer.before) if self.first is not None else newer.before
        returns, raises = self.returns.widened(newer.returns), self.raises.widened(newer.raises)
        return Summary(self.first or newer.first, before, returns, raises)


NEVER_ENDS = Summary()
SILENT = Summary(returns=Ending(True, Pause()))
UNKNOWN = Summary(returns=Ending(True))  # the connection may have been closed, or made anew
