"""`IdleCheck`: a check of a connection, or a `try` for its loss, that asks the server nothing (HYG409).

while not ready:
    try:
        ready = connections["default"]       # does not connect
    except OperationalError:                 # so it never comes here
        time.sleep(1)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.gaps.servers import verdict
from dbhygiene.library import django
from dbhygiene.program.classes import is_command
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.program.definitions import enclosing_class
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.errors import DJANGO, SQLALCHEMY, ErrorClass, classes_of, tries
from dbhygiene.recovery.guards import IdleCheck, idle_guards
from dbhygiene.recovery.handles import Handle, handle_of, owner_of
from dbhygiene.recovery.operations import has_query, is_harmless, of_block, of_call
from dbhygiene.source.file import File, loop_around, scope_around, statement_around
from dbhygiene.source.nodes import last_name, short_name

_NO_DEFAULT_CHECK = (4, 1)  # from this version on, Django's system checks do not ask PostgreSQL


def idle_checks(file: File) -> Iterator[IdleCheck]:
    for _, node in tries(file):
        if not _names_only_database(file, node):
            continue
        found = _too_early(file, node) or _system_check(file, node) or _asks_nothing(file, node)
        if found is not None:
            yield found
    yield from idle_guards(file)


def _names_only_database(file: File, node: ast.Try) -> bool:
    """Whether every handler names classes of database libraries, and nothing but these."""
    classes = [each for handler in node.handlers for each in classes_of(file, handler)]
    return bool(classes) and all(each is not None and _may_mean_loss(each) for each in classes)


def _may_mean_loss(each: ErrorClass) -> bool:
    return each.has_server and each.name in {
        "OperationalError",
        "InterfaceError",
        "DatabaseError",
        "Error",
        "DBAPIError",
    }


# -- a body without a query -------------------------------------------------------------------------------


def _asks_nothing(file: File, node: ast.Try) -> IdleCheck | None:
    """Return what a `try` takes for a query, if its body has none, and nothing that is not understood."""
    done = of_block(file, [*node.body, *node.orelse])
    if has_query(done.operations) or any(each.verb in {"pings", "begins"} for each in done.operations):
        return None
    parts = list(nodes_of(node.body))
    if any(isinstance(part, (ast.With, ast.AsyncWith, ast.For, ast.AsyncFor, ast.Yield, ast.Await)) for part in parts):
        return None
    touched: list[tuple[ast.expr, Handle]] = []
    for part in parts:
        if isinstance(part, ast.Call):
            if _is_method_of_django(file, part):
                return None
            held = _handle_without_query(file, part)
            if held is None and not is_harmless(file, part) and not _is_part_of_made(file, part, parts):
                return None
            if held is not None:
                touched.append((part, held))
        elif isinstance(part, (ast.Attribute, ast.Subscript)) and isinstance(part.ctx, ast.Load):
            held = _plain(file, part)
            if held is not None:
                touched.append((part, held))
    if not touched:
        return None
    expr, held = touched[0]
    if held.kind == "cursor" and _later_is_known(held.library) and _catches(file, node, "InterfaceError"):
        return None  # it says so once a query has failed
    return _report(file, node, expr, held)


def _later_is_known(library: str) -> bool:
    """Whether a driver's `cursor()` raises on a connection that it knows to be closed."""
    loss = loss_of(library)
    return loss is not None and "closed" in loss.asks_nothing


def _catches(file: File, node: ast.Try, error: str) -> bool:
    classes = [each for handler in node.handlers for each in classes_of(file, handler)]
    return any(each is not None and each.covers(each.library, error) for each in classes)


def _is_method_of_django(file: File, call: ast.Call) -> bool:
    """Whether a method of Django's connection is called: most of them connect."""
    owner = owner_of(file, call)
    return owner is not None and owner.library == DJANGO


def _handle_without_query(file: File, call: ast.Call) -> Handle | None:
    """Return the handle of a call that gives or uses one without a query; None for any other call."""
    held = handle_of(file, call)
    if held is not None and held.kind == "cursor":
        loss = loss_of(held.library)
        return held if loss is not None and "cursor" in loss.asks_nothing else None  # see `_asks_nothing`
    if held is not None and held.library == SQLALCHEMY and held.kind in {"engine", "session"}:
        return held if not any(each.verb == "asks" for each in of_call(file, call).operations) else None
    return None


