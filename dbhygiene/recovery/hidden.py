"""`HiddenFailure`: a retry after whose last try the caller gets None, or an exception of another kind (HYG407).

for _ in range(3):                   # ends after three errors: the function returns None
    try:
        return work(connect())
    except pymysql.OperationalError:
        time.sleep(1)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.program.code import nodes_of
from dbhygiene.recovery.attempts import is_retry_loop
from dbhygiene.recovery.conditions import mentions
from dbhygiene.recovery.errors import classes_of, libraries, tries
from dbhygiene.recovery.operations import is_harmless
from dbhygiene.recovery.paths import is_in_handler, nodes_after, nodes_after_while_lost
from dbhygiene.source.file import File, loop_around
from dbhygiene.source.nodes import FUNCTION, Code, argument_values
from dbhygiene.source.records import Frozen


class HiddenFailure(Frozen):
    """The loop that gives up without a word, or the `raise` that has nothing to raise."""

    handler: ast.ExceptHandler
    loop: ast.For | ast.AsyncFor | ast.While
    function: str
    raised: ast.Raise | None = None  # None: the function ends, and returns None


def hidden_failures(file: File) -> Iterator[HiddenFailure]:
    seen: set[ast.AST] = set()
    for code, node in tries(file):
        loop = loop_around(file, node)
        if loop is None or not isinstance(code, FUNCTION) or not is_retry_loop(file, loop, node):
            continue
        for handler in node.handlers:
            if not libraries(classes_of(file, handler)) or _leaves_in_last_try(file, handler, loop):
                continue
            for raised in _raises_nothing(file, code, handler):
                if raised not in seen:
                    seen.add(raised)
                    yield HiddenFailure(handler, loop, code.name, raised)
            if loop not in seen and _is_bounded(loop) and _returns_value(node) and _goes_on(file, code, handler):
                if _falls_off(file, code, handler, loop):
                    seen.add(loop)
                    yield HiddenFailure(handler, loop, code.name)


def _leaves_in_last_try(file: File, handler: ast.ExceptHandler, loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    """Whether the handler, or the loop beside the `try`, tests the number of the try, and leaves in the last one."""
    counters = _counters(loop)
    outside = [each for each in loop.body if isinstance(each, ast.If)]
    asked = [
        part
        for part in (*nodes_of(handler.body), *outside)
        if isinstance(part, ast.If) and any(mentions(part.test, each) for each in counters)
    ]
    return any(
        isinstance(block[-1], (ast.Raise, ast.Return)) for each in asked for block in (each.body, each.orelse) if block
    )


def _counters(loop: ast.For | ast.AsyncFor | ast.While) -> set[str]:
    """Return the variables that count the tries: that of `for`, or those of the condition that the loop increases."""
    if not isinstance(loop, ast.While):
        return {loop.target.id} if isinstance(loop.target, ast.Name) else set()
    counted = {
        part.target.id
        for part in nodes_of(loop.body)
        if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name)
    }
    return {each for each in counted if mentions(loop.test, each)}


def _is_bounded(loop: ast.AST) -> bool:
    return not (isinstance(loop, ast.While) and isinstance(loop.test, ast.Constant))


def _returns_value(node: ast.Try) -> bool:
    """Whether success returns a value: None is then another answer than it."""
    return any(
        isinstance(part, ast.Return)
        and part.value is not None
        and not (isinstance(part.value, ast.Constant) and part.value.value in (None, True))
        for part in nodes_of([*node.body, *node.orelse])
    )


def _goes_on(file: File, code: Code, handler: ast.ExceptHandler) -> bool:
    """Whether a handler neither raises, nor returns, nor leaves the loop, unless the error is of another kind."""
    inside = set(nodes_of(handler.body))
    nodes = nodes_after_while_lost(file, code, handler)
    run = [node.event.node for node in nodes if isinstance(node.event, cfg.Call)]
    if any(call in inside and _may_raise_it(file, handler, call) for call in run):
        return False
    leaving = {node.event.node for node in nodes if isinstance(node.event, (cfg.Raise, cfg.Return))}
    left = [part for part in inside if part in leaving or isinstance(part, ast.Break)]
    return all(_is_about_error(file, handler, part) for part in left)


def _may_raise_it(file: File, handler: ast.ExceptHandler, call: ast.Call) -> bool:
    """Whether a call is given the error, and may be one that raises it."""
    given = argument_values(call)
    return any(mentions(each, handler.name) for each in given) and not is_harmless(file, call)


def _is_about_error(file: File, handler: ast.ExceptHandler, node: ast.AST) -> bool:
    """Whether only a test of the error decides that a statement of its handler runs."""
    for above in file.around(node):
        if above is handler:
            return False
        if isinstance(above, ast.If):
            test = above.test
            operands = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) else [test]
            return all(mentions(operand, handler.name) for operand in operands)
    return False


def _falls_off(file: File, code: Code, handler: ast.ExceptHandler, loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    """Whether a function ends right after its last try: nothing is returned, raised or reported behind the loop."""
    block: list[ast.stmt] = code.body
    while block and block[-1] is not loop:  # the loop may end a block that ends the function
        match block[-1]:
            case ast.With(body=body) | ast.AsyncWith(body=body) | ast.Try(body=body, orelse=[], finalbody=[_, *_]):
                block = body
            case _:
                return False
    return not loop.orelse and any(isinstance(node.event, cfg.End) for node in nodes_after(file, code, handler))


def _raises_nothing(file: File, code: Code, handler: ast.ExceptHandler) -> Iterator[ast.Raise]:
    """Yield each bare `raise` that may follow a handler, but stands in none."""
    for node in nodes_after(file, code, handler):
        if (
            isinstance(node.event, cfg.Raise)
            and node.event.node.exc is None
            and not is_in_handler(file, node.event.node)
        ):
            yield node.event.node
