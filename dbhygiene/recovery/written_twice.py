"""`WrittenTwice`: a write that is committed, and runs again after an error that may be that of its reply (HYG410).

for attempt in range(3):
    try:
        cursor.execute("insert into orders (total) values (%s)", row)
        conn.commit()                    # may be done, and raise: only its reply is lost
        break
    except OperationalError:
        conn.ping(reconnect=True)        # the next round adds the row again
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Literal, TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.gaps.servers import is_sqlite_only
from dbhygiene.library import drivers
from dbhygiene.library.words import words
from dbhygiene.program.arguments import has_parameter
from dbhygiene.program.atomic import atomic_around
from dbhygiene.program.bindings import Place
from dbhygiene.program.callees import callees
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.attempts import is_retry_loop
from dbhygiene.recovery.conditions import number_comparison
from dbhygiene.recovery.errors import DJANGO, SQLALCHEMY, ErrorClass, classes_of, join_names, libraries, tries
from dbhygiene.recovery.handles import FRESH, Root, handle_of
from dbhygiene.recovery.operations import Operation, has_query, may_use, of_binding, of_call, of_context, summary
from dbhygiene.recovery.paths import everywhere, solve_facts, while_lost
from dbhygiene.recovery.retriers import reaches_decorator, retrier_of
from dbhygiene.source.file import File, loop_around, scope_around
from dbhygiene.source.nodes import FUNCTION, Code, Function, Located, end_position, last_name
from dbhygiene.source.records import Frozen

# Of the connection: `lost` once the reply of the commit may be lost, `inner` if another handler sees that first;
# then as for an `Attempt`.
_State: TypeAlias = Literal["live", "inner", "lost", "dead", "reopened"]
_AUTOCOMMIT = re.compile(r"autocommit(?:=True|\((?:True|1)\)| = True)|\bAUTOCOMMIT\b")
_REPLY_LOST = frozenset({2013, 2055})  # the numbers of the error where the statement may have run
_MAY_BE_DONE = "if only the answer is lost, this raises although the write is done"
_DUPLICATES = words("IntegrityError UniqueViolation UniqueViolationError DuplicateKeyError")


class WrittenTwice(Frozen):
    """The write, and the path: its commit, the handler or decorator, and what tries again."""

    write: ast.Call
    path: tuple[tuple[Located, str], ...]


class _Write(Frozen):
    """A call that adds rows, and what commits them: the call itself, if each statement is a transaction."""

    call: ast.Call
    library: str
    root: Root
    committed: Located


def written_twice(file: File) -> Iterator[WrittenTwice]:
    seen: set[ast.AST] = set()
    for found in (*_by_handlers(file), *_by_decorators(file)):
        if found.write not in seen:
            seen.add(found.write)
            yield found


# -- by a handler -----------------------------------------------------------------------------------------


def _by_handlers(file: File) -> Iterator[WrittenTwice]:
    for code, node in tries(file):
        if _expects_duplicates(code):
            continue
        handlers = [(each, classes_of(file, each)) for each in node.handlers]
        caught = [(handler, classes) for handler, classes in handlers if libraries(classes)]
        found = (_repeat_by_handler(file, code, node, caught, write) for write in _committed_writes(file, node.body))
        first = next((each for each in found if each is not None), None) if caught else None
        if first is not None:
            yield first  # all writes of the `try` run again


def _repeat_by_handler(
    file: File,
    code: Code,
    node: ast.Try,
    caught: list[tuple[ast.ExceptHandler, tuple[ErrorClass | None, ...]]],
    write: _Write,
) -> WrittenTwice | None:
    """Return the second run of a write after the handler that gets the error of a lost reply."""
    for handler, classes in caught:
        if _catches_lost_reply(classes, write.library):
            again = _Walk(file, code, node, handler, write).find_repeat()
            handled = (handler, f"catches {join_names(classes, write.library)}, which a lost answer raises")
            return _make_finding(write, handled, (again, "tries again")) if again is not None else None
    return None


def _catches_lost_reply(classes: tuple[ErrorClass | None, ...], library: str) -> bool:
    loss = loss_of(library)
    errors = loss.first | loss.pure if loss is not None else {"OperationalError"}
    return any(each is not None and each.covers(library, error) for each in classes for error in errors)


def _expects_duplicates(code: ast.AST) -> bool:
    """Whether a function handles the error of a second row with the same key: then there is such a key."""
    caught = (part.type for part in ast.walk(code) if isinstance(part, ast.ExceptHandler))
    named_there = (each.elts if isinstance(each, ast.Tuple) else [each] for each in caught if each is not None)
    return any(last_name(each) in _DUPLICATES for parts in named_there for each in parts)


def _make_finding(write: _Write, *rest: tuple[Located, str]) -> WrittenTwice:
    if write.committed is write.call:
        return WrittenTwice(write.call, ((write.call, f"this statement commits by itself; {_MAY_BE_DONE}"), *rest))
    return WrittenTwice(write.call, ((write.call, "writes"), (write.committed, f"commits; {_MAY_BE_DONE}"), *rest))


class _Walk:
    """The paths from one handler to the next run of a write, on a connection that works again."""

    def __init__(self, file: File, code: Code, node: ast.Try, handler: ast.ExceptHandler, write: _Write) -> None:
        self._file, self._code, self._node, self._handler, self._write = file, code, node, handler, write
        self._inner = self._handlers_within()
        self._again: Located | None = None

    def find_repeat(self) -> Located | None:
        """Return what tries again: a loop, or a call in the handler."""
        by_call = isinstance(self._write.committed, ast.Call) and self._write.committed is not self._write.call
        start: tuple[_State, ...] = ("live",) if by_call else ("lost",)
        complete = solve_facts(self._file, self._code, start, self._transfer) is not None
        return self._again if complete else None

    def _transfer(self, node: Node, state: _State) -> Iterable[tuple[EdgeKind, _State]]:
        event = node.event
        root = self._write.root
        if state == "lost" and isinstance(event, cfg.Catch) and event.node is self._handler:
            return everywhere("reopened" if root == FRESH else "dead")
        if state in {"live", "inner", "lost"}:
            if isinstance(event, cfg.Catch) and event.node in self._inner:
                return everywhere("lost" if state == "inner" else state)
            if self._commits(event):
                thrown: _State = "inner" if self._inner else "lost"
                return [("raise", thrown), *(each for each in everywhere(state) if each[0] != "raise")]
            if isinstance(event, cfg.Raise) and _is_another_error(self._file, event.node):
                return everywhere("live")
            return everywhere(state)
        match event:
            case cfg.Call(node=call):
                after = self._after_call(call, state)
                return [] if after is None else everywhere(after)
            case cfg.Bind(target=target):
                if any(each.root == root for each in of_binding(self._file, target)):
                    return everywhere("reopened")
            case cfg.Enter(node=item):
                found = of_context(self._file, item).operations
                if any(each.verb == "begins" and each.root == root for each in found):
                    return everywhere("reopened")
            case cfg.Test(node=test):
                return self._edges_while_reply_lost(test, state)
        return everywhere(state)

    def _handlers_within(self) -> list[ast.ExceptHandler]:
        """Return the handlers, nearer than the one of this walk, that catch the error of the commit's lost reply."""
        for above in self._file.around(self._write.committed):
            if above is self._node:
                break
            if isinstance(above, ast.Try):
                classes = ((each, classes_of(self._file, each)) for each in above.handlers)
                found = [each for each, its in classes if _catches_lost_reply(its, self._write.library)]
                if found and self._write.committed in nodes_of(above.body):
                    return found
        return []

    def _commits(self, event: cfg.Event) -> bool:
        ran = event.node.value if isinstance(event, cfg.Await) else event.node if isinstance(event, cfg.Call) else None
        return ran is self._write.committed

    def _edges_while_reply_lost(self, test: ast.expr, state: _State) -> list[tuple[EdgeKind, _State]]:
        """Return the edges of a test that a handler takes if the reply is lost: 2006 says that nothing was sent."""
        compared = number_comparison(self._file, test, self._handler.name)
        if compared is not None and None not in compared.numbers and not _REPLY_LOST & set(compared.numbers):
            return [("true" if compared.negated else "false", state)]
        return while_lost(self._file, test, self._handler, state)

    def _after_call(self, call: ast.Call, state: _State) -> _State | None:
        file, write = self._file, self._write
        if (again := self._runs_again(call)) is not None:
            if state == "reopened":
                self._again = again
            return None
        if call is not write.call and self._is_recursion(call):
            if state == "reopened" or _is_local(self._code, write.root):
                self._again = call
            return None
        mine = [each for each in of_call(file, call).operations if (each.library, each.root) == _connection_of(write)]
        if _looks(mine) or may_use(file, call, write.root):
            return None
        return "reopened" if any(each.verb == "reopens" for each in mine) else state

    def _runs_again(self, call: ast.Call) -> Located | None:
        """Return what makes a call the second run of the write: the loop around its `try`, or the call itself."""
        if call is not self._write.call:
            return call if ast.unparse(call) == ast.unparse(self._write.call) else None
        loop = loop_around(self._file, self._node)
        return loop if loop is not None and _repeats_until_done(self._file, loop, self._node, call) else None

    def _is_recursion(self, call: ast.Call) -> bool:
        found = callees(self._file, call, scope_around(self._file, call)).definitions
        return any(each.node is self._code for each in found)


