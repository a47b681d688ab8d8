"""`CloseStatement`: the statements that close a resource by hand. A fix replaces all of them by one."""

from __future__ import annotations

import ast
from typing import NamedTuple

from dbhygiene.dataflow import cfg
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.region import RefusedError, Region, names_in, parts
from dbhygiene.source.nodes import argument_values, last_name


class CloseStatement(NamedTuple):
    """A statement that closes the resource, and the code that does so in another place."""

    statement: ast.stmt
    code: str


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
    around = life.file.parents[statement]
    if isinstance(around, ast.If) and statement in around.body:
        asks = region.name in names_in(around.test)
        if asks and _only_asks(life, region.name, around):
            return CloseStatement(around, ast.unparse(around))
        if asks or around.body == [statement]:  # or the block holds nothing else
            raise RefusedError("it is closed only under a condition")
    return CloseStatement(statement, life.file.segment(statement))


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
    only_closes = all(_only_closes(each.node) for each in definitions)
    if only_closes and all(isinstance(value, (ast.Name, ast.Attribute, ast.Constant)) for value in given):
        return False
    if life.resource.second_close_raises:
        raise RefusedError("the function that closes it does more than that")
    return True


_QUIET = frozenset({"close", "is_connected", "debug", "info", "warning", "error", "exception", "print"})


def _only_closes(function: ast.AST) -> bool:
    """Whether a function calls only what closes, and what logs that."""
    names = {last_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    return names <= _QUIET and not any(isinstance(node, (ast.Raise, ast.Global)) for node in ast.walk(function))
