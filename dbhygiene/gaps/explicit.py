"""`ExplicitGap`: a connection that the program holds itself is used, is idle for too long, and is used again.

conn.cursor().execute(sql)           # `first_query`
time.sleep(100_000)                  # `wait`
conn.cursor().execute(sql)           # `next_query`

Functions that get the connection as an argument, through `self` or from their module are analysed with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.dataflow.cfg import Graph
from dbhygiene.dataflow.interprocedural import Interprocedural
from dbhygiene.dataflow.limits import UNSETTLED, give_up
from dbhygiene.gaps.duration import FOR_EVER, UNBOUNDED, Duration
from dbhygiene.gaps.effects import Location
from dbhygiene.gaps.explicit_transfer import (
    NEVER_RETURNS,
    UNKNOWN,
    ExplicitWalk,
    HolderContext,
    HolderSummary,
    TrackedConnection,
    ending_key,
)
from dbhygiene.gaps.function_waits import reachable_waits
from dbhygiene.gaps.kept_connection import event_handlers, event_use
from dbhygiene.gaps.server_timeout import confidence_of_gap, timeout_settings
from dbhygiene.gaps.states import Idle
from dbhygiene.library import server_calls as library
from dbhygiene.library import waits
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes import Lifetime
from dbhygiene.lifetimes.analysis import follow
from dbhygiene.lifetimes.state import Alias, Fact, State
from dbhygiene.lifetimes.transfer import Transfer
from dbhygiene.lifetimes.value_users import title_of
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, LOOP, Function, is_none
from dbhygiene.source.records import Record, replace
from dbhygiene.source.scopes import Scope

_RETRIES = re.compile(r"retry|retries|backoff", re.IGNORECASE)


class ExplicitGap(Record):
    """A connection that is used, is idle for longer than the server may wait, and is used again.

    The locations are places of `file`; the real query or wait may be deeper, in a callee.
    """

    life: Lifetime
    file: File
    first_query: Location
    wait: Location
    next_query: Location
    seconds: Duration
    kind: waits.WaitKind
    between_calls: str = ""  # "two calls of `f`", which answers requests or events: the next call is the wait

    @property
    def confidence(self) -> Confidence:
        """Return how sure it is that the server has closed the connection, if only its default timeout may be known.

        The time that a person, a program or a single event takes is unknown; but a loop that waits for the next
        event again and again meets a quiet night.
        """
        settings = timeout_settings(self.file.project)
        if settings.server_timeout is None and self.seconds.least < settings.gap_limit:
            once = (
                self.kind in (waits.WaitKind.EVENT, waits.WaitKind.INPUT)
                and not self.between_calls
                and not self._is_in_loop
            )
            if once or self.kind in (waits.WaitKind.PERSON, waits.WaitKind.PROCESS, waits.WaitKind.TASKS):
                return Confidence.POSSIBLE
        return confidence_of_gap(self.file.project, self.seconds)

    @property
    def variable(self) -> str | None:
        """Return the name of the connection, in the function that opens it."""
        return self.life.names[0] if self.life.names else _outer_variable(self.life)

    @property
    def title(self) -> str:
        return self.variable or title_of(self.life)

    @property
    def _is_in_loop(self) -> bool:
        for outer in self.file.around(self.wait.node):
            if isinstance(outer, LOOP):
                return True
            if isinstance(outer, FUNCTION):
                return False
        return False


def explicit_gaps(life: Lifetime) -> list[ExplicitGap]:
    """Return the waits across which a connection is held, each with its worst gap."""
    return [] if _may_survive(life) else _Search(life).search()


def gap_between_events(life: Lifetime) -> ExplicitGap | None:
    """Return the gap between two events of a connection that is opened at the first one and kept: hours may pass."""
    if _may_survive(life) or (found := event_use(life)) is None:
        return None
    lasts = Duration(0.0, found.pause, found.pause)
    if lasts.confidence(timeout_settings(life.file.project).gap_limit) is None:
        return None
    later = "hours" if found.pause == FOR_EVER else Duration.exactly(found.pause)
    use = Location(found.user, found.use, "queries the server")
    wait = Location(found.file, found.place, f"the next {found.noun} of `{found.name}` may come {later} later")
    between = f"two {found.noun}s of `{found.name}`"
    return ExplicitGap(life, life.file, use, wait, use, lasts, waits.WaitKind.EVENT, between)


def _may_survive(life: Lifetime) -> bool:
    """Whether a connection is only a test's, is opened again by a decorator, or has a timeout of its own."""
    decorators = life.scope.node.decorator_list if isinstance(life.scope.node, FUNCTION) else ()
    if is_test_file(life.file) or any(_RETRIES.search(life.file.segment(each)) for each in decorators):
        return True
    return library.sets_timeout(life.file)


