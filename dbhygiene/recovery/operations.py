"""`Operation`: what a call does with a connection, as far as its recovery is concerned; `summary`, of a function.

conn.ping(reconnect=True)            # Operation("reopens", root=`conn`)
self.load(name)                      # the operations of `load`, as its caller sees them
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from dbhygiene.library import calls, django, sqlalchemy
from dbhygiene.library.server_calls import CONNECTION_ASKS, CURSOR_ASKS
from dbhygiene.library.words import words
from dbhygiene.program.arguments import bind_arguments
from dbhygiene.program.bindings import Place
from dbhygiene.program.callees import callees
from dbhygiene.program.code import is_generator, nodes_of, own_nodes
from dbhygiene.program.definitions import Definition
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.pings import loss_of, ping_reconnects
from dbhygiene.program.values import patterns
from dbhygiene.recovery.added_rows import orm_adds_rows, session_adds_rows, sql_adds_rows
from dbhygiene.recovery.errors import DJANGO, SQLALCHEMY
from dbhygiene.recovery.handles import FRESH, IMPLICIT, Handle, Root, bound_variable, handle_of, owner_of
from dbhygiene.source.file import File, scope_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Code, argument_values, last_name, without_arguments
from dbhygiene.source.queries import query, recursive_query
from dbhygiene.source.records import Record, replace

Verb: TypeAlias = Literal["asks", "writes", "adds", "commits", "reopens", "pings", "opens", "begins", "ends"]
# "adds": writes, and would do so once more if it ran again
# "pings": asks, and opens nothing; "opens": makes a connection of its own; "begins": a transaction of its own
# "ends": rolls it back


class Operation(Record):
    """One thing that a call does with the connection that a variable holds."""

    verb: Verb
    library: str
    root: Root = FRESH


class Summary(Record):
    """What a call, or all calls of a function, do; `complete`: there is no call among them that is not understood."""

    operations: frozenset[Operation] = frozenset()
    complete: bool = True


_NOTHING = Summary()
_UNKNOWN = Summary(complete=False)
_ASKING = frozenset({"asks", "writes", "commits"})

_EXECUTES = words("execute executemany")
_WRITES = lazy_pattern(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|MERGE)\b", re.IGNORECASE)
_HARMLESS = calls.QUIET_METHODS | words(
    """write flush sleep warn_explicit print style SUCCESS ERROR WARNING NOTICE notify capture_exception
    capture_message fetchone fetchall fetchmany title rowcount mogrify to_dict count index sort join set is_set wait
    increment inc observe labels time group match search sub findall random uniform randint choice getLogger
    format_exc print_exc exc_info strip split replace lower
    scalars mappings scalar_one scalar_one_or_none one one_or_none first all tuples columns"""
)
_HARMLESS_FUNCTIONS = words(
    """print len str int float bool list dict set tuple range min max sum abs repr isinstance hasattr getattr type
    sorted enumerate zip map filter any all iter next format round super reversed id open input"""
)
_READS_SQL = words("read_sql read_sql_query read_sql_table")


def has_query(found: Iterable[Operation]) -> bool:
    return any(each.verb in _ASKING for each in found)


@recursive_query(_NOTHING)
def of_call(file: File, call: ast.Call) -> Summary:
    """Return what a call does."""
    func = call.func
    owner = owner_of(file, call)
    if owner is not None and isinstance(func, ast.Attribute):
        return Summary(frozenset(_operations_of_method(file, call, owner, func.attr)))
    if (chained := _summary_of_query(file, func)) is not None:
        return chained
    if (made := handle_of(file, call)) is not None and made.root == FRESH and made.kind != "cursor":
        own = _summary_of_functions(file, call)
        verb: Verb = "asks" if made.kind == "connection" else "opens"
        opened = Operation("opens", made.library)
        return Summary(frozenset({opened, Operation(verb, made.library)} | own.operations))
    if made is not None and made.kind == "session":
        return _NOTHING  # `Session()` of a registry gives the session that is there
    if in_django := _operations_of_django(file, call):
        return Summary(frozenset(in_django))
    if last_name(func) in _READS_SQL | {"to_sql"}:
        given = [handle_of(file, each) for each in argument_values(call)]
        return Summary(frozenset(Operation("asks", each.library, each.root) for each in given if each is not None))
    found = _summary_of_functions(file, call)
    if found.operations or found.complete:
        return found
    return _NOTHING if is_harmless(file, call) else found


def is_harmless(file: File, call: ast.Call) -> bool:
    """Whether a call surely has nothing to do with a database: it logs, prints, sleeps or handles data."""
    func = call.func
    name = file.resolve(func)
    if name is not None and name.startswith("sqlalchemy."):
        return True  # what makes an engine or a session is known by itself: this makes an expression
    if name in calls.CALLS or name in _HARMLESS_FUNCTIONS or name in calls.NEVER_RETURN:
        return True
    if name is not None and name.partition(".")[0] in {
        "logging",
        "time",
        "datetime",
        "random",
        "traceback",
        "os",
        "sys",
    }:
        return True
    if isinstance(func, ast.Attribute):
        root = func.value
        while isinstance(root, (ast.Attribute, ast.Call)):
            root = root.value if isinstance(root, ast.Attribute) else root.func
        words_on_the_way = {last_name(part) for part in ast.walk(func.value)} | {last_name(root)}
        return func.attr in _HARMLESS or bool(words_on_the_way & (calls.LOGGERS | {"stdout", "stderr", "style"}))
    return False


def _operations_of_method(file: File, call: ast.Call, owner: Handle, method: str) -> Iterator[Operation]:
    library, root = owner.library, owner.root
    if library == DJANGO:
        yield from _operations_of_django(file, call)
        return
    if library == SQLALCHEMY:
        yield from _operations_of_sqlalchemy(owner, method)
        if session_adds_rows(file, call, method):
            yield Operation("adds", SQLALCHEMY, root)
        return
    if owner.kind == "cursor":
        if method in CURSOR_ASKS:
            yield from _operations_of_statement(file, call, owner)
        return
    loss = loss_of(library)
    if method == "ping" and loss is not None:
        opens = ping_reconnects(file, call, library)
        yield Operation("pings" if opens is False else "reopens", library, root)
    elif loss is not None and method in loss.opens_again:
        yield Operation("reopens", library, root)
    elif method == "commit":
        yield Operation("commits", library, root)
    elif method == "rollback":
        yield Operation("ends", library, root)
    elif method in CONNECTION_ASKS:
        yield from _operations_of_statement(file, call, owner)
    elif method == "__init__":
        yield Operation("reopens", library, root)


def _operations_of_statement(file: File, call: ast.Call, owner: Handle) -> Iterator[Operation]:
    """Yield what a call does that sends a statement, as far as its SQL is known."""
    yield Operation("asks", owner.library, owner.root)
    if writes_rows(file, call):
        yield Operation("writes", owner.library, owner.root)
        if sql_adds_rows(file, call.args[0]):
            yield Operation("adds", owner.library, owner.root)


def writes_rows(file: File, call: ast.Call) -> bool:
    """Whether the first argument of a call is a statement that writes, as far as its SQL is known."""
    return bool(call.args) and any(_WRITES.match(pattern) for pattern in patterns(evaluate(file, call.args[0])))


def _operations_of_sqlalchemy(owner: Handle, method: str) -> Iterator[Operation]:
    root = owner.root
    if owner.kind == "engine":
        if method in {"connect", "execute", "raw_connection", "begin", "run_callable", "scalar"}:
            yield Operation("asks", SQLALCHEMY)
        return
    recovers = sqlalchemy.SESSION_RECOVERS if owner.kind == "session" else sqlalchemy.CONNECTION_RECOVERS
    if method in recovers:
        yield Operation("reopens", SQLALCHEMY, root)
    elif method == "commit":
        yield Operation("commits", SQLALCHEMY, root)
    elif method in sqlalchemy.ASKS:
        yield Operation("asks", SQLALCHEMY, root)
    if method in sqlalchemy.WRITES:
        yield Operation("writes", SQLALCHEMY, root)
    if method == "begin":
        yield Operation("begins", SQLALCHEMY, root)


def _summary_of_query(file: File, func: ast.expr) -> Summary | None:
    """Return the query of `session.query(...).filter(...).all()`: its last method sends it."""
    if not isinstance(func, ast.Attribute):
        return None
    part: ast.expr = func.value
    while isinstance(part, (ast.Call, ast.Attribute)):
        if (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Attribute)
            and part.func.attr in {"query", "execute"}
        ):
            owner = handle_of(file, part.func.value)
            if owner is not None and owner.library == SQLALCHEMY:
                asked = part.func.attr == "query" and func.attr in sqlalchemy.QUERY_ASKS
                found = frozenset({Operation("asks", SQLALCHEMY, owner.root)}) if asked else frozenset()
                return Summary(found)
        part = part.func if isinstance(part, ast.Call) else part.value
    return None


# -- Django -----------------------------------------------------------------------------------------------


def _operations_of_django(file: File, call: ast.Call) -> Iterable[Operation]:
    if not _may_use_django(file):
        return ()
    from dbhygiene.gaps.effects import Close, Context, Effects, Query  # other programs do not need it

    code = scope_around(file, call).node
    assert isinstance(code, (ast.Module, *FUNCTION))
    found: list[Operation] = []
    for effect in Effects(Context(file, code)).of_call(call):
        match effect:
            case Query():
                keeps = any(name in django.KEEPS_DEAD for name in Effects(Context(file, code)).names(call.func))
                found.append(Operation("pings" if keeps else "asks", DJANGO, IMPLICIT))
                if orm_adds_rows(call) or (_executes(call) and sql_adds_rows(file, call.args[0])):
                    found.append(Operation("adds", DJANGO, IMPLICIT))
            case Close():
                found.append(Operation("reopens", DJANGO, IMPLICIT))
    return found


@query
def _may_use_django(file: File) -> bool:
    """Whether a file may query by Django's connection, by its text: that of Django, or of a manager."""
    return "django" in file.text or "objects" in file.text


