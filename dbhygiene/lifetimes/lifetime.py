"""`Lifetime`: one resource, from the call that opens it to every exit of its function. Rules query it.

conn = connect()                 # `birth`
if not rows:
    return                       # `leak` is `Leak.SOME_PATH`: open at this exit
conn.close()
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from dbhygiene.config.settings import Confidence
from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.dataflow.exceptions import SYSTEM_EXIT
from dbhygiene.diagnostics.model import Impact
from dbhygiene.library import django
from dbhygiene.library.calls import (
    KEEPING_METHODS,
    NEW_FILE,
    PREPARING,
    QUERIES,
    RAISING,
    READ_QUERY,
    SETS_UP,
    SETTING,
    SETTING_UP,
)
from dbhygiene.library.resources import Resource
from dbhygiene.lifetimes.analysis import Analysis, is_transferred, opens, owning_aliases
from dbhygiene.lifetimes.fields import Field, field_of_part, in_class_bodies, is_seen_elsewhere, owner
from dbhygiene.lifetimes.set_up import ENDS_IT, all_begin_with, catches_all_but_ends, runs_set_up
from dbhygiene.lifetimes.state import CLOSE_METHOD, CLOSERS, CONTAINER, ITSELF, PARTS, READERS, RETURN, Fact
from dbhygiene.lifetimes.summaries import Summaries
from dbhygiene.program.definitions import Definition, find_definition
from dbhygiene.source.file import File, ProjectView, file_query
from dbhygiene.source.nodes import (
    COMPREHENSION,
    FUNCTION,
    NOT_PYTHON,
    Code,
    Located,
    argument_values,
    last_name,
    root_of,
    without_arguments,
)
from dbhygiene.source.records import Frozen
from dbhygiene.source.scopes import Scope

if TYPE_CHECKING:
    from dbhygiene.lifetimes.freed import FileConnection
    from dbhygiene.lifetimes.impact import Runs
    from dbhygiene.pools.session_pools import SessionPool

_Way: TypeAlias = list[tuple[Node, Fact, EdgeKind]]  # nodes, the fact before each, and the edge out
_Raising: TypeAlias = "cfg.Call | cfg.Await | cfg.Yield | cfg.Iterate | cfg.Enter | cfg.Leave"
_RAISING = (cfg.Call, cfg.Await, cfg.Yield, cfg.Iterate, cfg.Enter, cfg.Leave)
_BUILTINS = frozenset(dir(builtins))
_FETCHES = frozenset({"fetchone", "fetchall", "fetchmany"})
_FETCHING = frozenset({"fetch", "fetchrow", "fetchval"})  # of a connection of asyncpg: they send a statement
_PARTS = frozenset({*READERS, PARTS})
_FOR_PROGRAMMERS = frozenset({"NotImplementedError", "AssertionError", "SystemExit", "KeyboardInterrupt"})
_EXISTS = frozenset({"exists", "isfile", "is_file"})


class Leak(Enum):
    """How a resource is left open, the worst first."""

    NEVER_CLOSED = "no path through the function closes it"
    SOME_PATH = "it stays open on some path, without any exception"
    SWALLOWED = "it stays open when an exception is caught and the function goes on"
    RAISED = "it stays open when an exception leaves the function"


class Lifetime(Frozen):
    """The lifetime of one resource within one function."""

    analysis: Analysis
    birth: ast.Call
    resource: Resource

    @property
    def file(self) -> File:
        return self.analysis.file

    @property
    def scope(self) -> Scope:
        return self.analysis.scope

    @property
    def code(self) -> Code:
        """The function, or the module, that opens it."""
        return self.analysis.code

    @cached_property
    def opening(self) -> ast.Call:
        """The call that opens it: its birth, or for an object of the project the method that opens it."""
        if not (self.resource.is_object and self.resource.opened_by):
            return self.birth
        leaking = [node for node, _, _ in self.facts(self.leak)] if self.leak is not None else []
        for node in leaking or [node for node, _ in self.history]:
            match node.event:
                case cfg.Call(node=ast.Call(func=ast.Attribute(attr=name)) as call) if name in self.resource.opened_by:
                    return call
        return self.birth

    @cached_property
    def _ends(self) -> list[tuple[Node, Fact]]:
        return list(self.analysis.ends(self.birth))

    def _leaks_by_return(self, fact: Fact) -> bool:
        return fact.state == "open" and not self._is_owned(fact)

    def _is_owned(self, fact: Fact) -> bool:
        """Whether the caller or an object can close it when the function returns: with only a cursor, it cannot."""
        if self.may_be_kept_open:
            return self._is_held(fact)
        if not is_transferred(fact):
            return False
        return any(relation not in _PARTS for relation, _ in owning_aliases(fact)) or self._parts_lead_back

    @cached_property
    def _parts_lead_back(self) -> bool:
        """Whether the program may get at it by a cursor that the function returns or stores."""
        from dbhygiene.lifetimes.parts_handed_out import may_lead_back  # few functions return only a cursor

        return may_lead_back(self.analysis, self.birth)

    def _leaks_by_raise(self, fact: Fact) -> bool:
        return fact.state == "open" and not fact.is_in_field

    @cached_property
    def _leaks(self) -> dict[str, tuple[Node, Fact]]:
        """A leak of each kind, with its witness: normally, after a caught exception, by an exception."""
        found: dict[str, tuple[Node, Fact]] = {}
        for end, fact in self._ends:
            if end is self.analysis.graph.exit and self._leaks_by_return(fact):
                found.setdefault("swallowed" if fact.thrown else "normal", (end, fact))
            elif end is self.analysis.graph.raised and self._leaks_by_raise(fact):
                found.setdefault("raised", (end, fact))
        for node, fact in self._opened_again:
            found.setdefault("swallowed" if fact.thrown else "normal", (node, fact))
        return found

    @cached_property
    def _opened_again(self) -> list[tuple[Node, Fact]]:
        """The facts with which a function that never returns opens the next one, while this one is open.

        After an error of its own it may be dead. Then only a function counts that otherwise closes it in each round. A
        comprehension still holds those that it has opened, and so does an ExitStack.
        """
        again = [(node, fact) for node, fact in self.history if opens(node, self.birth)]
        around = self.file.around(self.birth) if again else ()
        truth = self.analysis.effects.truth
        is_endless = any(isinstance(node, ast.While) and truth(node.test) for node in around)
        if self.analysis.graph.exit in self.analysis.surely_reachable or not is_endless:
            return []
        closes = any(fact.state == "closed" for _, fact in again)
        return [
            (node, fact)
            for node, fact in again
            if self._leaks_by_return(fact) and (closes or not (fact.lost or self._has_tried_again(node, fact)))
            if not any(isinstance(where, COMPREHENSION) or relation in CLOSERS for relation, where in fact.aliases)
        ]

    def _has_tried_again(self, node: Node, fact: Fact) -> bool:
        """Whether the opening of the next one has failed before, on the path to a fact."""
        return any(opens(step, self.birth) for step, before, _ in self.analysis.way(node, fact) if before.site)

    @property
    def leaks_normally(self) -> bool:
        """Whether it may be open and without an owner when the function returns."""
        return bool(self._leaks.keys() & {"normal", "swallowed"})

    @property
    def leaks_by_exception(self) -> bool:
        return "raised" in self._leaks

    @property
    def escapes(self) -> bool:
        """Whether it escapes on some path."""
        return self.analysis.is_shared(self.birth)

    @property
    def ends_well_normally(self) -> bool:
        exit_ = self.analysis.graph.exit
        return any(end is exit_ and not self._leaks_by_return(fact) for end, fact in self._ends)

    @property
    def ends_well_by_exception(self) -> bool:
        raised = self.analysis.graph.raised
        return any(end is raised and not self._leaks_by_raise(fact) for end, fact in self._ends)

    @cached_property
    def may_be_kept_open(self) -> bool:
        """Whether a notebook opens it in a cell, for the next cells, and expects no `with` to close it."""
        return self.file.is_interactive and isinstance(self.scope.node, ast.Module) and self.non_closing_with is None

    def _is_held(self, fact: Fact) -> bool:
        """Whether a variable holds it, or a container that holds it."""
        return any(relation in {ITSELF, CONTAINER} for relation, _ in fact.aliases)

    @cached_property
    def leak(self) -> Leak | None:
        """The worst leak of this resource; None if there is none that can be seen."""
        if self.may_be_kept_open and ("normal" not in self._leaks or self.replacement is None):
            return None
        if self._leaks and isinstance(self.scope.node, ast.Module):
            if any(is_seen_elsewhere(self.file, name) for name in self._module_variables):
                return None  # a module that imports it may close it, or use its cursor
        if "normal" in self._leaks:
            well = self.escapes or any(
                end is self.analysis.graph.exit and not fact.thrown and not self._leaks_by_return(fact)
                for end, fact in self._ends
            )
            if not (self.resource.is_lazy or self.resource.opened_by):  # else it may not have been open yet
                exit_ = self.analysis.graph.exit
                well = well or any(
                    fact.state == "closed" or (end is exit_ and self._is_owned(fact)) for end, fact in self._ends
                )
                well = well or any(fact.state == "closed" for node, fact in self.history if opens(node, self.birth))
            return Leak.SOME_PATH if well else Leak.NEVER_CLOSED
        if "swallowed" in self._leaks:
            return Leak.SWALLOWED
        if self.escapes and isinstance(self.scope.node, ast.Module):
            return None  # the module keeps it: if its import fails, the program ends
        return Leak.RAISED if "raised" in self._leaks else None

    def ends_well(self, end: Node, fact: Fact) -> bool:
        """Whether the function is left here, and nothing is left open."""
        graph = self.analysis.graph
        return (end is graph.exit and not self._leaks_by_return(fact)) or (
            end is graph.raised and not self._leaks_by_raise(fact)
        )

    def is_left_open(self, end: Node, fact: Fact) -> bool:
        """Whether the function is left here, or opens the next one, and this is left open."""
        graph = self.analysis.graph
        return (
            (end is graph.exit and self._leaks_by_return(fact))
            or (end is graph.raised and self._leaks_by_raise(fact))
            or (end, fact) in self._opened_again
        )

    @property
    def is_returned(self) -> bool:
        """Whether the function returns it to its caller, on some path."""
        return any(end is self.analysis.graph.exit and fact.relation_of(RETURN) == ITSELF for end, fact in self._ends)

    @property
    def stays_open(self) -> bool:
        """Whether the function closes it on no path on which it returns, as far as it is followed."""
        return not any(fact.state == "closed" for end, fact in self._ends if end is self.analysis.graph.exit)

    @cached_property
    def fields(self) -> list[str]:
        """The fields of `self` that hold it when the function returns."""
        exit_ = self.analysis.graph.exit
        found: set[str] = set()
        for end, fact in self._ends:
            if end is exit_ and (fact.state == "open" or self.resource.is_lazy):
                paths = [w for relation, w in fact.aliases if relation in {ITSELF, CONTAINER} and isinstance(w, str)]
                found.update(path.partition(".")[2] for path in paths if path.count(".") == 1)
        return sorted(found)

    @property
    def containers(self) -> set[str]:
        """The fields of `self` that hold a container with it when the function returns."""
        kept = (each for end, fact in self._ends if end is self.analysis.graph.exit for each in fact.aliases)
        return {w.partition(".")[2] for relation, w in kept if relation == CONTAINER and isinstance(w, str)}

    @property
    def is_in_part(self) -> bool:
        """Whether the function leaves it in a field of one of the object's own parts: `self.state.db`."""
        kept = (where for _, fact in self._ends for _, where in owning_aliases(fact))
        return any(where.startswith("self.") and where.count(".") == 2 for where in kept)

    @cached_property
    def history(self) -> list[tuple[Node, Fact]]:
        """All facts about it, each with the node that it holds before."""
        return list(self.analysis.history(self.birth))

    @cached_property
    def non_closing_with(self) -> ast.withitem | None:
        """The `with` over it that leaves it open, if that is the reason for the leak.

        A cell of a notebook may open it for several `with`, each a transaction: there, only one that opens it counts.
        """
        in_cell = self.file.is_interactive and isinstance(self.scope.node, ast.Module)
        for node, fact in self.history:
            if isinstance(node.event, cfg.Leave) and not node.event.raised and fact.state == "open":
                leaving = self.analysis.effects.leaving(node.event.node, self.resource)
                if in_cell and node.event.node.context_expr is not self.birth:
                    continue
                if leaving is not None and not leaving.closes and fact.relation_of(node.event.node) == ITSELF:
                    return node.event.node
        return None

    @cached_property
    def repeated_closes(self) -> list[tuple[ast.Call, ast.Call]]:
        """The calls that close it when it is closed already, without any exception; each with the earlier close."""
        found: dict[ast.Call, ast.Call] = {}
        for node, fact in self.history:
            again = self.closing_call(node, fact)
            if again is not None and fact.state == "closed" and not fact.thrown:
                before = [
                    step.event.node for step, _ in self.analysis.path(node, fact) if isinstance(step.event, cfg.Call)
                ]
                first = next((call for call in before if call in self.closes), None)
                if first is not None:
                    found.setdefault(again, first)
        return sorted(found.items(), key=lambda pair: (pair[0].lineno, pair[0].col_offset))

    @cached_property
    def replacement(self) -> ast.AST | None:
        """The assignment, or call of a setter, that drops it while it is open, if it is left open in no other way."""
        exit_ = self.analysis.graph.exit
        lost = [fact for end, fact in self._ends if end is exit_ and self._leaks_by_return(fact)]
        lost += [fact for _, fact in self._opened_again]
        if self.may_be_kept_open:  # its user sees each error, and decides what to do
            lost = [fact for fact in lost if not fact.thrown]
        if not lost or any(map(self._is_held, lost)):
            return None
        return next((node for site, node in self.analysis.transfer.replaced if site is self.birth), None)

    @property
    def is_replaced_after_set_up(self) -> bool:
        """Whether it is replaced only after a call that sets it up has raised, which mostly finds a dead connection."""
        lost = [(end, fact) for end, fact in self._ends if end is self.analysis.graph.exit]
        lost = [each for each in lost if self._leaks_by_return(each[1])] + self._opened_again
        raisers = [call for call, _ in self._edges_to(lost)]
        return all(fact.thrown for _, fact in lost) and bool(raisers) and all(map(self._sets_up, raisers))

    @property
    def replaced_variable(self) -> str:
        """The variable that holds it last, where it is replaced."""
        return next(path for (site, _), path in self.analysis.transfer.replaced.items() if site is self.birth)

    @cached_property
    def is_surely_replaced(self) -> bool:
        """Whether no condition on the path to the replacement may exclude one on the path to the opening."""
        for node, fact in self.history:
            if node.event is not None and node.event.node is self.replacement:
                way = self.analysis.solution.path(node, fact)
                asked = [(f.site is None, _names_in(n.event.node)) for n, f, _ in way if isinstance(n.event, cfg.Test)]
                before = {name for early, names in asked if early for name in names}
                return not any(before & names for early, names in asked if not early)
        return False

    @cached_property
    def runs(self) -> Runs:
        """How often the leaking code runs."""
        from dbhygiene.lifetimes.impact import runs  # for the few resources that leak

        goes_on = self.leak not in {Leak.NEVER_CLOSED, Leak.SOME_PATH} or bool(self.raisers)
        leaves, is_file = self.leak is Leak.RAISED, self.resource.server == "sqlite"  # no server holds anything
        return runs(self.file, self.birth, by_exception=leaves, leaves=leaves, may_go_on=goes_on, may_last=is_file)

    @property
    def confidence(self) -> Confidence:
        """Certain if it leaks as written, likely if an exception must come first, even to open it.

        It is likely, too, if CPython's garbage collector closes it, and no server holds it. It is lower if the driver
        may be mocked, if the leak costs nothing or runs once in a process, if CPython closes one that a handler drops,
        or if only a dead connection leaks, one whose set-up fails as it would for any connection, or one of a program
        that ends; or if the method that opens it may also fail and return, or only the end of an `async with` that is
        cancelled leaves it open.
        """
        costs = not (self.costs_nothing or self._is_of_one_object) and self.runs.impact is not Impact.ONCE
        if self.resource.may_open or self.dropping is not None or self._is_cancelled_as_block_ends:
            return Confidence.POSSIBLE
        if _uses_mocks(self.file) or not costs or self._is_dead_first or self._is_set_up_first or self._ends_program:
            return Confidence.POSSIBLE
        is_certain = self.leak in {Leak.NEVER_CLOSED, Leak.SOME_PATH} and not self._is_opened_after_attempt
        is_certain = is_certain and not (self.is_freed and self.removal is None)
        return Confidence.CERTAIN if is_certain else Confidence.LIKELY

    @property
    def _is_cancelled_as_block_ends(self) -> bool:
        """Whether it is left open only if a task is cancelled while it leaves the `async with` that opens it inside."""
        if self.leak is not Leak.RAISED or self.culprit not in self.cancelled:
            return False
        item = self.file.parents.get(self.culprit)
        return isinstance(item, ast.withitem) and self.file.parents[item] in self.file.around(self.birth)

    @cached_property
    def _of_file(self) -> FileConnection | None:
        """The same, if CPython closes it when the function ends, and no server holds it; else None."""
        if not self.resource.closed_when_freed:
            return None
        from dbhygiene.lifetimes.freed import FileConnection  # for the few that leak

        found = FileConnection(self.analysis, self.birth, self.resource, self.is_left_open)
        return found if found.is_freed else None

    @property
    def is_freed(self) -> bool:
        """Whether CPython closes it when the function ends, and no server holds it."""
        return self._of_file is not None

    @cached_property
    def removal(self) -> ast.Call | None:
        """The call that deletes or moves the database file, and fails on Windows while this is open."""
        return self._of_file.removal if self._of_file is not None else None

    @cached_property
    def raisers_in_transaction(self) -> list[Located]:
        """What may raise and leave it open within a write transaction, for which other writers must wait."""
        return self._of_file.raisers_in_transaction if self._of_file is not None else []

    @cached_property
    def dropping(self) -> Located | None:
        """The statement by which a handler drops it, as `conn = None`, if CPython closes it then.

        No variable may refer to it afterwards, nor to one of its cursors, and no other code to the exception.
        """
        if self.leak is not Leak.SWALLOWED or not self.resource.is_in_no_cycle or self.replacement is not None:
            return None
        exit_ = self.analysis.graph.exit
        left = [fact for end, fact in self._ends if end is exit_ and self._leaks_by_return(fact)]
        left += [fact for _, fact in self._opened_again]
        if any(isinstance(where, str) for fact in left for _, where in fact.aliases):
            return None
        way = self.facts(Leak.SWALLOWED)
        handler: ast.ExceptHandler | None = None
        for (node, fact, _), later in zip_longest(way, way[1:]):
            event = node.event
            if isinstance(event, cfg.Catch):
                handler = event.node
                if _keeps_exception(handler):
                    return None
            elif isinstance(event, (cfg.Bind, cfg.Delete)) and handler is not None and event.node in ast.walk(handler):
                if self._is_held(fact) and (later is None or not self._is_held(later[1])):
                    return event.node if isinstance(event.node, ast.stmt) else None
        return None

    @property
    def _is_opened_after_attempt(self) -> bool:
        """Whether it is only opened in a handler that no known exception enters."""
        return not any(opens(node, self.birth) for node in self.analysis.surely_reachable)

    @cached_property
    def costs_nothing(self) -> bool:
        """Whether no server, file or pool loses a connection by it."""
        return self.resource.costs_nothing or (self.pool is not None and self.pool.costs_nothing)

    @cached_property
    def _is_of_one_object(self) -> bool:
        """Whether the only object of a class keeps a cursor of it."""
        cls = owner(self.file, self.scope)
        paths = {where for _, fact in self._ends for _, where in owning_aliases(fact) if where != RETURN}
        if cls is None or not paths:
            return False
        name = min(paths).split(".")[1]
        field = Field(self.file, cls, name, self.birth, self.resource, self.analysis.effects.summaries)
        return field.is_of_one_object()

    @cached_property
    def pool(self) -> SessionPool | None:
        """The pool of its engine, if it is a session or a connection of one."""
        if self.resource.kind not in {"session", "engine connection"}:
            return None
        from dbhygiene.pools.session_pools import session_pool  # reads values, and is not needed for drivers

        return session_pool(self.file, self.birth)

    @cached_property
    def _is_dead_first(self) -> bool:
        """Whether it is left open only if a `rollback`, `ping` or `close` of its own raises: then it is dead.

        A `commit` without a write fails only then, too.
        """
        if self.leak not in {Leak.RAISED, Leak.SWALLOWED} or not self.raisers:
            return False
        return all(self._is_to_end(call) or (self._commits(call) and self._only_reads) for call in self.raisers)

    @cached_property
    def _ends_program(self) -> bool:
        """Whether it is left open only by exceptions that end the program: `sys.exit()`, `raise SystemExit`."""
        if self.leak is not Leak.RAISED:
            return False
        raised = [n.event.node for n, fact in self.history if fact.state == "open" and isinstance(n.event, cfg.Raise)]
        found = [*self.raisers, *raised]
        return bool(found) and all(map(self.raises_exit, found))

    def raises_exit(self, raiser: ast.AST) -> bool:
        """Whether a statement or call always raises `SystemExit`."""
        match raiser:
            case ast.Raise(exc=ast.Call(func=cls) | (ast.Name() as cls)):
                return self.file.resolve(cls) == "SystemExit"
            case ast.Call():
                outcome = self.analysis.effects.outcome(raiser)
                return not outcome.returns and outcome.raises == (SYSTEM_EXIT,)
        return False

    @cached_property
    def _only_reads(self) -> bool:
        """Whether every query of it is known, and writes nothing."""
        holds = self.analysis.transfer.holds
        for node, fact in self.history:
            if fact.state != "open" or not isinstance(node.event, cfg.Call):
                continue
            call = node.event.node
            if any(holds(each, fact) for each in argument_values(call)):
                return False  # the callee may write
            match call:
                case ast.Call(func=ast.Attribute(value=owner, attr=method), args=args) if method in QUERIES:
                    if holds(owner, fact) and not (args and all_begin_with(self.file, args[0], READ_QUERY)):
                        return False
        return True

    def _is_to_end(self, raiser: ast.expr) -> bool:
        call, hows = self._method(raiser)
        if call is None or hows == {None}:
            return isinstance(raiser, ast.Call) and catches_all_but_ends(self.file, raiser)
        return (hows == {ITSELF} and call.attr in ENDS_IT) or (hows <= READERS and call.attr == "close")

    @cached_property
    def _is_set_up_first(self) -> bool:
        """Whether it is left open only if a call that sets the connection up raises, before any work.

        If a handler catches that exception and does more, this counts as work.
        """
        if self.leak not in {Leak.RAISED, Leak.SWALLOWED}:
            return False
        raisers = [call for call, _ in self._raising]
        set_up = [call for call in raisers if self._sets_up(call)]
        others = (call for call in raisers if call not in set_up)
        return bool(set_up) and all(map(self._ends_set_up, others))

    def _ends_set_up(self, raiser: ast.expr) -> bool:
        converts = isinstance(raiser, ast.Call) and self.file.resolve(raiser.func) in RAISING
        return converts or self._commits(raiser) or self._fetches(raiser) or self._is_to_end(raiser)

    def _sets_up(self, raiser: ast.expr) -> bool:
        call = raiser.value if isinstance(raiser, ast.Await) else raiser
        if isinstance(call, ast.Call) and self._is_passed_to(call, raiser):
            if SETTING_UP.fullmatch(self.file.resolve(call.func) or "") or runs_set_up(self.file, call, self._setting):
                return True
        method, hows = self._method(raiser)
        if method is None:
            return False
        if method.attr in SETS_UP and (hows == {ITSELF} or self._relations(root_of(method), raiser) == {ITSELF}):
            return True  # of the connection, or of the driver's own that it holds: `conn._con.set_charset()`
        asked = self.file.parents[method].args  # type: ignore[attr-defined]
        if method.attr not in {"execute", "executescript"} or not asked or not hows <= {ITSELF, *READERS}:
            return False
        return all_begin_with(self.file, asked[0], self._setting)

    @cached_property
    def _setting(self) -> re.Pattern[str]:
        """How statements begin that set it up."""
        if self._creates_file:
            return NEW_FILE
        exit_ = self.analysis.graph.exit
        is_for_others = any(end is exit_ and fact.state == "open" and self._is_owned(fact) for end, fact in self._ends)
        return PREPARING if is_for_others else SETTING

    @cached_property
    def _creates_file(self) -> bool:
        """Whether the function tests whether the file of an SQLite database exists: it creates the tables once."""
        if self.resource.server != "sqlite":
            return False
        return any(last_name(call.func) in _EXISTS for call in self.scope.calls)

    def _is_passed_to(self, call: ast.Call, raiser: ast.expr) -> bool:
        """Whether a call always gets the connection, or something that reads from it."""
        facts = [fact for node, fact in self.history if node.event is not None and node.event.node is raiser]
        known = {ITSELF, *READERS}
        holds = self.analysis.transfer.holds
        return bool(facts) and all(any(holds(each, fact) in known for each in argument_values(call)) for fact in facts)

    def _fetches(self, raiser: ast.expr) -> bool:
        method, hows = self._method(raiser)
        return method is not None and method.attr in _FETCHES and hows <= {ITSELF, *READERS}

    def _commits(self, raiser: ast.expr) -> bool:
        method, hows = self._method(raiser)
        return method is not None and method.attr == "commit" and hows == {ITSELF}

    def _method(self, raiser: ast.expr) -> tuple[ast.Attribute | None, set[str | None]]:
        """Return the method that a call is of, and the relations of its owner to the resource on the paths there."""
        call = raiser.value if isinstance(raiser, ast.Await) else raiser
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return None, set()
        return call.func, self._relations(call.func.value, raiser)

    def _relations(self, expr: ast.expr, raiser: ast.expr) -> set[str | None]:
        """Return the relations of an expression to the resource on the paths to a call, while anything refers to it."""
        facts = [fact for node, fact in self.history if node.event is not None and node.event.node is raiser]
        return {self.analysis.transfer.holds(expr, fact) for fact in facts if fact.aliases}

    def path(self, leak: Leak) -> list[tuple[Node, EdgeKind]]:
        """Return a shortest path from birth to a leak of this kind: the nodes, and the edges taken out of them."""
        return [(node, kind) for node, _, kind in self.facts(leak)]

    def facts(self, leak: Leak) -> _Way:
        """Return the same path, with the fact before each node."""
        return self._witness(leak)[0]

    def _witness(self, leak: Leak) -> tuple[_Way, Node]:
        """Return a path to a leak, and the node where it ends: if an exception leads there, the likeliest one."""
        kind = {Leak.SWALLOWED: "swallowed", Leak.RAISED: "raised"}.get(leak, "normal")
        end, fact = self._leaks[kind]
        way = self.analysis.way(end, fact)
        if kind != "normal" and (likelier := self._likelier(kind, way)) is not None:
            return likelier
        return way, end

    def _likelier(self, leak: str, way: _Way) -> tuple[_Way, Node] | None:
        """Return the path of a likelier exception to the same kind of leak, or one on which nothing else is raised.

        A `raise` of the program is the likeliest: it is there for a case that happens.
        """
        events = [node.event for node, _, kind in way if kind == "raise"]
        raised = [self._raiser(event) for event in events if isinstance(event, _RAISING)]
        if not events or isinstance(events[0], cfg.Raise):
            return None
        rank = self._rank(raised[0]) if raised else 0
        likelier = sorted((each for each in self.raisers if self._rank(each) < rank), key=self._rank) if rank else []
        again = raised[:1] if len(raised) > 1 else []  # another exception on the path is not needed
        found = (self._way_by(raiser, leak) for raiser in [*self._own_raises, *likelier, *again])
        return next((each for each in found if each is not None), None)

    @property
    def _own_raises(self) -> list[ast.Raise]:
        """The statements that raise the first exception while it is open, but those that are for the programmer."""
        found: dict[ast.Raise, None] = {}
        for node, fact in self.history:
            if isinstance(node.event, cfg.Raise) and fact.state == "open" and not fact.thrown:
                found[node.event.node] = None
        mine = (each for each in found if each.exc is not None and not self._is_for_programmer(each.exc))
        return sorted(mine, key=lambda stmt: stmt.lineno)

    def _is_for_programmer(self, raised: ast.expr) -> bool:
        """Whether an exception says that the program is wrong, or ends it."""
        return self.file.resolve(without_arguments(raised)) in _FOR_PROGRAMMERS

    def _way_by(self, raiser: ast.AST, leak: str) -> tuple[_Way, Node] | None:
        """Return a path to a leak of this kind on which this is the only call or statement that raises."""
        for node, fact in self.history:
            match node.event:
                case cfg.Raise(node=stmt):
                    raises = stmt is raiser
                case cfg.Call() | cfg.Await() | cfg.Yield() | cfg.Iterate() | cfg.Enter() | cfg.Leave():
                    raises = self._raiser(node.event) is raiser
                case _:
                    continue
            is_open = fact.state == "open" or self.resource.is_lazy  # which the call may open
            if not raises or not is_open or fact.thrown:
                continue
            if (after := self._way_from(node, fact, leak)) is not None:
                return [*self.analysis.way(node, fact), *after[0]], after[1]
        return None

    def _way_from(self, node: Node, fact: Fact, leak: str) -> tuple[_Way, Node] | None:
        """Return a shortest path from a call that raises to a leak of this kind, on which no other call raises."""
        parents: dict[tuple[Node, Fact], tuple[Node, Fact, EdgeKind] | None] = {(node, fact): None}
        todo = [(node, fact)]
        for here, before in todo:  # grows during the loop
            if here is not node and self._kind_of_leak(here, before) == leak:
                way: _Way = []
                step = parents[here, before]
                while step is not None:
                    way.append(step)
                    step = parents[step[:2]]
                return way[::-1], here
            for kind, after in self.analysis.transfer(here, before):
                is_first = (here, before) == (node, fact)
                raises = kind == "raise" and (is_first or isinstance(here.event, _RAISING))
                if raises is not is_first or after.site is not self.birth:
                    continue
                following = [(target, after) for edge, target in here.out if edge == kind]
                for each in following:
                    if each not in parents:
                        parents[each] = (here, before, kind)
                        todo.append(each)
        return None

    def _kind_of_leak(self, end: Node, fact: Fact) -> str | None:
        if end is self.analysis.graph.raised:
            return "raised" if self._leaks_by_raise(fact) else None
        if not self.is_left_open(end, fact):
            return None
        return "swallowed" if fact.thrown else "normal"

    def _rank(self, raiser: ast.expr) -> int:
        """Return how likely an exception is, the likeliest first: a query, a use of the connection, any other call.

        To open another connection fails as queries do. A conversion, or a constructor, hardly ever fails. An `await`
        that only its cancellation leaves in this way comes last.
        """
        if isinstance(raiser, (ast.Yield, ast.YieldFrom)):
            return 0  # the code of the caller
        if raiser in self.cancelled:
            return 4
        call = raiser.value if isinstance(raiser, ast.Await) else raiser
        if not isinstance(call, ast.Call):
            return 2
        method, hows = self._method(raiser)
        if method is not None and (method.attr in QUERIES or (hows == {ITSELF} and method.attr in _FETCHING)):
            return 0
        if hows & {ITSELF, *READERS}:
            return 3 if method is not None and method.attr in ENDS_IT else 1
        if self.analysis.effects.acquires(call):
            return 0
        name = last_name(call.func)
        if name in _BUILTINS or name[:1].isupper():
            return 3
        return 0 if self._is_passed_to(call, raiser) else 2

    def opens_next(self, leak: Leak) -> bool:
        """Whether it is left open when the next round of an endless loop opens another one."""
        return opens(self._witness(leak)[1], self.birth)

    @property
    def culprit(self) -> Located:
        """The call whose exception leaves it open, or a `raise` that no call has led to."""
        found: Located = self.birth
        caught: ast.ExceptHandler | None = None
        for node, kind in self.path(Leak.RAISED):
            match node.event:
                case cfg.Call(node=call) if caught is not None and self._only_raises(call) and call in ast.walk(caught):
                    pass  # `abort(500)` in the handler of the cause, like a `raise` there
                case cfg.Call() | cfg.Await() | cfg.Yield() | cfg.Iterate() | cfg.Enter() | cfg.Leave() if (
                    kind == "raise"
                ):
                    found = self._raiser(node.event)
                case cfg.Catch(node=handler):
                    caught = handler
                case cfg.Raise(node=stmt) if caught is None or stmt not in ast.walk(caught):
                    found = stmt
        return found

    def _only_raises(self, call: ast.Call) -> bool:
        return not self.analysis.effects.outcome(call).returns

    @cached_property
    def raisers(self) -> list[ast.expr]:
        """The calls whose exception alone leaves it open, in the order of the source."""
        first = [call for call, after_another in self._raising if not after_another]
        found = dict.fromkeys(first or [call for call, _ in self._raising])
        return sorted(found, key=lambda call: (call.lineno, call.col_offset))

    @cached_property
    def cancelled(self) -> set[ast.expr]:
        """The `await`s that leave it open only if they are cancelled."""
        cancelled: set[ast.expr] = set()
        others: set[ast.expr] = set()
        for (raiser, _), edges in self._edges_that_leak.items():
            for edge in edges:
                (cancelled if edge in self.analysis.graph.cancelled else others).add(raiser)
        return cancelled - others

    @property
    def _raising(self) -> list[tuple[ast.expr, bool]]:
        """The calls whose exception leaves it open, each with whether another exception was raised before."""
        return list(self._edges_that_leak)

    @cached_property
    def _edges_that_leak(self) -> dict[tuple[ast.expr, bool], list[tuple[Node, Node]]]:
        """The same calls, each with the edges that its exception takes."""
        return self._edges_to([each for each in self.history if self.is_left_open(*each)])

    def _edges_to(self, lost: list[tuple[Node, Fact]]) -> dict[tuple[ast.expr, bool], list[tuple[Node, Node]]]:
        """Return the calls whose exception leads to one of these facts, with these edges."""
        raising: dict[tuple[ast.expr, bool], list[tuple[Node, tuple[Node, Fact]]]] = {}
        before: dict[tuple[Node, Fact], list[tuple[Node, Fact]]] = {}
        for node, fact in self.history:
            for kind, after in self.analysis.transfer(node, fact):
                targets = [(target, after) for edge, target in node.out if edge == kind and after.site is self.birth]
                if kind == "raise" and isinstance(node.event, _RAISING):
                    raiser = self._raiser(node.event)
                    is_open = fact.state == "open" or (self.resource.is_lazy and after.state == "open")
                    if is_open and raiser is not self.birth:
                        raising.setdefault((raiser, fact.thrown), []).extend((node, target) for target in targets)
                    continue  # only the first exception on a path is the cause
                for target in targets:
                    before.setdefault(target, []).append((node, fact))
        leading = cfg.points_before(before, lost)
        leaking = {
            cause: [(node, target[0]) for node, target in edges if target in leading]
            for cause, edges in raising.items()
        }
        return {cause: edges for cause, edges in leaking.items() if edges}

    def _raiser(self, event: _Raising) -> ast.expr:
        match event:
            case cfg.Iterate(node=loop):
                return self.analysis.effects.source_of_items(loop.iter)
            case cfg.Enter(node=item) | cfg.Leave(node=item):
                return item.context_expr
        return event.node

    @cached_property
    def names(self) -> list[str]:
        """The variables that hold it, on some path."""
        found: dict[str, None] = {}
        for _, fact in self.history:
            names = sorted(where for relation, where in fact.aliases if relation == ITSELF and isinstance(where, str))
            found.update(dict.fromkeys(names))  # a set has no order of its own
        return [name for name in found if not name.startswith("<")]

    @property
    def _module_variables(self) -> set[str]:
        """The variables of a module that hold it, or something that reads from it."""
        held = (where for _, fact in self.history for _, where in fact.aliases if isinstance(where, str))
        return {where.partition(".")[0] for where in held if not where.startswith("<")}

    @property
    def title(self) -> str:
        """The name by which a reader knows it: a variable, else the expression that opens it."""
        return self.names[0] if self.names else f"{ast.unparse(self.birth.func)}(...)"

    @cached_property
    def closes(self) -> list[ast.Call]:
        """The calls that close it by hand, on some path: its own method, or a function with it as an argument."""
        found = {call: None for node, fact in self.history if (call := self.closing_call(node, fact))}
        found |= {call: None for node, fact in self.history if (call := self._closing_function_call(node, fact))}
        return sorted(found, key=lambda call: (call.lineno, call.col_offset))

    def _closing_function_call(self, node: Node, fact: Fact) -> ast.Call | None:
        if isinstance(node.event, cfg.Call) and self.analysis.transfer.closes_argument(node.event.node, fact):
            return node.event.node
        return None

    @cached_property
    def may_be_closed_by(self) -> ast.Call | None:
        """A call that may close it, but does not always; None if there is none."""
        for node, fact in self.history:
            if fact.state == "open" and isinstance(node.event, cfg.Call) and node.event.node not in self.closes:
                if any(after.state == "closed" for _, after in self.analysis.transfer(node, fact)):
                    return node.event.node
        return None

    def closing_call(self, node: Node, fact: Fact) -> ast.Call | None:
        """Return the call of its own `close` at a node, if there is one."""
        if (
            isinstance(node.event, cfg.Call)
            and self.analysis.transfer.holds(node.event.node.func, fact) == CLOSE_METHOD
        ):
            return node.event.node
        return None

    @property
    def statement(self) -> ast.stmt:
        """The statement that opens it."""
        return next(node for node in self.file.around(self.birth) if isinstance(node, ast.stmt))