def _connection_of(write: _Write) -> tuple[str, Root]:
    return write.library, write.root


def _looks(found: list[Operation]) -> bool:
    """Whether these operations of one call read from the database: they may look for the row."""
    return has_query(found) and not any(each.verb in {"writes", "adds", "commits", "opens"} for each in found)


def _is_another_error(file: File, node: ast.Raise) -> bool:
    """Whether a `raise` raises an exception of its own, not the one that a handler has caught."""
    caught = {above.name for above in file.around(node) if isinstance(above, ast.ExceptHandler)}
    return node.exc is not None and not (isinstance(node.exc, ast.Name) and node.exc.id in caught)


def _is_local(code: Code, root: Root) -> bool:
    """Whether each call of a function has a connection of its own there."""
    if root == FRESH:
        return True
    if not isinstance(root, Place) or root.scope.node is not code or not isinstance(code, FUNCTION):
        return False
    return not has_parameter(code, root.path)


def _repeats_until_done(file: File, loop: ast.For | ast.AsyncFor | ast.While, node: ast.Try, write: ast.Call) -> bool:
    """Whether a loop repeats its `try` for the same values, and ends once it succeeds."""
    inside = set(nodes_of([node]))
    aside = {part for handler in node.handlers for part in nodes_of(handler.body)}
    tested = _names(loop.test) if isinstance(loop, ast.While) else set()
    given = _names(*write.args, *(word.value for word in write.keywords))
    ends = False
    for part in nodes_of(loop.body):
        if part in aside:
            continue
        if isinstance(part, (ast.Return, ast.Break)):
            ends = True
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            ends = ends or part.id in tested
            if part not in inside and part.id in given:
                return False  # it takes the next item
    return ends and is_retry_loop(file, loop, node)


