"""`ImplicitWalk`: the analysis of one function for gaps of Django's implicit connection, and for its summary.

Order.objects.count()                # a `Gap`: its first query,
time.sleep(100_000)                  # its wait,
Order.objects.count()                # and its next query, which fails
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from dbhygiene.config.settings import Confidence
from dbhygiene.dataflow.cfg import Bind, Event, Graph, Iterate, Load, Node, Outcome, Semantics, Test, Yield, build
from dbhygiene.dataflow.exceptions import SYSTEM_EXIT
from dbhygiene.gaps.close_calls import asks_for_transaction, is_unconnected
from dbhygiene.gaps.database_aliases import DEFAULT, NO_DATABASE, aliases_of
from dbhygiene.gaps.django_settings import age_of_connections
from dbhygiene.gaps.duration import Duration, Rounds
from dbhygiene.gaps.effects import Close, Context, Effect, Effects, Location, MayQuery, ProjectCall, Query, Segment
from dbhygiene.gaps.effects import Wait as IdleEffect
from dbhygiene.gaps.loops import Cycle, attempts_around, cycles, places, rounds, runs_once
from dbhygiene.gaps.recovery import recovers_on_path
from dbhygiene.gaps.states import CloseByAge, GapSummary, Idle, LastQuery, Pause, State, StateAtEnd, worst_of_each
from dbhygiene.gaps.timed_queries import rounds_between_queries
from dbhygiene.library.calls import EXITS
from dbhygiene.library.waits import WaitKind
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.atomic import is_atomic
from dbhygiene.program.bindings import Place
from dbhygiene.program.classes import is_command
from dbhygiene.program.code import nodes_of
from dbhygiene.program.definitions import enclosing_class
from dbhygiene.program.entry_point import EntryPoint
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, LOOP, Code, Located
from dbhygiene.source.records import Record, replace

Summaries = Callable[[Context], GapSummary]


class Sharing(Enum):
    """A process that may have the same connection, because one of the two was forked with it."""

    PARENT = "parent"
    CHILD = "child"


class Gap(Record):
    """A Django connection that is used, is idle for longer than the server may wait, and is used again.

    The locations are places of one function, `code`; the real query or wait may be deeper, in a callee.
    """

    file: File
    code: Code
    first_query: Location
    wait: Location
    next_query: Location
    seconds: Duration
    kind: WaitKind
    between_calls: bool = False  # of a callback: its next call is the wait
    age_check: CloseByAge | None = None  # a call that was to close the connection, and does not
    shared_with: Sharing | None = None  # another process that may have the same connection
    entry: EntryPoint | None = None  # how a long-lived process gets here
    task_limit: Duration | None = None  # the worker ends the task after this time, which is less than the wait
    loop: ast.While | None = None  # the outermost loop around the wait in which nothing queries the database
    longest: Duration | None = None  # of the longest wait, if this is as long as to be reported without the others

    @property
    def place(self) -> Located:
        """Return the place to change: the wait; in a callback, its first query."""
        return self.next_query.node if self.between_calls else self.wait.node

    @property
    def shown(self) -> Duration:
        """The duration to show: of the wait that the path shows; of all waits only if they matter together."""
        return self.longest or self.seconds


class ImplicitWalk(Semantics):
    """The walk through one function; `gaps` and `summary` are its result."""

    def __init__(self, routine: Context, summaries: Summaries, limit: float) -> None:
        self._routine, self._summaries, self._limit = routine, summaries, limit
        self._effects = Effects(routine)
        self._decided = dict(routine.decided)
        self._known: dict[Event, list[Effect]] = {}
        self._first: tuple[Pause, Location] | None = None
        self.gaps: dict[object, Gap] = {}
        graph = build(routine.code, self)
        self._nodes = list(graph.nodes())
        self._cycles = cycles(graph)
        self._certain = {  # by the head of a loop that runs at least once: the node that takes its next item
            head: cycle.step
            for head, cycle in self._cycles.items()
            if cycle.step is not None and cycle.loop is not None and runs_once(routine.file, cycle.loop)
        }
        self._known_rounds: dict[Cycle, Rounds] = {}
        self._kept = frozenset(self._kept_attributes(graph))
        self.states: dict[Node, State] = {}  # at the start of each node that is reached
        self.summary = self._walk(graph)

    loads = True

    @property
    def file(self) -> File:
        return self._routine.file

    @property
    def code(self) -> Code:
        return self._routine.code

    def effects_of(self, node: Node) -> list[Effect]:
        """Return the effects of a node, for an explanation."""
        return self._effects.of(node.event) if node.event is not None else []

    def is_known(self, call: ast.Call) -> bool:
        """Whether it is known what a call runs, although it has no effect."""
        return any(self._effects.names(call.func)) or bool(self._effects.candidates(call))

    # -- semantics for the graph --------------------------------------------------------------------------

    def resolve(self, expr: ast.expr) -> str | None:
        return self._routine.file.resolve(expr)

    def outcome(self, call: ast.Call) -> Outcome:
        """Return the outcome of a call. Without an effect it never raises: else any loop had a path without a query.

        But a handler that waits for longer than the server does is reached, though only once.
        """
        if (name := self.resolve(call.func)) in EXITS:
            return Outcome(False, (SYSTEM_EXIT,))
        matters = (
            any(not isinstance(effect, (Close, MayQuery)) for effect in self._effects.of_call(call)) or name == "next"
        )
        return Outcome(True, Outcome().raises if matters or self._has_long_handler(call) else ())

    def _has_long_handler(self, call: ast.Call) -> bool:
        """Whether a handler of the `try` around a call waits for longer than the server does."""
        inner: ast.AST = call
        for around in self.file.around(call):
            if isinstance(around, (*FUNCTION, ast.Lambda)):
                break
            if isinstance(around, ast.Try) and inner in around.body:
                return any(self._waits_long(handler) for handler in around.handlers)
            inner = around
        return False

    def _waits_long(self, handler: ast.ExceptHandler) -> bool:
        calls = (part for part in nodes_of(handler.body) if isinstance(part, ast.Call))
        waits = (effect for call in calls for effect in self._effects.of_call(call))
        return any(isinstance(each, IdleEffect) and each.seconds.least >= self._limit for each in waits)

    def at_await(self, node: ast.Await) -> tuple[()]:
        return ()

    def _kept_attributes(self, graph: Graph) -> Iterator[Place]:
        """Return the attributes of this function's variables that query once and keep the result."""
        for event in (node.event for node in graph.nodes() if isinstance(node.event, Load)):
            for effect in self._effects.of(event):
                kept = effect.once if isinstance(effect, ProjectCall) else getattr(effect, "rows", None)
                if kept is not None and "." in kept.path and kept.scope.node is self._routine.code:
                    yield kept

    def _known_at_entry(self) -> frozenset[Place]:
        """Return those that may have their results at the start: its arguments', unless its object is new."""
        file, code = self._routine.file, self._routine.code
        scope = file.functions.get(code)
        if not self._kept or scope is None or not isinstance(code, FUNCTION):
            return frozenset()
        names = {each.arg for each in named_parameters(code)}
        cls = enclosing_class(file, scope)
        if cls is not None and code.name == "handle" and is_command(cls):
            names.discard("self")
        return frozenset(each for each in self._kept if each.path.partition(".")[0] in names)

    # -- the walk -------------------------------------------------------------------------------------

    def _walk(self, graph: Graph) -> GapSummary:
        part = self._routine.part
        yields = [node for node in graph.nodes() if isinstance(node.event, Yield)]
        start = State(entered=Idle(None), perhaps=self._known_at_entry())
        states = self.states
        rounds: dict[Node, State] = {}  # after a round of a loop that runs at least once
        todo: deque[Node] = deque()

        def arrive(node: Node, state: State, states: dict[Node, State] = states) -> None:
            known = states.get(node)
            joined = state if known is None else known.join(state, self._limit)
            if joined != known:
                states[node] = joined
                todo.append(node)

        if part is not Segment.LEAVE:
            arrive(graph.entry, self._atomic(start))
        if part in (Segment.LEAVE, Segment.ROUND):
            for node in yields:
                for kind, target in node.out:
                    if kind != "raise":
                        arrive(target, start)
        while todo:
            node = todo.popleft()
            if node not in states:
                continue
            rests = isinstance(node.event, Yield) and part is not Segment.DRAINED
            if rests and part is not Segment.WHOLE and part is not Segment.LEAVE:
                continue
            here = states[node]
            after, raised = (here.close(), here.close()) if rests else self._through(node, here)
            for kind, target in node.out:
                if self._is_ruled_out(node.event, kind):
                    continue
                state = raised if kind == "raise" else after
                if kind != "raise" and isinstance(node.event, Test):
                    if self._ends_by_test(node.event.node, result=kind == "true"):
                        state = here.close()
                if kind == "false" and node in self._certain.values():
                    state = rounds.get(node)
                if state is not None:
                    state = self._onward(node, target, state)
                    arrive(target, state)
                    if target in self._certain and node in self._cycles[target].nodes:
                        arrive(self._certain[target], state, rounds)
        ends = yields if part in (Segment.ENTER, Segment.ROUND) else [graph.exit]
        first = self._first
        return GapSummary(
            first[1] if first else None,
            first[0] if first else Pause(),
            self._state_at_end(states.get(node) for node in ends),
            self._state_at_end([states.get(graph.raised)]),
        )

    def _ends_by_test(self, test: ast.expr, *, result: bool) -> bool:
        """Whether no gap goes on after a test: the connection is closed, or in a transaction, another fault."""
        return (result and asks_for_transaction(test)) or is_unconnected(self.file, test, result=result)

    def _is_ruled_out(self, event: Event, kind: str) -> bool:
        """Whether a constant argument of the caller rules out this branch of a test."""
        known = self._decided.get(event.node) if isinstance(event, Test) else None
        return known is not None and kind == ("false" if known else "true")

    def _atomic(self, state: State) -> State:
        """Return the state at the start of a function that is decorated to be a transaction."""
        code = self._routine.code
        for decorator in code.decorator_list if isinstance(code, FUNCTION) else ():
            if is_atomic(self._routine.file, decorator):
                return self._after_query(
                    state, Location(self._routine.file, decorator, "begins a transaction"), Pause()
                )
        return state

    def _state_at_end(self, states: Iterable[State | None]) -> StateAtEnd:
        worst = self._any(states)
        if worst is None:
            return StateAtEnd()
        through = worst.entered.pause(self._limit) if worst.entered else None
        longest_first = sorted(worst.asked, key=lambda idle: idle.rank(self._limit), reverse=True)
        since = (LastQuery(idle.since, idle.pause(self._limit)) for idle in longest_first if idle.since)
        return StateAtEnd(True, through, tuple(since), worst.interrupted)

    def _onward(self, node: Node, target: Node, state: State) -> State:
        """Return the state on an edge: a loop queries rows at its start, and the end of a round may begin another."""
        cycle = self._cycles.get(target)
        if cycle is None:
            return state
        if node in cycle.nodes:
            return replace(
                state,
                entered=state.entered and state.entered.after_round(cycle),
                asked=tuple(idle.after_round(cycle) for idle in state.asked),
            )
        return self._begin_loop(cycle, state)

    def _rounds(self, cycle: Cycle) -> Rounds:
        """Return how often a loop may go round without a query, if some path round it has none."""
        if cycle not in self._known_rounds:
            within = (c for c in self._cycles.values() if c is not cycle and c.loop and cycle.head in c.nodes)
            few = any(within) or any(map(self._may_ask, cycle.nodes))
            known = rounds(self._routine.file, cycle, few=few)
            if cycle.loop is None:
                known = rounds_between_queries(self._routine.file, cycle, known, self._may_ask)
            self._known_rounds[cycle] = known
        return self._known_rounds[cycle]

    def _may_ask(self, node: Node) -> bool:
        """Whether a node may query the database; the step of a loop to its next item is not counted."""
        for effect in () if isinstance(node.event, Iterate) else self._effects.of(node.event):
            match effect:
                case MayQuery():
                    return True
                case Query(alias=alias) if self._concerns(alias):
                    return True
                case ProjectCall(routines=routines):
                    each = (self._summaries(replace(routine, alias=self._routine.alias)) for routine in routines)
                    if any(summary.first is not None for summary in each):
                        return True
        return False

    def _loop_without_queries(self, wait: Located) -> ast.While | None:
        """Return the outermost `while` loop around a wait that surely contains no query."""
        found = None
        for around in self.file.around(wait):
            if isinstance(around, (*FUNCTION, ast.Lambda, *LOOP)) and not isinstance(around, ast.While):
                break
            if isinstance(around, ast.While):
                inside = set(map(id, ast.walk(around)))
                nodes = (node for node in self._nodes if any(id(place) in inside for place in places(node)))
                loops = (
                    each for each in ast.walk(around) if isinstance(each, (ast.For, ast.AsyncFor, ast.comprehension))
                )
                if any(map(self._may_ask, nodes)) or any(map(self._effects.of_loop_start, loops)):
                    break
                found = around
        return found

    def _begin_loop(self, cycle: Cycle, state: State) -> State:
        for effect in self._effects.of_loop_start(cycle.loop) if cycle.loop else ():
            after, _ = self._apply(effect, state)
            state = after or state
        return state

    # -- effects --------------------------------------------------------------------------------------

    def _through(self, node: Node, state: State) -> tuple[State | None, State | None]:
        event = node.event
        if event not in self._known:
            found = self._effects.of(event)
            if isinstance(event, Iterate) and not any(cycle.loop is event.node for cycle in self._cycles.values()):
                found = [*self._effects.of_loop_start(event.node), *found]
            self._known[event] = found
        if isinstance(event, Bind):
            state = self._after_assignment(event.target, state)
        after: State | None = state
        raised: State | None = state
        for effect in self._known[event]:
            if after is None:
                break
            after, raised = self._apply(effect, after)
        return after, raised

    def _after_assignment(self, target: ast.expr, state: State) -> State:
        """Return the state after an assignment: a new value of a variable is not yet queried."""
        if isinstance(target, ast.Attribute):
            path = self._effects.path(target)
            return state.with_rows(path) if path in self._kept else state
        place = self._effects.own_place(target)
        if place is None:
            return state
        below = [each for each in self._kept if each.scope is place.scope and each.path.startswith(f"{place.path}.")]
        for each in (place, *below):
            state = state.after_assignment(each)
        return state

    def _apply(self, effect: Effect, state: State) -> tuple[State | None, State | None]:
        """Return the states after an effect: after success, and after an exception."""
        match effect:
            case Query(alias=alias) | Close(alias=alias) if not self._concerns(alias):
                pass
            case Query(rows=place) if place in state.evaluated:
                pass
            case Query(spot=spot, rows=place, keeps=keeps):
                state = self._after_evaluation(state, spot, place)
                if keeps and place is not None:
                    state = state.with_rows(place)
            case MayQuery():
                state = state.interrupt(self._limit)
            case IdleEffect(spot=spot, seconds=seconds, kind=kind):
                attempts = attempts_around(self.file, spot.node) if kind is WaitKind.SLEEP else None
                waited = self._after_wait(state, Pause(seconds, spot, kind, attempts=attempts), spot)
                return waited, state if kind is WaitKind.SLEEP else waited  # a sleep that ends early is no gap
            case Close(spot=spot, by_age=by_age):
                age = age_of_connections(self._routine.file) if by_age else None
                state = self._after_age_check(state, CloseByAge(age, spot)) if age else state.close()
            case ProjectCall(once=place) if place in state.evaluated:
                pass
            case ProjectCall(spot=spot, routines=routines, beside=True):
                waits = filter(None, map(self._duration_of_function, routines))
                longest = max(waits, key=lambda pause: pause.seconds.rank(self._limit), default=Pause())
                if (longest.seconds.confidence(self._limit) or 0) >= Confidence.LIKELY:  # others run meanwhile
                    state = self._after_wait(state, longest.at_call(spot), spot)
            case ProjectCall(spot=spot, routines=routines, once=place):
                alias = self._routine.alias
                known = [self._summaries(replace(each, alias=alias)) for each in routines]
                is_first = place is None or (place in self._kept and place not in state.perhaps)
                ends = [self._after_call(each, spot, state, is_first=is_first) for each in known]
                after, raised = self._any(after for after, _ in ends), self._any(raised for _, raised in ends)
                if after is None:
                    return after, raised
                if not is_first:
                    after = after.join(state, self._limit)
                if any(each.first or each.returns.last_queries for each in known):
                    after = replace(after, perhaps=after.perhaps | self._kept)
                return after.with_rows(place) if place in self._kept else after, raised
        return state, state

    def _any(self, states: Iterable[State | None]) -> State | None:
        """Return the join of several states; None if none of them is reached."""
        worst: State | None = None
        for state in states:
            if state is not None:
                worst = state if worst is None else worst.join(state, self._limit)
        return worst

    def _duration_of_function(self, routine: Context) -> Pause | None:
        """Return how long a function runs, whatever it does with its own connection."""
        return self._summaries(replace(routine, alias=NO_DATABASE)).returns.silent_wait

    def _concerns(self, alias: str | None) -> bool:
        """Whether an effect on the connection of one alias, or of all, concerns the connection that is analysed."""
        own = self._routine.alias
        if alias is None:
            return own != NO_DATABASE
        return alias == own or (own == DEFAULT and alias not in aliases_of(self._routine.file))

    def _after_age_check(self, state: State, check: CloseByAge) -> State:
        """Return the state after `close_old_connections()`, which keeps a connection that settings let live on."""
        entered = state.entered and state.entered.after_age_check(check, self._limit)
        asked = (idle.after_age_check(check, self._limit) for idle in state.asked)
        return replace(state, entered=entered, asked=tuple(idle for idle in asked if idle is not None))

    def _after_call(
        self, summary: GapSummary, spot: Location, state: State, *, is_first: bool
    ) -> tuple[State | None, State | None]:
        """Return the states after code of the project; its first query counts only if it cannot have run before."""
        if summary.first is not None and is_first:
            self._after_query(state, spot.leading_to(summary.first), summary.before.at_call(spot))
        return tuple(self._after_end(ending, spot, state) for ending in (summary.returns, summary.raises))  # type: ignore[return-value]

    def _after_end(self, ending: StateAtEnd, spot: Location, state: State) -> State | None:
        if not ending.reached:
            return None
        state = state.interrupt(self._limit) if ending.interrupted else state
        silent = state.close()
        if ending.silent_wait is not None:
            silent = self._after_wait(state, ending.silent_wait.at_call(spot), spot)
        if not ending.last_queries:
            return silent
        asked = worst_of_each((self._since(each, spot) for each in ending.last_queries), self._limit)
        return silent.join(replace(state, entered=None, asked=asked), self._limit)

    def _since(self, last: LastQuery, spot: Location) -> Idle:
        """Return the idle time since a callee's last query, at the place of its call."""
        after = last.wait_after.at_call(spot)
        idle = Idle(spot.leading_to(last.query), age_check=after.age_check)
        return idle.after_wait(after, after.spot or spot, self._rounds) if after.seconds.most else idle

    def _after_wait(self, state: State, pause: Pause, spot: Location) -> State:
        if pause.age_check is not None:
            state = self._after_age_check(state, pause.age_check)
        if not pause.seconds.most:
            return state
        return replace(
            state,
            entered=state.entered and state.entered.after_wait(pause, pause.spot or spot, self._rounds),
            asked=tuple(idle.after_wait(pause, pause.spot or spot, self._rounds) for idle in state.asked),
        )

    def _after_evaluation(self, state: State, spot: Location, rows: Place | None) -> State:
        """Return the state after a query, or perhaps none: the queryset may have its rows since an earlier round."""
        if rows is None or rows not in state.perhaps:
            return self._after_query(state, spot, Pause())
        return replace(state, entered=None, asked=(Idle(spot),)).join(state, self._limit)

    def _after_query(self, state: State, spot: Location, before: Pause) -> State:
        """Return the state after a query, and note the gaps that end here, one more pause included."""
        waited = self._after_wait(state, before, spot)
        if waited.entered is not None:
            pause = waited.entered.pause(self._limit)
            self._first = self._worse_first(pause, spot)
        for idle in waited.asked:
            self._note(idle, spot)
        return replace(state, entered=None, asked=(Idle(spot),))

    def _worse_first(self, pause: Pause, spot: Location) -> tuple[Pause, Location]:
        """Return the first query after the longest pause of those known so far, and of one more."""
        if self._first is None:
            return pause, spot
        known, place = self._first
        longer = pause.seconds.rank(self._limit) > known.seconds.rank(self._limit)
        return known.worse(pause, self._limit), spot if longer else place

    def _note(self, idle: Idle, spot: Location) -> None:
        longest = idle.longest(self._limit)
        if idle.since is None or longest is None or idle.seconds.confidence(self._limit) is None:
            return
        why = longest.spot.origin.node
        known = self.gaps.get(why)
        if known and known.seconds.rank(self._limit) >= idle.seconds.rank(self._limit):
            return
        file, code = self._routine.file, self._routine.code
        if not recovers_on_path(spot):
            kind = longest.pause.kind
            sure = idle.seconds.confidence(self._limit)
            gap = Gap(
                file,
                code,
                idle.since,
                longest.spot,
                spot,
                idle.seconds,
                kind,
                age_check=idle.age_check,
                loop=self._loop_without_queries(longest.spot.node),
                longest=longest.longest if longest.longest.confidence(self._limit) == sure else None,
            )
            self.gaps[why] = gap