def _keeps_exception(handler: ast.ExceptHandler) -> bool:
    """Whether a handler may store its exception, whose traceback refers to the variables of all functions on it."""
    stores = (
        ast.Assign,
        ast.AnnAssign,
        ast.NamedExpr,
        ast.Return,
        ast.Yield,
        ast.List,
        ast.Tuple,
        ast.Dict,
        ast.keyword,
    )
    for part in (each for statement in handler.body for each in ast.walk(statement)):
        given = part.args if isinstance(part, ast.Call) and last_name(part.func) in KEEPING_METHODS else ()
        kept = [*ast.iter_child_nodes(part)] if isinstance(part, stores) else given
        if handler.name and any(isinstance(each, ast.Name) and each.id == handler.name for each in kept):
            return True
    return False


def _names_in(expr: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(expr) if isinstance(part, ast.Name)}


@file_query
def _uses_mocks(file: File) -> bool:
    """Whether a file replaces parts of the tested code by mocks."""
    return "patch" in file.text and re.search(_MOCKS, file.text) is not None


_MOCKS = r"\bmock(er)?\.patch|@patch\b|\bwith patch\(|\bmonkeypatch\.setattr"  # drivers too, mostly
_SHORTEST_WORD = 4  # a shorter name is found in every file


def _tells_much(name: str) -> bool:
    """Whether a function's name is rare enough that few files mention it by chance."""
    return len(name) >= _SHORTEST_WORD and not name.startswith("__")