def _names(*exprs: ast.expr) -> set[str]:
    return {part.id for each in exprs for part in ast.walk(each) if isinstance(part, ast.Name)}


# -- by a decorator ---------------------------------------------------------------------------------------


def _by_decorators(file: File) -> Iterator[WrittenTwice]:
    for code in file.functions:
        if not isinstance(code, FUNCTION) or _expects_duplicates(code):
            continue
        for at, decorator in enumerate(code.decorator_list):
            retrier = retrier_of(file, decorator)
            if retrier is None or not libraries(retrier.classes):
                continue
            for write in _committed_writes(file, code.body, code.decorator_list[at + 1 :]):
                works_again = _is_local(code, write.root) or _begins_again(file, code, write)
                caught = _catches_lost_reply(retrier.classes, write.library)
                seen = not isinstance(write.committed, ast.Call) or reaches_decorator(file, code, write.committed)
                if works_again and caught and seen and not _looks_first(file, code, write):
                    errors = join_names(retrier.classes, write.library)
                    yield _make_finding(write, (decorator, f"{retrier.name} calls `{code.name}` again after {errors}"))
                    break


def _begins_again(file: File, code: Function, write: _Write) -> bool:
    """Whether a function gives its connection another chance: a transaction of its own, or what opens it again."""
    if write.library == DJANGO:
        return write.committed is not write.call  # Django drops the connection at the end of `atomic()`
    return any(
        each.verb in {"reopens", "begins"} and each.root == write.root for each in summary(file, code).operations
    )