def _executes(call: ast.Call) -> bool:
    return last_name(call.func) in _EXECUTES and bool(call.args)


def of_context(file: File, item: ast.withitem) -> Summary:
    """Return what entering a `with` does besides its call: it may begin a transaction that its end will finish."""
    expr = item.context_expr
    called = without_arguments(expr)
    name = file.resolve(called)
    if name in django.ATOMIC:
        return Summary(frozenset({Operation("asks", DJANGO, IMPLICIT), Operation("begins", DJANGO, IMPLICIT)}))
    owner = handle_of(file, expr)
    target = item.optional_vars
    if owner is not None and owner.root == FRESH and isinstance(target, (ast.Name, ast.Attribute)):
        place = bound_variable(file, target)
        return Summary(frozenset({Operation("begins", owner.library, place)})) if place is not None else _NOTHING
    if owner is not None and owner.kind in {"session", "connection"} and owner.library == SQLALCHEMY:
        return Summary(frozenset({Operation("begins", SQLALCHEMY, owner.root)}))  # it ends it on the way out
    if isinstance(called, ast.Attribute) and called.attr == "begin" and isinstance(expr, ast.Call):
        owner = handle_of(file, called.value)
        if owner is not None and owner.library == SQLALCHEMY:
            return Summary(frozenset({Operation("begins", SQLALCHEMY, owner.root)}))
    return _NOTHING


