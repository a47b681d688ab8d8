"""`hang`: whether a string of several lines would stand left of its statement, after a fix has indented the block.

def load(conn):
    conn.execute('''select *
    from orders''')              # text must not change: this line cannot move, and would hang left of `conn`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.source.file import File
from dbhygiene.source.nodes import argument_values


def hang(file: File, body: Sequence[ast.stmt]) -> bool:
    """Whether a line of a string would stand left of its statement after this block is indented, and does not yet."""
    return any(_hangs(file, string, around) for each in body for string, around in _strings(each, each))


def later(life: Lifetime, body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """Return the block without the assignments at its start that cannot raise: it may begin after them."""
    calls = set(life.raisers)
    for place, statement in enumerate(body):
        if not _is_quiet(life, statement, calls):
            return body[place:]
    return ()


def _is_quiet(life: Lifetime, statement: ast.stmt, raisers: set[ast.expr]) -> bool:
    """Whether a statement assigns a constant, or a cursor of the resource that is made without a query."""
    match statement:
        case ast.Assign(targets=[ast.Name()], value=ast.Constant()):
            return True
        case ast.Assign(
            targets=[ast.Name()], value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="cursor")) as call
        ):
            given = argument_values(call)
            plain = all(isinstance(each, (ast.Constant, ast.Name, ast.Attribute)) for each in given)
            return name in life.names and plain and call not in raisers
    return False


def _strings(node: ast.AST, around: ast.stmt) -> Iterator[tuple[ast.expr, ast.stmt]]:
    """Yield the strings of several lines in a piece of code, each with its statement."""
    if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.lineno != node.end_lineno:
        yield node, around
        return
    for child in ast.iter_child_nodes(node):
        yield from _strings(child, child if isinstance(child, ast.stmt) else around)


def _hangs(file: File, string: ast.expr, around: ast.stmt) -> bool:
    text = file.segment(string)
    if not any(mark in text for mark in ('"""', "'''", "\\\n")):
        return False  # several strings, each on a line of its own
    start = around.col_offset
    lines = file.lines[string.lineno : string.end_lineno]
    return any(start <= len(line) - len(line.lstrip()) < start + _step(file, around) for line in lines if line.strip())


def _step(file: File, statement: ast.stmt) -> int:
    """Return the number of columns by which the block of this statement is indented."""
    around = file.parents[statement]
    if isinstance(around, (ast.stmt, ast.ExceptHandler)) and statement.col_offset > around.col_offset:
        return statement.col_offset - around.col_offset
    return 4
