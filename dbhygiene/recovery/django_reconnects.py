"""`reconnects`: where a function that knows of transactions opens Django's connection again, whatever is open (HYG403).

in_atomic = connection.in_atomic_block
if not connection.is_usable():
    connection.connect()             # in `atomic()`, what was written before is gone, and the block ends well
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.program.atomic import atomic_around
from dbhygiene.program.code import own_nodes
from dbhygiene.recovery.errors import DJANGO
from dbhygiene.recovery.handles import handle_of, owner_of
from dbhygiene.recovery.lost_writes import LostWrite
from dbhygiene.recovery.paths import everywhere, solve_facts
from dbhygiene.source.file import File, function_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Code, is_none, last_name, walk

# Names by which a function learns whether it is in a transaction.
_ASKS = lazy_pattern(r"in_atomic_block|get_autocommit|in_transaction")


def reconnects(file: File) -> Iterator[LostWrite]:
    if "django" not in file.text:
        return
    for code in file.functions:
        if isinstance(code, FUNCTION) and _ASKS.search(file.segment(code)):
            for call in _connects_before_query(file, code):
                yield LostWrite(call, call, None, "", Confidence.LIKELY, in_django=True)
    for assigned in file.nodes(ast.Assign):
        target = assigned.targets[0]
        if _forgets(file, assigned, target) and atomic_around(file, assigned) is not None:
            yield LostWrite(target, target, None, "", in_django=True)


def _connects_before_query(file: File, code: Code) -> list[ast.Call]:
    """Return the calls of `connect` that are reached without a test that mentions a transaction."""
    names = _transaction_flags(code)
    found: dict[ast.Call, None] = {}

    def transfer(node: Node, state: str) -> Iterable[tuple[EdgeKind, str]]:
        match node.event:
            case cfg.Test(node=test) if _asks(test, names):
                return []
            case cfg.Call(node=call) if _connects(file, call):
                found[call] = None
                return []
        return everywhere(state)

    return list(found) if solve_facts(file, code, ["unasked"], transfer) is not None else []


def _transaction_flags(code: Code) -> set[str]:
    """Return the variables that hold whether there is a transaction."""
    return {
        target.id
        for part in own_nodes(code)
        if isinstance(part, ast.Assign) and _asks(part.value, set())
        for target in part.targets
        if isinstance(target, ast.Name)
    }


def _asks(expr: ast.AST, names: set[str]) -> bool:
    parts = (part for part in walk(expr) if isinstance(part, (ast.Name, ast.Attribute)))
    return any(_ASKS.fullmatch(last_name(part)) or last_name(part) in names for part in parts)


def _connects(file: File, call: ast.Call) -> bool:
    """Whether a call opens Django's connection again, outside of a transaction of the same function."""
    if last_name(call.func) != "connect" or (owner := owner_of(file, call)) is None:
        return False
    return owner.library == DJANGO and owner.kind == "connection" and atomic_around(file, call) is None


def _forgets(file: File, assigned: ast.Assign, target: ast.expr) -> bool:
    """Whether an assignment drops the driver's connection: `connection.connection = None`."""
    if not (isinstance(target, ast.Attribute) and target.attr == "connection"):
        return False
    if not is_none(assigned.value):
        return False
    owner = handle_of(file, target.value)
    return owner is not None and owner.library == DJANGO and function_around(file, assigned) is not None