def may_use(file: File, call: ast.Call, root: Root) -> bool:
    """Whether a call that is not understood is given the connection, or the object that holds it."""
    if of_call(file, call).complete:
        return False
    given = argument_values(call)
    if any((held := handle_of(file, each)) is not None and held.root == root for each in given):
        return True
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return last_name(owner) in {"self", "cls"} if owner is not None else False


# -- functions --------------------------------------------------------------------------------------------


def _summary_of_functions(file: File, call: ast.Call) -> Summary:
    """Return what the functions of the project that a call may run do."""
    found = callees(file, call, scope_around(file, call))
    if not found.definitions:
        return _UNKNOWN
    operations: set[Operation] = set()
    complete = found.complete
    for definition in found.definitions:
        node = definition.node
        if isinstance(node, ast.ClassDef):
            complete = complete and not any(
                isinstance(each, FUNCTION) and each.name == "__init__" for each in node.body
            )
            continue
        its = summary(definition.file, node)
        operations |= {_translate_to_caller(file, call, definition, each) for each in its.operations}
        complete = complete and its.complete and not is_generator(node)
    return Summary(frozenset(operations), complete)


def _translate_to_caller(file: File, call: ast.Call, definition: Definition, operation: Operation) -> Operation:
    """Return an operation with the variable of the caller: a parameter's argument; a local variable is fresh."""
    root, node = operation.root, definition.node
    if not isinstance(root, Place) or root.scope.node is not node or not isinstance(node, FUNCTION):
        return operation
    bound = definition.file.functions[node].class_scope is not None and isinstance(call.func, ast.Attribute)
    argument = bind_arguments(call, node, bound=bound).get(root.path)
    outer = handle_of(file, argument) if argument is not None else None
    return replace(operation, root=outer.root if outer is not None else FRESH)


