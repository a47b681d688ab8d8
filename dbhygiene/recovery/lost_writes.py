"""`LostWrite`: a connection is opened again in a transaction, whose first writes are lost without an error (HYG403).

cursor.execute("insert ...")
conn.ping(reconnect=True)            # where this reconnects, the first row is gone
cursor.execute("insert ...")
conn.commit()
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dbhygiene.config.settings import Confidence
from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.library import django, sqlalchemy
from dbhygiene.library.drivers import PACKAGES, driver, drivers
from dbhygiene.library.prefilter import import_lines
from dbhygiene.library.words import words
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.bindings import Place
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.attempts import Attempt, attempts
from dbhygiene.recovery.handles import FRESH, Root, handle_of, owner_of
from dbhygiene.recovery.operations import Operation, may_use, of_binding, of_call, summary
from dbhygiene.recovery.paths import is_in_handler, nodes_after, solve_facts
from dbhygiene.recovery.writers import may_lose_writes
from dbhygiene.source.file import File, function_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Code, Function, last_name, without_arguments
from dbhygiene.source.queries import query
from dbhygiene.source.records import Frozen

_AUTOCOMMIT = lazy_pattern(r"autocommit", re.IGNORECASE)
# Words of a program that looks whether it is in a transaction.
_GUARDS = lazy_pattern(
    r"in_transaction|IN_TRANSACTION|in_atomic_block|transaction_status|_transaction\b|get_autocommit|open_transactions"
)
_LOOKS_FOR_WRITES = lazy_pattern(r"in_transaction|in_nested_transaction|\.(?:new|dirty|deleted)\b")
_FETCHES = words("fetchone fetchall fetchmany")


class LostWrite(Frozen):
    """The place where the transaction goes on, and where the connection was opened again."""

    at: ast.expr
    reopened: ast.AST
    written: ast.AST | None
    title: str
    confidence: Confidence = Confidence.LIKELY
    committed: str = ""  # the function that commits
    in_django: bool = False  # in its `atomic()`
    in_query: bool = False  # of SQLAlchemy, which rolls its session back


def lost_writes(file: File) -> Iterator[LostWrite]:
    seen: set[ast.AST] = set()
    for found in (*_in_functions(file), *_in_methods(file), *_in_queries(file), *_in_django(file)):
        if found.at not in seen:
            seen.add(found.at)
            yield found


# -- in one function --------------------------------------------------------------------------------------


class _State(NamedTuple):
    written: ast.Call | None = None  # not committed yet
    reopened: ast.AST | None = None  # since


def _in_functions(file: File) -> Iterator[LostWrite]:
    if _AUTOCOMMIT.search(file.text) or not _may_lose_connection(file):
        return
    for code in file.functions:
        if isinstance(code, FUNCTION) and _GUARDS.search(file.segment(code)):
            continue
        for root in _reopened_roots(file, code) if may_lose_writes(file, code) else ():
            yield from _find_lost_writes(file, code, root)


def _may_lose_connection(file: File) -> bool:
    """Whether a file of the project imports a driver whose connections can be lost, by its text."""
    if _imports_losing_driver(file):
        return True
    packages = {each.package.partition(".")[0] for each in drivers() if each.loss is not None}
    words = sorted(word for word in packages if not any(other in word for other in packages - {word}))
    return any(_imports_losing_driver(other) for word in words for other in file.project.files_containing(word))


@query
def _imports_losing_driver(file: File) -> bool:
    imported = import_lines(file.text)
    found = (driver(name) for name in PACKAGES if name in imported)
    return any(each is not None and each.loss is not None for each in found)


def _reopened_roots(file: File, code: Code) -> list[Root]:
    """Return the connections that a function writes to, and opens again."""
    done = summary(file, code).operations
    written = {(each.library, each.root) for each in done if each.verb == "writes"}
    reopened = {(each.library, each.root) for each in done if each.verb == "reopens"}
    both = (each for each in written & reopened if loss_of(each[0]) is not None and each[1] != FRESH)
    return [root for _, root in sorted(both, key=str)]


def _find_lost_writes(file: File, code: Code, root: Root) -> Iterator[LostWrite]:
    found: dict[ast.AST, LostWrite] = {}
    title = root.path if isinstance(root, Place) else ""

    def transfer(node: Node, state: _State) -> Iterable[tuple[EdgeKind, _State]]:
        event = node.event
        after = state
        if isinstance(event, cfg.Call):
            done = [each for each in of_call(file, event.node).operations if each.root == root]
            after = _after_call(event.node, done, state)
            if state.reopened is not None and any(each.verb in {"writes", "commits"} for each in done):
                at = state.reopened if isinstance(state.reopened, ast.expr) else event.node
                found.setdefault(at, LostWrite(at, state.reopened, state.written, title))
                return []
            if state.written is not None and not done and may_use(file, event.node, root):
                after = _State()
        elif isinstance(event, cfg.Bind) and state.written is not None:
            replaced = any(each.root == root for each in of_binding(file, event.target))
            if replaced and is_in_handler(file, event.node):
                after = _State(state.written, event.node)
            elif replaced:
                after = _State()
        elif isinstance(event, cfg.Leave) and state.written is not None:
            held = handle_of(file, event.node.context_expr)
            if held is not None and held.root == root and held.kind == "connection":
                after = _State()
        kinds: list[EdgeKind] = ["next", "true", "false"]
        return [*((kind, after) for kind in kinds), ("raise", state)]

    if solve_facts(file, code, [_State()], transfer) is not None:
        yield from found.values()


def _after_call(call: ast.Call, done: list[Operation], state: _State) -> _State:
    verbs = {each.verb for each in done}
    if "commits" in verbs or "ends" in verbs:
        return _State()
    if "reopens" in verbs and state.written is not None:
        return _State(state.written, call)
    if "writes" in verbs:
        return _State(state.written or call, state.reopened)
    return state


# -- one statement at a time, by a method -----------------------------------------------------------------


def _in_methods(file: File) -> Iterator[LostWrite]:
    """Yield each method that repeats one statement on a new connection, if another function commits."""
    for attempt in attempts(file):
        code, root = attempt.code, attempt.root
        if loss_of(attempt.library) is None or not isinstance(root, Place) or not isinstance(code, FUNCTION):
            continue
        if isinstance(root.scope.node, FUNCTION) or not attempt.recovered or not attempt.reopened_by:
            continue
        statement = _repeated_statement(attempt, code)
        if statement is None or _AUTOCOMMIT.search(file.text) or _GUARDS.search(file.segment(code)):
            continue
        own = summary(file, code)
        if any(each.verb == "commits" for each in own.operations) or _reads(code):
            continue
        committed = _commits(file, code, root)
        if committed is not None:
            yield LostWrite(statement, attempt.reopened_by[0], None, root.path, committed=committed)


def _repeated_statement(attempt: Attempt, code: Function) -> ast.Call | None:
    """Return the call that repeats a statement which is a parameter, on the new connection."""
    names = {each.arg for each in named_parameters(code)} - {"self", "cls"}
    asked = [call for call in attempt.asked if _gives_any(call, names)]
    if not asked:
        return None
    return next((call for call in attempt.recovered if _gives_any(call, names)), None)


def _gives_any(call: ast.Call, names: set[str]) -> bool:
    return any(isinstance(each, ast.Name) and each.id in names for each in call.args[:1])


def _reads(code: Function) -> bool:
    """Whether a method gives the rows of its statement: it serves for reading."""
    return any(isinstance(part, ast.Call) and last_name(part.func) in _FETCHES for part in nodes_of(code.body))


def _commits(file: File, code: Function, root: Place) -> str | None:
    """Return the function that commits what others have written to a connection."""
    for other in file.functions:
        if other is not code and isinstance(other, FUNCTION) and other.name not in {"__init__", "__exit__", "close"}:
            for part in nodes_of(other.body):
                if isinstance(part, ast.Call) and last_name(part.func) == "commit":
                    owner = owner_of(file, part)
                    if owner is not None and owner.root == root:
                        return other.name
    return None


# -- queries of SQLAlchemy that repeat themselves --------------------------------------------------------


def _in_queries(file: File) -> Iterator[LostWrite]:
    """Yield each method of a class of queries that rolls the session back, and runs again."""
    if "rollback" not in file.text:
        return
    for handler in file.nodes(ast.ExceptHandler):
        function = function_around(file, handler)
        scope = file.functions[function].class_scope if function is not None else None
        if function is None or scope is None or _LOOKS_FOR_WRITES.search(file.segment(function)):
            continue
        bases = scope.node.bases if isinstance(scope.node, ast.ClassDef) else []
        if not any(file.resolve(base) in sqlalchemy.QUERY_CLASSES for base in bases):
            continue
        rolled = next((call for call in calls_in(nodes_of(handler.body)) if _is_own_rollback(call)), None)
        if rolled is not None and _runs_again(file, function, handler, rolled):
            yield LostWrite(rolled, handler, None, "the session", in_query=True)


def _is_own_rollback(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(
            value=ast.Attribute(value=ast.Name(id="self"), attr="session"), attr="rollback" | "close" | "remove"
        ):
            return True
    return False


def _runs_again(file: File, function: Function, handler: ast.ExceptHandler, rolled: ast.Call) -> bool:
    """Whether the method of the base class is called again once a handler has rolled back."""
    nodes = nodes_after(file, function, handler)
    calls = (node.event.node for node in nodes if isinstance(node.event, cfg.Call))
    return any(call is not rolled and last_name(call.func) == function.name for call in calls)


# -- Django's backends ------------------------------------------------------------------------------------


_WRAPPED = words("_cursor create_cursor execute executemany _execute _execute_with_wrappers _executemany")
_OPENS = words("connect _connect reconnect _reconnect ensure_connection get_new_connection")


def _in_django(file: File) -> Iterator[LostWrite]:
    """Yield each method of a database backend that connects again without a look at the transaction."""
    if "django" not in file.text:
        return
    for handler in file.nodes(ast.ExceptHandler):
        function = _backend_method(file, handler)
        if function is None or _GUARDS.search(file.segment(function)):
            continue
        opened = next((call for call in _calls(handler) if last_name(call.func) in _OPENS), None)
        again = opened is not None and _repeats(handler, function, opened)
        called = (text for call in _calls(handler) for text in _texts_of(file, call))
        if opened is not None and again and not any(map(_GUARDS.search, called)):
            yield LostWrite(opened, handler, None, "the connection", Confidence.CERTAIN, in_django=True)


def _backend_method(file: File, handler: ast.ExceptHandler) -> Function | None:
    """Return the function around a handler, if it is one of a database backend that Django calls for each statement."""
    function = function_around(file, handler)
    if function is None:
        return None
    scope = file.functions[function].class_scope
    if scope is not None:
        bases = [file.resolve(base) or "" for base in scope.node.bases] if isinstance(scope.node, ast.ClassDef) else []
        is_backend = any(base.endswith(django.BELOW_WRAPPING) for base in bases)
        private = function.name == "_execute_with_wrappers"
        return function if function.name in _WRAPPED and (is_backend or private) else None
    return function if decorates_cursor(file, function) else None


def decorates_cursor(file: File, function: Function) -> bool:
    """Whether a function is the wrapper of a decorator that this file puts above methods of a cursor."""
    outer = [above for above in file.around(function) if isinstance(above, FUNCTION)]
    if not outer or not any(base in file.text for base in django.BELOW_WRAPPING):
        return False
    name = outer[-1].name
    for each in file.functions:
        if isinstance(each, FUNCTION) and each.name in _WRAPPED:
            if any(last_name(without_arguments(d)) == name for d in each.decorator_list):
                return True
    return False


def _calls(handler: ast.ExceptHandler) -> list[ast.Call]:
    return [*calls_in(nodes_of(handler.body))]


def _repeats(handler: ast.ExceptHandler, function: Function, opened: ast.Call) -> bool:
    """Whether a handler runs the statement again once it has connected."""
    calls = _calls(handler)
    later = calls[calls.index(opened) + 1 :]
    parameters = {each.arg for each in named_parameters(function)} - {"self", "cls", "name"}
    return any(
        last_name(call.func) == function.name or any(isinstance(a, ast.Name) and a.id in parameters for a in call.args)
        for call in later
    )


def _texts_of(file: File, call: ast.Call) -> Iterator[str]:
    """Yield the text of the functions of this file that have the name of a call."""
    for each in file.functions:
        if isinstance(each, FUNCTION) and each.name == last_name(call.func):
            yield file.segment(each)
