"""`ExplicitWalk`: the analysis of one function that can reach a tracked connection.

Its state is a pair: the fact of `lifetimes` (where the connection is), and how long it has been idle.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property, partial
from typing import TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Graph, Node
from dbhygiene.dataflow.limits import TOO_MUCH, give_up
from dbhygiene.dataflow.solver import Solution, TooManyFactsError
from dbhygiene.gaps.effects import Location
from dbhygiene.gaps.function_waits import FunctionWaits
from dbhygiene.gaps.loops import cycles, rounds
from dbhygiene.gaps.states import Idle, Pause
from dbhygiene.library import server_calls as library
from dbhygiene.library.sqlalchemy import WRITES
from dbhygiene.lifetimes import Lifetime
from dbhygiene.lifetimes.state import CLOSE_METHOD, ITSELF, READERS, Alias, Fact
from dbhygiene.lifetimes.transfer import Transfer
from dbhygiene.program.arguments import bind_arguments
from dbhygiene.program.classes import class_named
from dbhygiene.program.code import calls_in, nodes_of, own_nodes
from dbhygiene.program.definitions import find_method
from dbhygiene.program.pings import ping_reconnects
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code, Function, argument_values, last_name
from dbhygiene.source.records import Record

_MOST = 8_000  # facts of one function

IdleAtEnd: TypeAlias = "tuple[Location | None, Pause] | None"  # the last query, and the wait since; None: given back


class HolderContext(Record):
    """A function that may reach the connection through these aliases; `at_rest`: no transaction is open yet."""

    file: File
    code: Code
    aliases: frozenset[Alias] = frozenset()
    at_rest: bool = False


class HolderSummary(Record):
    """The first query and the pause before it; and the states that are possible at the return, one of each `_kind`."""

    first: tuple[Location, Pause] | None = None
    endings: frozenset[IdleAtEnd] = frozenset()

    def widen(self, newer: HolderSummary) -> HolderSummary:
        """Return the summary that replaces this one when a recursion has changed it."""
        first = newer.first
        if self.first is not None and newer.first is not None:
            first = self.first[0], self.first[1].widen(newer.first[1])
        endings = {_kind(each): each for each in newer.endings}
        for each in self.endings:
            again = endings.get(_kind(each))
            endings[_kind(each)] = each if each is None or again is None else (each[0], each[1].widen(again[1]))
        return HolderSummary(first or self.first, frozenset(endings.values()))


NEVER_RETURNS = HolderSummary()
UNKNOWN = HolderSummary(endings=frozenset({None}))  # it may have been closed, or opened again


def _kind(ending: IdleAtEnd) -> tuple[bool, ast.AST | None] | None:
    """Return the kind of an ending: of one kind only the worst matters: the same wait, after a query or without one."""
    if ending is None:
        return None
    since, pause = ending
    return since is not None, pause.spot.origin.node if pause.spot is not None else None


class TrackedConnection(Record):
    """The connection that is tracked, the idle timeout, and the summaries of other functions."""

    life: Lifetime
    limit: float  # seconds that the server waits
    waits: FunctionWaits
    summary_of: Callable[[HolderContext], HolderSummary]
    seeing: tuple[Function, ...] = ()  # the functions that see it as a variable around them


class ExplicitWalk:
    """The analysis of one function: where the connection is, together with how long it has been idle."""

    def __init__(self, question: TrackedConnection, routine: HolderContext, graph: Graph, transfer: Transfer) -> None:
        self._question, self._routine, self._graph, self._transfer = question, routine, graph, transfer
        self._resource = question.life.resource
        self.gaps: list[tuple[Idle, Location]] = []
        self.reached: set[Alias] = set()
        self._cycles = cycles(graph)
        self._rounds = cache(partial(rounds, routine.file))  # of a loop: most hold no wait
        self._waits: dict[cfg.Event, list[tuple[Location, Pause]]] = {}
        self._first: tuple[Location, Pause] | None = None
        self._asked: dict[Node, list[tuple[Idle, Location]]] = {}

    def run(self, start: Fact, idle: Idle | None) -> HolderSummary:
        try:
            solution = Solution(self._graph, [(start, idle)], self._step, _MOST)
        except (TooManyFactsError, RecursionError):
            give_up(self._routine.file, self._routine.code, TOO_MUCH)
            return UNKNOWN
        for node, asked in self._asked.items():
            reopened = list(self._reopening(node))
            self.gaps += [
                (idle, spot) for idle, spot in asked if all(self._would_wait_again(each, idle) for each in reopened)
            ]
        ends = {self._idle_at_end(start, *known) for known in solution.at(self._graph.exit)}
        return HolderSummary(
            self._first, frozenset({_kind(each): each for each in sorted(ends, key=self._rank)}.values())
        )

    def _rank(self, ending: IdleAtEnd) -> tuple[object, ...]:
        """Return the sort key of endings: by how bad they are, then by place, so that the choice is stable."""
        return () if ending is None else (ending[1].seconds.rank(self._question.limit), ending_key(ending))

    def _idle_at_end(self, start: Fact, fact: Fact, idle: Idle | None) -> IdleAtEnd:
        if idle is None:
            return None
        if start.aliases and not fact.aliases & start.aliases:  # another has taken its place
            return Location(self._routine.file, self._question.life.birth, "opened again"), Pause()
        return idle.since, idle.pause(self._question.limit)

    # -- one step -------------------------------------------------------------------------------------

    def _step(self, node: Node, known: tuple[Fact, Idle | None]) -> Iterator[tuple[EdgeKind, tuple[Fact, Idle | None]]]:
        fact, idle = known
        birth = self._question.life.birth
        if idle is not None and (cycle := self._cycles.get(node)) is not None:
            idle = idle.after_round(cycle)
        for kind, after in self._transfer(node, fact):
            self.reached |= {alias for alias in after.aliases if isinstance(alias[1], str)}
            if after.site is None:
                yield kind, (after, None)
            elif after.site is not birth:
                continue
            elif fact.site is None:
                lazy = self._resource.is_lazy
                yield kind, (after, None if lazy else Idle(self._location(birth, "opened")))
            else:
                for each in self._after_use(node, fact, after, idle):
                    yield kind, (after, each)

    def _after_wait(self, node: Node, idle: Idle) -> Idle:
        if node.event not in self._waits:
            found = self._question.waits.of(self._routine.file, self._routine.code, node.event)
            self._waits[node.event] = [(spot, pause) for spot, pause in found if pause.seconds.most]
        for spot, pause in self._waits[node.event]:
            idle = idle.after_wait(pause, spot, self._rounds)
        return idle

    def _after_use(self, node: Node, fact: Fact, after: Fact, idle: Idle | None) -> Iterable[Idle | None]:
        """Return the possible idle times after a node."""
        inner = (
            self._callee_context(node.event.node, fact, rests=idle is None)
            if isinstance(node.event, cfg.Call)
            else None
        )
        if idle is not None and inner is None:
            idle = self._after_wait(node, idle)
        match node.event:
            case cfg.Yield(node=place):
                return [idle and Idle(self._location(place, "resumed"))]  # the duration is unknown
            case cfg.Test(node=test) if idle is not None and self._is_looked_at(test, fact):
                return [Idle(self._location(test, "checked here"))]
            case cfg.Call(node=call):
                if inner is not None:
                    return list(self._after_project_call(node, call, self._question.summary_of(inner), idle))
                if not self._gives_back(node, fact, after):
                    return [self._after_call(node, call, fact, idle)]
                if idle is not None and self._commits_writes(call, fact):
                    self._note_query(node, idle, self._location(call, "commits what was changed"))
        return [None if self._gives_back(node, fact, after) else idle]

    def _gives_back(self, node: Node, fact: Fact, after: Fact) -> bool:
        """Whether the connection is closed here, or returned to its pool, by the code of this function.

        The facts do not show this for a session that other code has used.
        """
        match node.event:
            case cfg.Call(node=ast.Call(func=ast.Attribute(value=owner, attr=method) as func)):
                rests = method in self._resource.rests_after
                if self._transfer.holds(func, fact) == CLOSE_METHOD or (rests and self._transfer.holds(owner, fact)):
                    return True
            case cfg.Leave(node=item):
                return self._transfer.is_closed_by(item, fact)
        return fact.state == "open" and after.state == "closed"

    def _commits_writes(self, call: ast.Call, fact: Fact) -> bool:
        """Whether a call commits a session's transaction, in a function that adds or changes objects."""
        match call.func:
            case ast.Attribute(value=owner, attr="commit") if self._resource.kind == "session":
                return self._transfer.holds(owner, fact) == ITSELF and self._writes
        return False

    @cached_property
    def _writes(self) -> bool:
        own = list(own_nodes(self._routine.code))
        return any(last_name(call.func) in WRITES for call in calls_in(own)) or any(
            isinstance(each, ast.Attribute)
            and isinstance(each.ctx, ast.Store)
            and isinstance(each.value, ast.Name)
            and each.value.id not in {"self", "cls"}
            for each in own
        )

    def _after_call(self, node: Node, call: ast.Call, fact: Fact, idle: Idle | None) -> Idle | None:
        relation, method = None, ""
        if isinstance(call.func, ast.Attribute):
            relation, method = self._transfer.holds(call.func.value, fact), call.func.attr
        spot = self._location(call, "queries the server")
        if relation in {ITSELF, *READERS} and method in library.REFRESHES and not self._only_reports(call, method):
            return Idle(spot)
        if relation == ITSELF and self._recovers_within(method):
            return Idle(spot)
        if self._resource.kind == "session":
            asks = relation in {ITSELF, *READERS} and not (relation == ITSELF and method in self._resource.rests_during)
        else:
            asks = relation in {ITSELF, *READERS} and library.asks(method, of_connection=relation == ITSELF)
        given = argument_values(call)
        if not self._transfer.effects.of(call).summary.may_raise:
            given = []  # `print(conn)`
        if asks or any(self._transfer.holds(each, fact) in {ITSELF, *READERS} for each in given):
            if idle is not None:
                self._note_query(node, idle, spot)
            return Idle(spot)
        return idle

    def _only_reports(self, call: ast.Call, method: str) -> bool:
        """Whether a call of `ping` raises on a connection that was lost while it was idle, as a query does."""
        package = self._resource.package
        return method == "ping" and ping_reconnects(self._routine.file, call, package) is False

    def _note_query(self, node: Node, idle: Idle, spot: Location) -> None:
        if idle.since is None:
            pause = idle.pause(self._question.limit)
            rank = pause.seconds.rank(self._question.limit)
            if self._first is None or rank > self._first[1].seconds.rank(self._question.limit):
                self._first = spot, pause
        elif idle.waits:
            self._asked.setdefault(node, []).append((idle, spot))

    def _after_project_call(
        self, node: Node, call: ast.Call, meaning: HolderSummary, idle: Idle | None
    ) -> Iterator[Idle | None]:
        """Return the idle times after a call of the project's code that can reach the connection."""
        spot = self._location(call, f"calls `{ast.unparse(call.func)}`")
        if idle is not None and meaning.first is not None:
            asked, before = meaning.first
            self._note_query(node, self._add_pause(idle, before, spot), spot.leading_to(asked))
        for ending in sorted(meaning.endings, key=ending_key):
            if ending is None:
                yield None
            elif ending[0] is not None:
                yield self._add_pause(Idle(spot.leading_to(ending[0])), ending[1], spot)
            else:
                yield idle and self._add_pause(idle, ending[1], spot)

    def _add_pause(self, idle: Idle, pause: Pause, spot: Location) -> Idle:
        if not pause.seconds.most or pause.spot is None:
            return idle
        return idle.after_wait(pause.at_call(spot), spot.leading_to(pause.spot), self._rounds)

    def _location(self, node: ast.expr | ast.Yield | ast.YieldFrom, words: str) -> Location:
        return Location(self._routine.file, node, words)

    # -- other code -----------------------------------------------------------------------------------

    def _callee_context(self, call: ast.Call, fact: Fact, *, rests: bool) -> HolderContext | None:
        """Return the context of the project's code that a call runs, if it can reach the connection there."""
        callee = self._transfer.effects.of(call).callee
        if callee is None or not isinstance(function := callee.definition.node, FUNCTION):
            return None
        bound = callee.bound
        aliases: set[Alias] = set()
        if bound and isinstance(call.func, ast.Attribute) and isinstance(owner := call.func.value, ast.Name):
            own = ((relation, where) for relation, where in fact.aliases if isinstance(where, str))
            aliases |= {
                (relation, where) for relation, where in own if owner.id == "self" and where.startswith("self.")
            }
        for name, value in bind_arguments(call, function, bound=bound).items():
            if (relation := self._transfer.holds(value, fact)) in {ITSELF, *READERS} and relation is not None:
                aliases.add((relation, name))
        if function in self._question.seeing:
            aliases |= {
                (relation, where) for relation, where in fact.aliases if isinstance(where, str) and "." not in where
            }
        return HolderContext(callee.definition.file, function, frozenset(aliases), rests) if aliases else None

    def _is_looked_at(self, test: ast.expr, fact: Fact) -> bool:
        """Whether a condition tests the state of the connection: `if not conn.open:`."""
        return any(
            isinstance(part, ast.Attribute)
            and part.attr in self._resource.open_if | self._resource.closed_if
            and self._transfer.holds(part.value, fact) == ITSELF
            for part in ast.walk(test)
        )

    def _reopening(self, node: Node) -> Iterator[ast.Call]:
        """Yield the calls that open a connection anew, with which the program goes on if a query fails."""
        todo = [target for kind, target in node.out if kind == "raise"]
        seen = set(todo)
        while todo:
            here = todo.pop()
            if isinstance(here.event, cfg.Call) and self._reconnects(here.event.node):
                if self._goes_on(here):
                    yield here.event.node
            elif here not in self._asked:
                fresh = [target for _, target in here.out if target not in seen]
                seen.update(fresh)
                todo += fresh

    def _goes_on(self, node: Node) -> bool:
        """Whether the function goes on after a call in a handler; not if it only raises the exception again."""
        todo, seen = [node], {node}
        while todo:
            here = todo.pop()
            if here is self._graph.exit or here in self._cycles:
                return True
            fresh = [target for kind, target in here.out if kind != "raise" and target not in seen]
            seen.update(fresh)
            todo += fresh
        return False

    def _would_wait_again(self, reopened: ast.Call, idle: Idle) -> bool:
        """Whether a handler only begins anew what surely takes too long: its `try` holds the query and the wait."""
        longest = idle.longest(self._question.limit)
        if longest is None or idle.since is None or longest.seconds.least < self._question.limit:
            return False
        file, below = self._routine.file, None
        for above in file.around(reopened):
            if isinstance(below, ast.ExceptHandler) and isinstance(above, ast.Try):
                inside = {id(part) for statement in above.body for part in ast.walk(statement)}
                return id(idle.since.node) in inside and id(longest.spot.node) in inside
            below = above
        return False

    def _recovers_within(self, method: str) -> bool:
        """Whether a method of the project's own class around a connection connects again when its query fails."""
        life = self._question.life
        name = life.file.resolve(life.birth.func) if isinstance(life.birth, ast.Call) else None
        cls = class_named(life.file, name) if name is not None else None
        found = find_method(cls, method) if cls is not None else None
        if found is None or not isinstance(found.node, FUNCTION):
            return False
        handlers = (part for part in own_nodes(found.node) if isinstance(part, ast.ExceptHandler))
        return any(_is_connect(each) for handler in handlers for each in calls_in(nodes_of(handler.body)))

    def _reconnects(self, call: ast.Call) -> bool:
        effect = self._transfer.effects.of(call)
        opened = effect.summary.returns
        last = last_name(call.func)
        return (
            (opened is not None and opened.kind == self._resource.kind)
            or last in library.REFRESHES | self._resource.rests_after
            or _is_connect(call)
        )


def _is_connect(call: ast.Call) -> bool:
    """Whether a call connects, by its name."""
    return "connect" in last_name(call.func).lower().replace("disconnect", "")


def ending_key(ending: IdleAtEnd) -> tuple[int, int, float]:
    """Return the sort key of endings that are equally bad, so that the choice is stable."""
    if ending is None or ending[0] is None:
        return 0, 0, 0.0 if ending is None else 1 + ending[1].seconds.likely
    return ending[0].node.lineno, ending[0].node.col_offset, ending[1].seconds.likely
