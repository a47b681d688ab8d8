"""`Attempt`: a `try` that queries on a connection, a handler of its loss, and the calls that query after it.

The lattice of a connection is live -> dead (after the handler) -> reopened. It is followed over the control-flow graph.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.library import django
from dbhygiene.library.words import words
from dbhygiene.program.bindings import Place
from dbhygiene.program.callees import callees
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.recovery.errors import ErrorClass, classes_of, libraries, means_loss, tries
from dbhygiene.recovery.handles import FRESH, IMPLICIT, Root, handle_of
from dbhygiene.recovery.operations import (
    Operation,
    has_query,
    of_binding,
    of_block,
    of_call,
    of_context,
)
from dbhygiene.recovery.paths import everywhere, solve_facts, while_lost
from dbhygiene.source.file import File, loop_around, scope_around
from dbhygiene.source.nodes import Code, argument_values, last_name, walk
from dbhygiene.source.queries import query
from dbhygiene.source.records import Frozen

State: TypeAlias = Literal["live", "dead", "reopened"]
START: tuple[State, ...] = ("live",)
_COUNTS = words("range itertools.count itertools.repeat count repeat")
# Parts of the names of functions that may open a connection again.
_OPENING = words("conn reset open refresh ping recover dispose init session db close rollback")
# Of functions that are not understood, those that surely do not open a connection again.
_KEEPS_OUT = words("commit execute fetchone fetchall raise_for_status append format exit abort Response jsonify render")


class Attempt(Frozen):
    """A `try` whose body queries on a connection of `library`, and a handler that catches its loss.

    `again` are the calls that query on it after the handler, without anything that opens it again; `recovers`: on some
    path it is opened again first.
    """

    file: File
    code: Code
    node: ast.Try
    handler: ast.ExceptHandler
    classes: tuple[ErrorClass | None, ...]
    library: str
    root: Root
    asked: tuple[ast.Call, ...]  # in the body
    again: tuple[ast.Call, ...]
    recovered: tuple[ast.Call, ...]  # calls that ask after it was opened again
    reopened_by: tuple[ast.AST, ...]
    escapes: bool  # something that is not understood may open it again


@query
def attempts(file: File) -> tuple[Attempt, ...]:
    """Return every attempt of a file, by handler and connection."""
    return tuple(_attempts(file))


def _attempts(file: File) -> Iterator[Attempt]:
    for code, node in tries(file):
        for handler in node.handlers:
            classes = classes_of(file, handler)
            for library in sorted(libraries(classes)):
                for root in queried_roots(file, node, library):
                    yield _attempt(file, code, node, handler, classes, library, root)


def queried_roots(file: File, node: ast.Try, library: str) -> list[Root]:
    """Return the variables outside of a `try` on whose connections of a library its body queries."""
    found = of_block(file, node.body).operations
    roots = {each.root for each in found if has_query((each,)) and each.library == library and each.root != FRESH}
    made = {each.root for each in found if each.verb in {"reopens", "begins"}}
    return sorted(roots - made, key=lambda root: str(root) if isinstance(root, str) else root.path)


def _attempt(
    file: File,
    code: Code,
    node: ast.Try,
    handler: ast.ExceptHandler,
    classes: tuple[ErrorClass | None, ...],
    library: str,
    root: Root,
) -> Attempt:
    walk = _Walk(file, handler, library, root)
    escapes = solve_facts(file, code, START, walk.transfer) is None
    asked = [
        part
        for part in nodes_of(node.body)
        if isinstance(part, ast.Call) and _asks_on(of_call(file, part).operations, library, root)
    ]
    return Attempt(
        file,
        code,
        node,
        handler,
        classes,
        library,
        root,
        tuple(asked),
        tuple(walk.again),
        tuple(walk.recovered),
        tuple(walk.reopened_by),
        escapes or walk.escapes,
    )


def _asks_on(operations: Iterable[Operation], library: str, root: Root) -> bool:
    return has_query(each for each in operations if each.library == library and each.root == root)


class _Walk:
    """The paths from one handler, as far as one connection is concerned."""

    def __init__(self, file: File, handler: ast.ExceptHandler, library: str, root: Root) -> None:
        self._file, self._handler, self._library, self._root = file, handler, library, root
        self.again: dict[ast.Call, None] = {}
        self.recovered: dict[ast.Call, None] = {}
        self.reopened_by: dict[ast.AST, None] = {}
        self.escapes = False

    def transfer(self, node: Node, state: State) -> Iterable[tuple[EdgeKind, State]]:
        event = node.event
        if state == "live":
            is_caught = isinstance(event, cfg.Catch) and event.node is self._handler
            return everywhere("dead" if is_caught else "live")
        match event:
            case cfg.Call(node=call):
                after = self._after_call(call, state)
                return [] if after is None else everywhere(after)
            case cfg.Bind(target=target, value=value):
                if self._replaces(target, value):
                    self.reopened_by[event.node] = None
                    return everywhere("reopened")
            case cfg.Enter(node=item):
                found = of_context(self._file, item).operations
                if any(each.verb == "begins" and each.root == self._root for each in found):
                    self.reopened_by[item.context_expr] = None
                    return everywhere("reopened")
            case cfg.Test(node=test) if state == "dead":
                return while_lost(self._file, test, self._handler, state)
        return everywhere(state)

    def _replaces(self, target: ast.expr, value: ast.expr | None) -> bool:
        """Whether an assignment may put another connection in the place of this one."""
        if any(each.root == self._root for each in of_binding(self._file, target)):
            return True
        if not isinstance(self._root, Place):
            return False
        if isinstance(target, ast.Attribute) and target.attr == self._root.path.rpartition(".")[2]:
            return True  # the field of another object, which may be asked
        made = handle_of(self._file, value) if value is not None else None
        return made is not None and made.library == self._library and made.root == FRESH

    def _after_call(self, call: ast.Call, state: State) -> State | None:
        done = of_call(self._file, call)
        mine = [each for each in done.operations if each.library == self._library]
        if state == "dead" and any(each.verb == "reopens" and each.root == self._root for each in mine):
            self.reopened_by[call] = None
            if has_query(each for each in mine if each.root == self._root):
                self.recovered[call] = None
            return "reopened"
        if state == "dead" and any(each.verb == "reopens" and each.root != FRESH for each in mine):
            self.escapes = True  # another variable, which may hold the same connection: that of a cursor
            return None
        if _asks_on(mine, self._library, self._root):
            (self.again if state == "dead" else self.recovered)[call] = None
            return None
        if state == "dead" and not done.complete and self._may_reopen(call):
            self.escapes = True
            return None
        return state

    def _may_reopen(self, call: ast.Call) -> bool:
        """Whether a call that is not understood may open the connection again."""
        if last_name(call.func) in (_KEEPS_OUT | django.BUILDS if self._root == IMPLICIT else _KEEPS_OUT):
            return False
        given = argument_values(call)
        if any((held := handle_of(self._file, each)) is not None and held.root == self._root for each in given):
            return True
        if self._makes_owner(call):
            return True
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id in {"self", "cls", "super"}:
            return True
        if isinstance(owner, ast.Call) and last_name(owner.func) == "super":
            return True
        name = last_name(call.func).lower()
        return self._root == IMPLICIT or any(word in name for word in _OPENING) or not isinstance(self._root, Place)

    def _makes_owner(self, call: ast.Call) -> bool:
        """Whether a call makes an object of the class whose field the connection is: it may set the field anew."""
        if not isinstance(self._root, Place) or not isinstance(self._root.scope.node, ast.ClassDef):
            return False
        found = callees(self._file, call, scope_around(self._file, call)).definitions
        return last_name(call.func) == "cls" or any(each.node is self._root.scope.node for each in found)


def retries(attempt: Attempt) -> list[ast.Call]:
    """Return the calls that repeat the queries of the `try`: by its loop, by name, or by calling the function again."""
    return [call for call in attempt.again if is_retry(attempt, call)]


def is_retry(attempt: Attempt, call: ast.Call) -> bool:
    if call in attempt.asked:
        return _is_repeated_by_loop(attempt)
    same = {ast.unparse(each) for each in attempt.asked} | {ast.unparse(each.func) for each in attempt.asked}
    file = attempt.file
    if ast.unparse(call) in same:
        return True
    found = callees(file, call, scope_around(file, call)).definitions
    if any(each.node is attempt.code for each in found):
        return True
    return bool(found) and ast.unparse(call.func) in same and _is_in(attempt.handler, call)


def _is_in(handler: ast.ExceptHandler, call: ast.Call) -> bool:
    return any(part is call for part in nodes_of(handler.body))


def _is_repeated_by_loop(attempt: Attempt) -> bool:
    """Whether the loop around a `try` repeats it, rather than go on to the next of several items."""
    loop = loop_around(attempt.file, attempt.node)
    return loop is not None and is_retry_loop(attempt.file, loop, attempt.node)


def is_retry_loop(file: File, loop: ast.For | ast.AsyncFor | ast.While, node: ast.Try) -> bool:
    if isinstance(loop, ast.While):
        return True
    names = {part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)}
    if isinstance(loop.iter, ast.Call) and (file.resolve(loop.iter.func) or "") in _COUNTS:
        given = [part for part in calls_in(nodes_of(node.body)) if not logs(part)]
        return not any(_names_any([*call.args, *call.keywords], _computed(loop, names)) for call in given)
    aside = {part for handler in node.handlers for part in nodes_of(handler.body)}
    aside |= {below for part in calls_in(nodes_of(loop.body)) if logs(part) for below in walk(part)}
    return not any(
        isinstance(part, ast.Name) and part.id in names and part not in aside for part in nodes_of(loop.body)
    )


def _computed(loop: ast.For | ast.AsyncFor, names: set[str]) -> set[str]:
    """Return the variables that a loop computes from some others: `month` of `month = add_months(today, number)`."""
    found, bindings = set(names), list(_bindings_in(loop))
    while more := {name for targets, value in bindings if _names_any([value], found) for name in targets} - found:
        found |= more
    return found


def _bindings_in(loop: ast.For | ast.AsyncFor) -> Iterator[tuple[set[str], ast.expr]]:
    for part in nodes_of(loop.body):
        match part:
            case ast.Assign(targets=targets, value=value):
                yield {each.id for target in targets for each in walk(target) if isinstance(each, ast.Name)}, value
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                yield {name}, value


def _names_any(nodes: Iterable[ast.AST], names: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for node in nodes for part in walk(node))


def logs(call: ast.Call) -> bool:
    """Whether a call writes to a log or the screen, or sleeps, by its name."""
    return last_name(call.func) in words("print debug info warning error exception log sleep")


def is_narrow(attempt: Attempt) -> bool:
    """Whether the handler names a class that means a loss, rather than the base of all errors."""
    return means_loss(attempt.classes, attempt.library)
