"""`retried_yields`: retries around a `yield`, which repeat nothing (HYG412).

@backoff.on_exception(backoff.expo, pymysql.OperationalError)    # `useless_decorators`: the call only makes a generator
def rows(conn):
    yield from conn.cursor()
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.library.retries import USELESS_FOR_GENERATORS
from dbhygiene.program.code import is_generator, nodes_of
from dbhygiene.program.definitions import Definition, is_context_manager
from dbhygiene.program.names import canonical_name
from dbhygiene.recovery.errors import classes_of, libraries, tries
from dbhygiene.recovery.paths import everywhere, solve_facts
from dbhygiene.recovery.retriers import retrier_of
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, without_arguments


def retried_yields(file: File) -> Iterator[tuple[ast.Yield, ast.ExceptHandler]]:
    """Yield each `yield` of a context manager that a handler of its own `try` leads back to."""
    for code, node in tries(file):
        if not isinstance(code, FUNCTION) or not is_context_manager(Definition(file, code, code.name)):
            continue
        inside = [part for part in nodes_of(node.body) if isinstance(part, ast.Yield)]
        for handler in node.handlers:
            if inside and libraries(classes_of(file, handler)):
                found = _yield_reached_again(file, code, inside, handler)
                if found is not None:
                    yield found, handler
                    break


def _yield_reached_again(
    file: File, code: Function, inside: list[ast.Yield], handler: ast.ExceptHandler
) -> ast.Yield | None:
    """Return the `yield` that an error of the `with` block leads back to, through a handler."""
    again: list[ast.Yield] = []

    def transfer(node: Node, state: str) -> Iterable[tuple[EdgeKind, str]]:
        event = node.event
        if isinstance(event, cfg.Yield) and event.node in inside:
            if state == "caught" and isinstance(event.node, ast.Yield):
                again.append(event.node)
                return []
            return [("next", "left"), ("raise", "thrown")]
        if isinstance(event, cfg.Catch) and event.node is handler and state == "thrown":
            state = "caught"
        return everywhere(state)

    return again[0] if solve_facts(file, code, ["before"], transfer) is not None and again else None


def useless_decorators(file: File) -> Iterator[tuple[ast.expr, Function]]:
    """Yield each decorator that repeats a generator function after errors of a database."""
    for code in file.functions:
        if not isinstance(code, FUNCTION) or not code.decorator_list or not is_generator(code):
            continue
        for decorator in code.decorator_list:
            called = without_arguments(decorator)
            name = file.resolve(called)
            if name is None or canonical_name(file, name) not in USELESS_FOR_GENERATORS:
                continue
            retrier = retrier_of(file, decorator)
            if retrier is not None and libraries(retrier.classes):
                yield decorator, code
