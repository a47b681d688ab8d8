"""`runs_set_up`: whether a call only sets a connection up, before any work, as by `SET NAMES utf8mb4`.

What makes such a statement fail makes it fail for each connection, unless the connection is dead: then nothing is held.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from dbhygiene.library.calls import QUERIES, SETTING
from dbhygiene.program.callees import callees
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import patterns
from dbhygiene.source.file import File, scope_around
from dbhygiene.source.nodes import FUNCTION, Function, argument_values, last_name, walk

ENDS_IT = frozenset({"rollback", "close", "ping"})  # methods that raise if the server is gone, and rarely otherwise
_TELLS = frozenset({"print", "debug", "info", "warning", "error", "exception", "critical", "log", "str"})


def all_begin_with(file: File, asked: ast.expr, with_: re.Pattern[str]) -> bool:
    """Whether all possible texts of a query begin with this pattern."""
    texts = patterns(evaluate(file, asked))
    return all(with_.match(each) for text in texts for each in text.split(";") if each.strip() or each == text)


def runs_set_up(file: File, call: ast.Call, with_: re.Pattern[str] = SETTING, seen: Collection[ast.AST] = ()) -> bool:
    """Whether a call runs functions of the project that only send statements which set a connection up.

    Arguments:
        with_: how these statements begin.
    """
    found = callees(file, call, scope_around(file, call))
    if not found.definitions or not found.complete:
        return False
    bodies = [(each.file, each.node) for each in found.definitions]
    return all(isinstance(node, FUNCTION) and _only_sets_up(where, node, with_, seen) for where, node in bodies)


def catches_all_but_ends(file: File, call: ast.Call) -> bool:
    """Whether a call runs functions of the project that catch each error, and may only raise when a handler rolls back.

    A `rollback` in a handler fails only if the connection is dead.
    """
    found = callees(file, call, scope_around(file, call))
    bodies = [each.node for each in found.definitions]
    return found.complete and bool(bodies) and all(isinstance(n, FUNCTION) and _catches_all(n.body) for n in bodies)


def _catches_all(body: Sequence[ast.stmt]) -> bool:
    """Whether only the handlers of a block's `try` statements may raise, and only by ending a transaction."""
    for statement in body:
        match statement:
            case ast.Pass() | ast.Return(value=None | ast.Constant() | ast.Name()) | ast.Expr(value=ast.Constant()):
                pass
            case ast.Assign(targets=[ast.Name()], value=ast.Constant()):
                pass
            case ast.Try(
                handlers=[*_, ast.ExceptHandler(type=None | ast.Name(id="Exception" | "BaseException"))], orelse=[]
            ):
                ends = [*statement.finalbody, *(each for handler in statement.handlers for each in handler.body)]
                if not all(_only_ends(part) for each in ends for part in walk(each)):
                    return False
            case _:
                return False
    return True


def _only_ends(node: ast.AST) -> bool:
    """Whether a part of a handler raises at most if the connection is dead."""
    match node:
        case ast.Call(func=func):
            return last_name(func) in ENDS_IT | _TELLS
        case ast.Raise() | ast.Assert() | ast.Await() | ast.Subscript():
            return False
    return True


def _only_sets_up(file: File, function: Function, with_: re.Pattern[str], seen: Collection[ast.AST]) -> bool:
    """Whether a function sends statements, and only such that set up what its caller gives it."""
    if function in seen:
        return True
    seen = {*seen, function}
    arguments = function.args
    given = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    sent = 0
    for call in (node for node in walk(function) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in QUERIES:
            if call.func.attr != "execute" or not call.args or not all_begin_with(file, call.args[0], with_):
                return False
            sent += 1
        elif any(isinstance(each, ast.Name) and each.id in given for each in argument_values(call)):
            if runs_set_up(file, call, with_, seen):
                sent += 1
            elif callees(file, call, scope_around(file, call)).definitions:
                return False  # it may use the connection for anything
    return sent > 0