def _is_to_fail(file: File, call: ast.Call) -> bool:
    """Whether a test expects that an exception ends the block with this call: `with pytest.raises(...)`."""
    blocks = [node for node in file.around(call) if isinstance(node, (ast.With, ast.AsyncWith))]
    entered = [item.context_expr for block in blocks for item in block.items]
    made = [expr.func for expr in entered if isinstance(expr, ast.Call) and call not in ast.walk(expr)]
    return any(isinstance(func, ast.Attribute) and func.attr in _EXPECTING for func in made)


_EXPECTING = frozenset({"raises", "assertRaises", "assertRaisesRegex"})


def field_of(life: Lifetime) -> Field | None:
    """Return the field of an object in which a function leaves a resource."""
    cls = owner(life.file, life.scope) if life.fields else None
    if cls is None:
        found = field_of_part(life.file, life.birth) if life.is_in_part else None
        return Field(life.file, *found, life.birth, life.resource, life.analysis.effects.summaries) if found else None
    first, *others = life.fields
    summaries, holds = life.analysis.effects.summaries, life.containers
    if holds & {first, *others} and others:
        return None
    return Field(life.file, cls, first, life.birth, life.resource, summaries, tuple(others), first in holds)


def property_of(life: Lifetime) -> Field | None:
    """Return the property of a class that opens a connection and returns it, as a field that nothing assigns."""
    node, cls = life.scope.node, owner(life.file, life.scope)
    if cls is None or not life.is_returned or not isinstance(node, FUNCTION):
        return None
    decorators = Definition(life.file, node, life.scope.name).decorators
    if len(node.decorator_list) != 1 or not any(name in _PROPERTIES for name in decorators):
        return None
    return Field(life.file, cls, node.name, life.birth, life.resource, life.analysis.effects.summaries)


