"""Forked processes, and what they do first with the connection that they share with their parent."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.gaps.closing import what_closes
from dbhygiene.gaps.code import own_nodes
from dbhygiene.gaps.dispatch import functions
from dbhygiene.gaps.durations import argument
from dbhygiene.gaps.effects import Ask, Effects, Routine, Run
from dbhygiene.library.entries import FORKS
from dbhygiene.source import FUNCTION, Code, File, function_around

_SHARES_NOTHING = ("spawn", "forkserver")


def closed_in_child(file: File, call: ast.Call) -> Iterator[tuple[File, ast.Call]]:
    """Where the child closes, before it asks, a connection that the parent of this fork may have open."""
    name = file.resolve(call.func)
    if name != "os.fork" and name not in FORKS:
        return
    if any(word in file.text for word in _SHARES_NOTHING) or _closed_before(file, call):
        return
    if name == "os.fork":
        for owner, code, child in _branches(file, call):
            yield from _first_close(owner, code, child)
    elif (given := argument(call, *FORKS[name])) is not None:
        for function in functions(file, given):
            yield from _first_close(function.file, function.node, function.node.body)


def _branches(file: File, fork: ast.Call) -> Iterator[tuple[File, Code, list[ast.stmt]]]:
    """The code of the child, in `if os.fork() == 0:` or `pid = os.fork()`, `if not pid:`."""
    code = function_around(file, fork) or file.tree
    assigned = file.parents.get(fork)
    variable = assigned.targets[0].id if _gives_name(assigned) else None  # type: ignore[union-attr]
    for node in own_nodes(code):
        if isinstance(node, ast.If) and (branch := _of_child(node, fork, variable)) is not None:
            yield file, code, branch


def _gives_name(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def _of_child(node: ast.If, fork: ast.Call, variable: str | None) -> list[ast.stmt] | None:
    match node.test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=0)]):
            return node.body if _is_pid(left, fork, variable) else None
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return node.body if _is_pid(operand, fork, variable) else None
        case operand:
            return node.orelse if _is_pid(operand, fork, variable) else None


def _is_pid(expr: ast.expr, fork: ast.Call, variable: str | None) -> bool:
    return expr is fork or (isinstance(expr, ast.Name) and expr.id == variable)


def _first_close(file: File, code: Code, child: list[ast.stmt]) -> Iterator[tuple[File, ast.Call]]:
    """The call that closes, if the child asks nothing before: what it has asked by itself, it may close."""
    effects = Effects(Routine(file, code, plain=True))
    for call in _calls(child):
        if what_closes(file, call) is not None:
            yield file, call
            return
        if any(isinstance(effect, (Ask, Run)) for effect in effects.of_call(call)):
            return


def _calls(statements: Iterable[ast.stmt]) -> list[ast.Call]:
    found = []
    todo: list[ast.AST] = list(reversed(list(statements)))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Call):
            found.append(node)
        if not isinstance(node, (*FUNCTION, ast.Lambda, ast.ClassDef)):
            todo += reversed(list(ast.iter_child_nodes(node)))
    return found


def _closed_before(file: File, fork: ast.Call) -> bool:
    """Whether the parent closes its connection somewhere before it forks."""
    code = function_around(file, fork) or file.tree
    calls = (node for node in own_nodes(code) if isinstance(node, ast.Call) and node.lineno < fork.lineno)
    return any(what_closes(file, call) is not None for call in calls)
