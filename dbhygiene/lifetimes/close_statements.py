"""`CloseStatement`: the statements that close a resource by hand. A fix replaces all of them by one.

if conn is not None:
    conn.close()                 # a `CloseStatement`: the whole `if`
"""

from __future__ import annotations

import ast
import textwrap
from itertools import takewhile
from typing import TypeAlias, TypeGuard

from dbhygiene.dataflow import cfg
from dbhygiene.lifetimes.fields import ENDING
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.region import RefusedError, Region, names_in, parts
from dbhygiene.lifetimes.state import dotted_path
from dbhygiene.source.file import File
from dbhygiene.source.nodes import argument_values, last_name
from dbhygiene.source.records import Row


class CloseStatement(Row):
    """A statement that closes the resource, and the code that does so in another place."""

    statement: ast.stmt
    code: str
    is_guarded: bool = False  # whether it is a `with` or `try` around the call: only as a whole may it be moved


def close_statements(life: Lifetime, region: Region) -> list[CloseStatement]:
    """Return every statement that closes the resource, on some path; raise RefusedError if one cannot be moved."""
    found: dict[ast.stmt, CloseStatement] = {}
    inside = {part for statement in region.rest for part in ast.walk(statement)}
    for call in life.closes:
        if _stays(life, call):
            continue
        closing = _close_code(life, region, call)
        if closing.statement not in inside:
            raise RefusedError("it is opened and closed in different blocks")
        found[closing.statement] = closing
    for node, fact in life.history:
        if isinstance(node.event, cfg.Leave) and life.analysis.transfer.is_closed_by(node.event.node, fact):
            raise RefusedError("on some paths a `with` already closes it")
    if life.resource.second_close_raises and (other := life.may_be_closed_by) is not None:
        raise RefusedError(
            f"on some paths `{last_name(other.func)}` ({life.file.line_name(other.lineno)}) already closes it"
        )
    return sorted(found.values(), key=lambda closing: closing.statement.lineno)


def _close_code(life: Lifetime, region: Region, call: ast.Call) -> CloseStatement:
    statement = life.file.parents[call]
    if isinstance(statement, ast.Await):
        statement = life.file.parents[statement]
    if not isinstance(statement, ast.Expr):
        raise RefusedError("the call that closes it is part of an expression")
    if (guard := _guard(life, statement)) is not None:
        return _close_with_guard(life, region, guard)
    around = life.file.parents[statement]
    if isinstance(around, ast.If) and statement in around.body:
        asks = region.name in names_in(around.test)
        if asks and _only_asks(life, region.name, around):
            return CloseStatement(around, ast.unparse(around))
        if asks or around.body == [statement]:  # or the block holds nothing else
            raise RefusedError("it is closed only under a condition")
    return CloseStatement(statement, life.file.segment(statement))


_Guard: TypeAlias = "ast.With | ast.AsyncWith | ast.Try"

# Scopes of anyio, trio and asyncio: what runs in their block is not cancelled, or ends in time.
_GUARDS = frozenset("CancelScope move_on_after move_on_at fail_after fail_at timeout timeout_at".split())

_JUMPS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_LEAVES = (ast.Return, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom)  # in a `finally` they end an exception


def _guard(life: Lifetime, close: ast.stmt) -> _Guard | None:
    """Return the outermost statement below the opening of the resource that the call that closes it must not leave.

    That is a `with` of a known guard, or a `with` or `try` whose block only closes: whatever it is for, it is for
    closing.
    """
    outside = {life.scope.node, *life.file.around(life.birth)}
    around = takewhile(lambda outer: outer not in outside, life.file.around(close))
    return next((outer for outer in reversed([*around]) if _guards(outer, close)), None)