_PROPERTIES = django.PROPERTIES | {"werkzeug.utils.cached_property", "cached_property.cached_property"}


ValueT = TypeVar("ValueT")


class Lifetimes:
    """The lifetimes of the resources of one project."""

    def __init__(self, project: ProjectView) -> None:
        self.summaries = Summaries(project)

    def set_helpers(self, handed: Mapping[Path, Collection[str]]) -> frozenset[str]:
        """Set the functions, by file, that return connections; return the names of all helpers.

        A file that mentions a helper may hold a leak, though it names no driver. The settings may declare more.
        """
        definers: dict[str, set[Path]] = {}
        for path, names in handed.items():
            for name in names:
                definers.setdefault(name, set()).add(path)
        helpers = {name: paths for name, paths in definers.items() if _tells_much(name)}
        declared = self.summaries.project.settings.functions
        said = (name.rpartition(".")[2] for name, function in declared.items() if function.returns)
        self.summaries.set_helpers({**helpers, **dict.fromkeys(said, ())}, definers)
        return frozenset(self.summaries.helpers.names)

    def helpers_in(self, file: File) -> Iterator[str]:
        """Yield the names, and their aliases, of the functions in a file that return a connection to their caller.

        Also those of what a module shares with others to open connections: see `shared_sources`.
        """
        try:
            functions = file.functions
        except NOT_PYTHON:
            return
        for node, scope in functions.items():
            if isinstance(node, FUNCTION) and self._gives(Definition(file, node, scope.name)):
                yield node.name
        for name, scope in file.classes.items():
            if isinstance(scope.node, ast.ClassDef) and self._gives(Definition(file, scope.node, name)):
                yield scope.node.name
        for name in self.summaries.helpers.acquire_filter.local_aliases(file).keys() & {
            *file.scope.bound,
            *file.scope.imports,
        }:
            called = find_definition(file, f"{file.module}.{name}")
            if called is not None and self.summaries.model_of_definition(called) is not None:
                yield name
        if self.summaries.helpers.names_library(file):
            from dbhygiene.lifetimes.shared_sources import shared_sources

            yield from shared_sources(file)

    def _gives(self, definition: Definition) -> bool:
        """Whether a function returns a connection to its caller, or yields one, or an object of a class is one."""
        summaries = self.summaries

        def gives() -> bool:
            return any(model(definition) for model in (summaries.model_of_definition, summaries.model_of_next))

        return summaries.helpers.kept("gives", definition.file, definition.node, gives)

    def kept(self, kind: Hashable, file: File, code: Code, ask: Callable[[], ValueT]) -> ValueT:
        """Return plain data about a function; while the project is edited, it is kept."""
        return self.summaries.helpers.kept(kind, file, code, ask)

    def fields(self, file: File) -> Iterator[Field]:
        """Yield every field of a class of the file that is assigned a connection."""
        return (field for code in file.functions for field in self.fields_in(file, code))

    def fields_in(self, file: File, code: Code) -> Iterator[Field]:
        """Yield those that a function assigns; of a module, those that its classes do."""
        for life in self.of_function(file, code):
            field = field_of(life) or property_of(life) if life.leak in {None, Leak.RAISED} else None
            if field is not None:
                yield field
        for cls, name, call in in_class_bodies(file) if isinstance(code, ast.Module) else ():
            if (resource := self.summaries.library.resource_of_driver(file, call)) is not None:
                yield Field(file, cls, name, call, resource, self.summaries)

    def of(self, file: File) -> Iterator[Lifetime]:
        """Yield every resource that a function of the file opens, or gets from a function of the project."""
        return (life for code in file.functions for life in self.of_function(file, code))

    def of_function(self, file: File, code: Code) -> Iterator[Lifetime]:
        """Yield those of one function, or of the module."""
        analysis = self.summaries.analysis(file, code)
        if analysis is not None:
            for site, resource in analysis.own_resources:
                if not _is_to_fail(file, site):
                    yield Lifetime(analysis, site, resource)