@recursive_query(_NOTHING)
def summary(file: File, code: Code) -> Summary:
    """Return what all calls of a function do."""
    return of_nodes(file, own_nodes(code))


def of_block(file: File, block: Iterable[ast.stmt]) -> Summary:
    """Return what the statements of a block do."""
    return of_nodes(file, nodes_of(block))


def of_nodes(file: File, nodes: Iterable[ast.AST]) -> Summary:
    operations: set[Operation] = set()
    complete = True
    for part in nodes:
        its = _summary_of_node(file, part)
        operations |= its.operations
        complete = complete and its.complete
    return Summary(frozenset(operations), complete)


def _summary_of_node(file: File, part: ast.AST) -> Summary:
    match part:
        case ast.Call():
            return of_call(file, part)
        case ast.withitem():
            return of_context(file, part)
        case ast.Assign(targets=targets):
            return Summary(frozenset(each for target in targets for each in of_binding(file, target)))
        case ast.AnnAssign(target=target):
            return Summary(frozenset(of_binding(file, target)))
        case ast.For():
            return _summary_of_loop(file, part)
    return _NOTHING


def _summary_of_loop(file: File, loop: ast.For) -> Summary:
    """Return the query of a loop over a queryset of Django."""
    if not _may_use_django(file):
        return _NOTHING
    from dbhygiene.gaps.effects import Context, Effects, Query  # likewise

    code = scope_around(file, loop).node
    assert isinstance(code, (ast.Module, *FUNCTION))
    asked = any(isinstance(each, Query) for each in Effects(Context(file, code)).of_loop_start(loop))
    return Summary(frozenset({Operation("asks", DJANGO, IMPLICIT)})) if asked else _NOTHING


def of_binding(file: File, target: ast.expr) -> Iterator[Operation]:
    """Yield what an assignment puts in the place of a connection that a variable held."""
    for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
        if isinstance(part, (ast.Name, ast.Attribute)):
            held = handle_of(file, part)
            if held is not None and held.root not in (FRESH, IMPLICIT) and held.kind != "cursor":
                place = bound_variable(file, part)
                if place is not None and held.root == place:
                    yield Operation("reopens", held.library, place)