class _Search:
    """The search for the gaps of one connection."""

    def __init__(self, life: Lifetime) -> None:
        self._life = life
        self._gaps: dict[ast.AST, ExplicitGap] = {}  # by the innermost place of their longest wait
        self._walked: dict[HolderContext, list[tuple[Idle, Location]]] = {}
        self._meanings: Interprocedural[HolderContext, HolderSummary] = Interprocedural(
            self._summarise, lambda _: NEVER_RETURNS, lambda _: UNKNOWN, HolderSummary.widen, _report_unsettled
        )
        limit = timeout_settings(life.file.project).gap_limit
        name = _outer_variable(life)
        seeing = _functions_that_see(life.file, life.scope, name) if name is not None else ()
        self._question = TrackedConnection(life, limit, reachable_waits(life.file), self._meanings.of, seeing)

    def search(self) -> list[ExplicitGap]:
        life, start = self._life, Fact()
        parts: tuple[Graph, Transfer] | None = life.analysis.graph, life.analysis.transfer
        if self._question.seeing:
            parts = follow(life.file, life.code, life.analysis.effects, life.analysis.sites, start)
        if parts is None:
            return []
        own = ExplicitWalk(self._question, HolderContext(life.file, life.code), *parts)
        own.run(start, None)
        others = list(self._others(own.reached))
        for routine in others:
            self._meanings.of(routine)
        for routine, gaps in self._walked.items():
            self._note(routine.file, gaps)
        self._note(life.file, own.gaps)
        first = next(self._between_calls(others), None)
        return [*self._gaps.values(), *([first] if first is not None else [])]

    def _summarise(self, routine: HolderContext) -> HolderSummary:
        life = self._life
        state: State = "closed" if routine.at_rest else "open"
        start = Fact(life.birth, state, routine.aliases)
        effects = life.analysis.effects.summaries.effects(routine.file, routine.code)
        parts = follow(routine.file, routine.code, effects, {life.birth: life.resource}, start)
        if parts is None:
            return UNKNOWN
        walk = ExplicitWalk(self._question, routine, *parts)
        meaning = walk.run(start, None if routine.at_rest else Idle(None))
        self._walked[routine] = walk.gaps
        return meaning

    def _others(self, reached: set[Alias]) -> Iterator[HolderContext]:
        """Return the functions that see the connection as a field of their object, or as a variable around them."""
        life = self._life
        cls, rests = life.scope.class_scope, life.resource.is_lazy
        fields = frozenset(alias for alias in reached if str(alias[1]).startswith("self."))
        if cls is not None and fields and all(_is_kept(life.file, cls, str(where)) for _, where in fields):
            for code, scope in life.file.functions.items():
                if scope.class_scope is cls and code is not life.code:
                    yield HolderContext(life.file, code, fields, rests)
        names = frozenset(alias for alias in reached if "." not in str(alias[1]))
        for code in self._question.seeing:
            yield HolderContext(life.file, code, names, rests)

    def _between_calls(self, routines: Collection[HolderContext]) -> Iterator[ExplicitGap]:
        """Return the gaps between two calls of a function that answers requests or events: hours may pass."""
        if not routines:
            return
        places = dict(event_handlers(self._life.file))
        for routine in routines:
            place = places.get(routine.code) if isinstance(routine.code, FUNCTION) else None
            first = self._meanings.of(replace(routine, at_rest=False)).first if place is not None else None
            held = [each[0] for each in sorted(self._meanings.of(routine).endings, key=ending_key) if each is not None]
            if place is not None and first is not None and held:
                name = routine.code.name if isinstance(routine.code, FUNCTION) else ""
                wait = Location(routine.file, place, f"the next call of `{name}` may come hours later")
                between = f"two calls of `{name}`"
                asked = held[0] or first[0]
                lasts = UNBOUNDED
                yield ExplicitGap(self._life, routine.file, asked, wait, first[0], lasts, waits.WaitKind.EVENT, between)

    def _note(self, file: File, gaps: Iterable[tuple[Idle, Location]]) -> None:
        limit = self._question.limit
        for idle, again in gaps:
            longest = idle.longest(limit)
            if idle.since is None or longest is None or idle.seconds.confidence(limit) is None:
                continue
            gap = ExplicitGap(self._life, file, idle.since, longest.spot, again, idle.seconds, longest.pause.kind)
            known = self._gaps.get(longest.spot.origin.node)
            if known is None or self._rank(known) < self._rank(gap):
                self._gaps[longest.spot.origin.node] = gap

    def _rank(self, gap: ExplicitGap) -> tuple[object, ...]:
        """Return the sort key of gaps of one wait: the worst, reported in the function that waits, if possible."""
        return gap.seconds.rank(self._question.limit), gap.wait.inner is None