def _guards(outer: ast.AST, close: ast.stmt) -> TypeGuard[_Guard]:
    match outer:
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            managers = (item.context_expr for item in items)
            if any(isinstance(each, ast.Call) and last_name(each.func) in _GUARDS for each in managers):
                return True
        case ast.Try(body=body, handlers=[_, *_]) if close in body:
            pass
        case _:
            return False
    return all(_ends_something(each) or isinstance(each, _JUMPS) for each in body)


def _close_with_guard(life: Lifetime, region: Region, guard: _Guard) -> CloseStatement:
    """Return the statement around a call that closes the resource, which a fix moves whole."""
    known = {region.name, *parts(life)}
    rest = [*getattr(guard, "orelse", ()), *getattr(guard, "finalbody", ())]
    leaves = any(isinstance(part, _LEAVES) for part in ast.walk(guard))
    uses_it = any(names_in(item.context_expr) & known for item in getattr(guard, "items", ()))
    if rest or leaves or uses_it or not all(_ends_something(each) and names_in(each) <= known for each in guard.body):
        kind = "try" if isinstance(guard, ast.Try) else "with"
        line = life.file.line_name(guard.lineno)
        raise RefusedError(f"the `{kind}` in {line} does more than close it")
    if life.resource.second_close_raises and len({*ast.walk(guard)}.intersection(life.closes)) > 1:
        raise RefusedError(f"the statement in {life.file.line_name(guard.lineno)} closes it more than once")
    return CloseStatement(guard, _code_of(life.file, guard), is_guarded=True)


def _code_of(file: File, statement: ast.stmt) -> str:
    """Return the code of a statement of several lines, for a place with another indentation.

    It is written anew if it has comments, which the editor moves, or a string of several lines.
    """
    lines = file.lines_of(statement)
    strings = (part for part in ast.walk(statement) if isinstance(part, (ast.Constant, ast.JoinedStr)))
    if any("#" in line for line in lines) or any(part.lineno != part.end_lineno for part in strings):
        return ast.unparse(statement)
    return textwrap.dedent("\n".join(lines))


def _ends_something(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Await(value=ast.Call(func=func)) | ast.Call(func=func)):
            return last_name(func) in ENDING
    return False


def _only_asks(life: Lifetime, name: str, guard: ast.If) -> bool:
    """Whether an `if` only tests that the resource exists and is open, and only closes it."""
    match guard.test:
        case ast.Name():
            pass
        case ast.Compare(left=ast.Name(), ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            pass
        case (
            ast.Attribute(value=ast.Name(), attr=attr)
            | ast.Call(func=ast.Attribute(value=ast.Name(), attr=attr), args=[])
        ) if attr in life.resource.open_if:
            pass
        case _:
            return False
    known = {name, *parts(life)}
    return not guard.orelse and all(_closes_one(statement, known) for statement in guard.body)


def _closes_one(statement: ast.stmt, names: set[str]) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="close"), args=[])):
            return name in names
    return False


def _stays(life: Lifetime, call: ast.Call) -> bool:
    """Whether a function that does more closes it, and may do so again: a second close does no harm."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in life.resource.closed_by:
        return False
    definitions = life.analysis.effects.of(call).definitions
    given = argument_values(call)
    only_closes = all(_only_closes(each.node, once=life.resource.second_close_raises) for each in definitions)
    if only_closes and all(isinstance(value, (ast.Name, ast.Attribute, ast.Constant)) for value in given):
        return False
    if life.resource.second_close_raises:
        raise RefusedError("the function that closes it does more than close it")
    return True


_QUIET = frozenset({"close", "is_connected", "debug", "info", "warning", "error", "exception", "print"})


def _only_closes(function: ast.AST, *, once: bool) -> bool:
    """Whether a function calls only what closes, and what logs that; `once`: it has one call to close each object."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    if not {last_name(call.func) for call in calls} <= _QUIET:
        return False
    closed = [dotted_path(call.func) for call in calls if last_name(call.func) == "close"]
    if once and len(set(closed)) < len(closed):
        return False
    return not any(isinstance(node, (ast.Raise, ast.Global)) for node in ast.walk(function))