def _looks_first(file: File, code: Function, write: _Write) -> bool:
    for call in calls_in(nodes_of(code.body)):
        if end_position(call) < end_position(write.call):
            mine = [
                each for each in of_call(file, call).operations if (each.library, each.root) == _connection_of(write)
            ]
            if _looks(mine):
                return True
    return False


# -- writes that are committed ----------------------------------------------------------------------------


def _committed_writes(file: File, block: list[ast.stmt], around: Collection[ast.AST] = ()) -> Iterator[_Write]:
    """Yield the writes of a block that it commits, by a call, by the end of a `with`, or at once.

    `around` are decorators whose transaction the block is.
    """
    calls = sorted(calls_in(nodes_of(block)), key=end_position)
    for at, call in enumerate(calls):
        if any(_expects_duplicates(each.node) for each in callees(file, call, scope_around(file, call)).definitions):
            continue
        for each in of_call(file, call).operations:
            if each.verb == "adds" and _has_server(file, each.library):
                committed = _commit(file, calls[at:], each) or _transaction(file, block, call, each.library, around)
                if committed is not None:
                    yield _Write(call, each.library, each.root, committed)


def _has_server(file: File, library: str) -> bool:
    if library == DJANGO:
        return not is_sqlite_only(file) and "sqlite" not in file.text
    return "sqlite" not in file.text if library == SQLALCHEMY else loss_of(library) is not None


def _commit(file: File, calls: list[ast.Call], write: Operation) -> ast.Call | None:
    """Return the first of some calls that commits a write."""
    for call in calls:
        done = of_call(file, call).operations
        if any((each.verb, each.library, each.root) == ("commits", write.library, write.root) for each in done):
            return call
    return None


def _transaction(
    file: File, block: list[ast.stmt], call: ast.Call, library: str, around: Collection[ast.AST]
) -> Located | None:
    """Return the transaction of a block that a write lies in, or the write if it is a transaction of its own."""
    inside = set(nodes_of(block))
    if library == DJANGO:
        atomic = atomic_around(file, call)
        return call if atomic is None else atomic if atomic in inside or atomic in around else None
    for above in file.around(call):
        if above not in inside:
            break
        if isinstance(above, (ast.With, ast.AsyncWith)):
            for item in above.items:
                if _commits_at_end(file, item.context_expr, library):
                    return item.context_expr
    found = drivers.driver(library)
    autocommits = found is not None and (found.autocommits or _AUTOCOMMIT.search(file.text) is not None)
    return call if autocommits else None


def _commits_at_end(file: File, expr: ast.expr, library: str) -> bool:
    """Whether the end of `with expr:` commits."""
    if library == SQLALCHEMY and isinstance(expr, ast.Call) and last_name(expr.func) == "begin":
        return True
    held = handle_of(file, expr)
    if held is not None and held.library == library and held.kind == "connection" and library != SQLALCHEMY:
        found = drivers.driver(library)
        leaving = found.leaving(None) if found is not None else None
        return leaving is not None and leaving.commits
    if isinstance(expr, ast.Call):
        definitions = callees(file, expr, scope_around(file, expr)).definitions
        return any(
            part.verb == "commits" and part.library == library
            for each in definitions
            if isinstance(each.node, FUNCTION)
            for part in summary(each.file, each.node).operations
        )
    return False