def _report_unsettled(routine: HolderContext) -> None:
    give_up(routine.file, routine.code, UNSETTLED)


# -- names ------------------------------------------------------------------------------------------------


def _outer_variable(life: Lifetime) -> str | None:
    """Return the variable that holds only the connection, if functions within its scope see it.

    Return None if the program also tests or reopens it somewhere.
    """
    match life.statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            given = value.value if isinstance(value, ast.Await) else value
            once = len(life.scope.aliases.get(name, ())) == 1 and name in life.file.captures.get(life.scope, ())
            return name if given is life.birth and once and not is_looked_after(life.file, name) else None
    return None


def _is_kept(file: File, cls: Scope, path: str) -> bool:
    """Whether a field is assigned once, and the program never tests or reopens the connection in it."""
    name = path.partition(".")[2]
    given = Bindings.of(file).values.get(Place(cls, name), [])
    values = [each for each in given if not is_none(each)]
    return len(values) == 1 and not is_looked_after(file, name)


def is_looked_after(file: File, name: str) -> bool:
    """Whether a program tests or reopens a connection of this name, anywhere in its file."""
    words = "|".join(sorted(library.REFRESHES | {"closed", "is_closed"}))
    return re.search(rf"\b{re.escape(name)}\.(?:{words})\b", file.text) is not None


def _functions_that_see(file: File, outer: Scope, name: str) -> tuple[Function, ...]:
    """Return the functions that use a variable of a scope around them, or its aliases, or call such functions."""
    names = {name} | {
        each
        for each, values in outer.aliases.items()
        if any(isinstance(part, ast.Name) and part.id == name for value in values for part in ast.walk(value))
    }
    bindings = Bindings.of(file)
    found: dict[str, Function] = {}
    before = -1
    while len(found) > before:  # until no other function calls one of these
        before = len(found)
        for code, scope in file.functions.items():
            if scope is outer or not isinstance(code, FUNCTION):
                continue
            for part in file.own(code):
                sees = isinstance(part, ast.Name) and part.id in names and bindings.owner(part.id, scope) is outer
                if sees or (isinstance(part, ast.Call) and file.resolve(part.func) in found):
                    found[f"{file.module}.{scope.name}"] = code
                    break
    return tuple(sorted(found.values(), key=lambda function: function.lineno))