def _is_part_of_made(file: File, call: ast.Call, parts: Iterable[ast.AST]) -> bool:
    """Whether a call is an argument of one that makes an engine or a session: `create_engine(make_url(x))`."""
    return any(
        isinstance(each, ast.Call)
        and each is not call
        and _handle_without_query(file, each) is not None
        and call in ast.walk(each)
        for each in parts
    )


def _plain(file: File, part: ast.Attribute | ast.Subscript) -> Handle | None:
    """Return the handle that an expression reads without a query: `connections["default"]`, `conn.isolation_level`."""
    if isinstance(part, ast.Subscript):
        return Handle("connection", DJANGO) if file.resolve(part.value) == django.CONNECTIONS else None
    owner = handle_of(file, part.value)
    loss = loss_of(owner.library) if owner is not None and owner.kind == "connection" else None
    return owner if loss is not None and part.attr in loss.asks_nothing - {"cursor"} else None


def _report(file: File, node: ast.Try, expr: ast.expr, held: Handle) -> IdleCheck | None:
    handler = node.handlers[0]
    if held.library == DJANGO:
        statement = statement_around(file, expr)
        assignment = statement if isinstance(statement, ast.Assign) else None
        written = file.segment(expr) if len(file.segment(expr)) < 50 else "this"
        text = f"`{written}` does not connect: this `try` does not notice that the server is down"
        return IdleCheck(expr, text, handler, assignment=assignment)
    if held.library == SQLALCHEMY:
        assert isinstance(expr, ast.Call)
        text = f"`{short_name(expr.func)}()` does not connect: this `try` does not notice that the server is down"
        return IdleCheck(expr, text, handler)
    if isinstance(expr, ast.Attribute):
        text = f"`{file.segment(expr)}` does not ask the server: a lost connection passes this check"
        return IdleCheck(expr, text, handler, Confidence.LIKELY)
    assert isinstance(expr, ast.Call)
    text = f"`{short_name(expr.func)}()` asks the server nothing: a lost connection passes this check"
    return IdleCheck(expr, text, handler, Confidence.LIKELY)


# -- a query that comes too late --------------------------------------------------------------------------


def _too_early(file: File, node: ast.Try) -> IdleCheck | None:
    """Return the assignment that ends the loop around a `try`, although the query that follows may fail."""
    loop = loop_around(file, node)
    if not isinstance(loop, ast.While) or (waits_for := _awaited_variable(loop.test)) is None:
        return None
    for number, statement in enumerate(node.body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == waits_for:
                held = handle_of(file, value)
                if held is None or held.kind != "connection" or has_query(of_block(file, [statement]).operations):
                    return None
                later = of_block(file, node.body[number + 1 :]).operations
                used = [*calls_in(nodes_of(node.body[number + 1 :]))]
                connects = any(_opens_cursor(file, call) for call in used)
                if not (has_query(later) or connects or any(each.verb == "pings" for each in later)):
                    return None
                if _is_reset(node, waits_for):
                    return None
                text = f"`{name}` is set before the first query: if that query fails, the loop does not retry"
                return IdleCheck(
                    statement,
                    text,
                    node.handlers[0],
                    assignment=statement,
                    caught="catches the error, but the loop ends",
                )
    return None


def _opens_cursor(file: File, call: ast.Call) -> bool:
    return last_name(call.func) == "cursor" and handle_of(file, call) is not None


def _awaited_variable(test: ast.expr) -> str | None:
    """Return the variable that a loop waits for: `while not c`, `while c is None`."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
            return name
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
            return name
    return None


def _is_reset(node: ast.Try, name: str) -> bool:
    """Whether a handler sets the variable back."""
    return any(
        isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store)
        for handler in node.handlers
        for part in nodes_of(handler.body)
    )


def _system_check(file: File, node: ast.Try) -> IdleCheck | None:
    """Return `self.check(databases=[...])` of a management command, if it sends nothing to PostgreSQL."""
    version = file.project.version_of("django")
    if version is None or version < _NO_DEFAULT_CHECK:
        return None
    server = verdict(file)
    if server.is_assumed or server.server != "postgresql":
        return None
    for part in nodes_of(node.body):
        match part:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr="check"), keywords=keywords):
                cls = enclosing_class(file, scope_around(file, part))
                if any(word.arg == "databases" for word in keywords) and cls is not None and is_command(cls):
                    if has_query(of_block(file, node.body).operations):
                        return None
                    text = "Django's `check(databases=...)` does not connect to PostgreSQL: this `try` cannot fail"
                    return IdleCheck(part, text, node.handlers[0])
    return None
