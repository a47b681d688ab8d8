"""`closing_function`: whether a call closes a connection, and the tests, loops and coroutines around it.

with atomic():
    close_old_connections()     # `closing_function` returns its name
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from dbhygiene.gaps.django_use import may_use_django
from dbhygiene.library import django
from dbhygiene.program.callees import callee, callees
from dbhygiene.program.code import is_generator, own_nodes
from dbhygiene.program.origins import ExpressionAt, values_of
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, scope_around, statement_around
from dbhygiene.source.nodes import FUNCTION, block_of


def closing_function(file: File, call: ast.Call) -> str | None:
    """Return the dotted name of the function that a call closes a connection with; None if it closes none."""
    func = call.func
    name = file.resolve(func)
    if name in django.CLOSES:
        return name
    if isinstance(func, ast.Attribute) and func.attr == "close" and may_use_django(file):
        owner = TypeInference.of(file).type_of(func.value)
        if owner == ObjectInstance(django.CONNECTION):
            return f"{django.CONNECTION}.close"
    return None


def closes_first(file: File, call: ast.Call) -> tuple[File, ast.Call] | None:
    """Return the call with which a function of the project closes, if each call of it does: a statement of its own."""
    meant = callees(file, call, scope_around(file, call))
    if not meant.complete or len(meant.definitions) != 1:
        return None
    [found] = meant.definitions
    if not isinstance(found.node, ast.FunctionDef) or is_generator(found.node):
        return None
    for statement in found.node.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            if closing_function(found.file, statement.value) is not None:
                return found.file, statement.value
        elif not isinstance(statement, (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign)):
            return None  # it may return before
    return None


def is_closed_if_lost(file: File, test: ast.Call) -> bool:
    """Whether an `if` asks a call whether the connection is usable, and closes it on one of its branches."""
    for around in file.around(test):
        if isinstance(around, ast.If):
            calls = (part for each in (*around.body, *around.orelse) for part in ast.walk(each))
            return any(isinstance(part, ast.Call) and closing_function(file, part) is not None for part in calls)
        if isinstance(around, ast.stmt):
            break
    return False


def is_unconnected(file: File, test: ast.expr, *, result: bool) -> bool:
    """Whether a test of `connection.connection` with this result says that Django's connection is closed."""
    match test:
        case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as operation], comparators=[ast.Constant(value=None)]):
            test, result = left, result is isinstance(operation, ast.IsNot)
    if result or not isinstance(test, ast.Attribute) or test.attr != "connection":
        return False
    return TypeInference.of(file).type_of(test.value) == ObjectInstance(django.CONNECTION)


def is_guarded(file: File, node: ast.AST) -> bool:
    """Whether a node runs only after a test of `in_atomic_block`."""
    return any(
        isinstance(above, (ast.If, ast.IfExp))
        and any(isinstance(part, ast.Attribute) and part.attr == "in_atomic_block" for part in ast.walk(above.test))
        for above in file.around(node)
    )


def asks_for_transaction(test: ast.expr) -> bool:
    """Whether a test is `connection.in_atomic_block`, or `any(each.in_atomic_block for each in connections.all())`."""
    match test:
        case ast.Attribute(attr=name) | ast.Call(args=[ast.GeneratorExp(elt=ast.Attribute(attr=name))]):
            return name == "in_atomic_block"
    return False


def runs_in_coroutine(file: File, node: ast.AST) -> bool:
    """Whether the nearest function around a node is a coroutine function."""
    around = next((above for above in file.around(node) if isinstance(above, (*FUNCTION, ast.Lambda))), None)
    return isinstance(around, ast.AsyncFunctionDef)


def streams(iterated: ast.expr) -> bool:
    """Whether an iterable reads the rows of a queryset in chunks."""
    return any(
        isinstance(part, ast.Attribute) and part.attr in {"iterator", "aiterator"} for part in ast.walk(iterated)
    )


def may_stream(file: File, iterated: ast.expr) -> bool:
    """Whether an iterable may read rows in chunks: by itself, as a variable's value, or in a generator function."""
    return any(streams(each.expr) for each in closure(ExpressionAt(file, iterated), _read_for))


def _read_for(iterated: ExpressionAt) -> Iterator[ExpressionAt]:
    """Yield what else may be read for an iterable: its variables, and what its functions return or loop over."""
    file = iterated.file
    for part in ast.walk(iterated.expr):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            yield from values_of(file, part)
        elif isinstance(part, ast.Call):
            made = callee(file, part, scope_around(file, part))
            for inner in own_nodes(made.node) if made is not None and isinstance(made.node, FUNCTION) else ():
                match inner:
                    case (
                        ast.For(iter=given)
                        | ast.AsyncFor(iter=given)
                        | ast.YieldFrom(value=given)
                        | ast.Return(value=ast.expr() as given)
                    ):
                        yield ExpressionAt(made.file, given)  # type: ignore[union-attr]


def streaming_loop(
    file: File, node: ast.AST, reads: Callable[[ast.expr], bool] = streams
) -> ast.For | ast.AsyncFor | None:
    """Return the loop over `.iterator()`, or over an iterable that `reads` accepts, in whose body a node lies."""
    below = node
    for above in file.around(node):
        if isinstance(above, (*FUNCTION, ast.Lambda)):
            return None
        if isinstance(above, (ast.For, ast.AsyncFor)) and below in above.body and reads(above.iter):
            return above
        below = above
    return None


def leaves_loop(file: File, node: ast.AST) -> bool:
    """Whether the block of a node ends by leaving the loop or the function."""
    statement = statement_around(file, node)
    around = file.parents.get(statement) if statement else None
    block = block_of(around, statement) if around and statement else []
    return bool(block) and isinstance(block[-1], (ast.Break, ast.Return, ast.Raise))
