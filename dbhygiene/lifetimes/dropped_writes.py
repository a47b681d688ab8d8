"""`DroppedWrite`: a write inside a `with` that closes the connection without a commit.

with pymysql.connect() as conn:
    conn.cursor().execute("insert ...")      # rolled back when the block ends
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.library.without_transactions import WITHOUT_TRANSACTIONS
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.openings import Opening, openings
from dbhygiene.lifetimes.state import ITSELF, READERS, Fact
from dbhygiene.program.evaluation import evaluate, evaluate_keywords
from dbhygiene.program.origins import ExpressionAt, only_value
from dbhygiene.program.values import Called, Constant, options
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import argument_values
from dbhygiene.source.queries import query
from dbhygiene.source.records import Frozen

_WRITES = r"(?i)\s*(insert|update|delete|replace)\b"
_COMMITS = r"(?i)\b(commit|begin|start\s+transaction)\b"


class DroppedWrite(Frozen):
    """A statement that changes rows, and the `with` whose end rolls it back."""

    call: ast.Call
    item: ast.withitem
    block: ast.With | ast.AsyncWith


def find_dropped_write(life: Lifetime) -> DroppedWrite | None:
    """Return the first write to a connection that a `with` closes without a commit, if no other code commits."""
    if life.resource.autocommits or life.escapes:
        return None
    for item in _closes_without_commit(life):
        block = life.file.parents[item]
        assert isinstance(block, (ast.With, ast.AsyncWith))
        inside = {part for statement in block.body for part in ast.walk(statement)}
        for call in _execute_calls(life):
            if call in inside and (text := _sql(life.file, call.args[0])) is not None and re.match(_WRITES, text):
                return None if _may_commit(life) or _writes_at_once(life) else DroppedWrite(call, item, block)
    return None


def _may_commit(life: Lifetime) -> bool:
    """Whether the function, a helper that opens the connection, its options, or code that gets it, may commit."""
    for opening in openings(life):
        if any(map(_may_commit_each, _options(life, opening))):
            return True
        if (code := function_around(*opening)) is not None and _commits(opening.file, code):
            return True
    if _commits(life.file, life.scope.node):
        return True
    return any(_is_lent(life, node.event.node, fact) for node, fact in life.history if isinstance(node.event, cfg.Call))


def _options(life: Lifetime, opening: Opening) -> Iterator[str | None]:
    """Yield the names of the options with which a call opens the connection; None if there may be more."""
    file, call = opening
    if life.resource.is_pooled and isinstance(call.func, ast.Attribute):
        yield from _options_of_pool(file, call.func.value)
    names = [keyword.arg for keyword in call.keywords]
    if None not in names:
        yield from names
        return
    given = evaluate_keywords(file, call)
    yield from given.items
    if given.open or any(keyword.arg is None and _may_be_replaced(file, keyword.value) for keyword in call.keywords):
        yield None


def _options_of_pool(file: File, pool: ast.expr) -> Iterator[str | None]:
    """Yield the names of the options with which a pool opens its connections; None if there may be more."""
    for made in options(evaluate(file, pool)):
        if isinstance(made, Called):
            yield from made.keywords.items
        if not isinstance(made, Called) or made.keywords.open:
            yield None


def _may_be_replaced(file: File, table: ast.expr) -> bool:
    """Whether a dict with options may be another one at the call: of another module, or replaced by a `*` import."""
    name = file.resolve(table)
    return bool(file.scope.stars) or (name is not None and not name.startswith(f"{file.module}."))


def _may_commit_each(option: str | None) -> bool:
    return option is None or "autocommit" in option or "isolation" in option or option == "init_command"


def _writes_at_once(life: Lifetime) -> bool:
    """Whether the server has no transactions, by its port, or by a statement that only such a server understands."""
    texts = [text for call in _execute_calls(life) if (text := _sql(life.file, call.args[0])) is not None]
    if any(each.statements is not None and any(map(each.statements.match, texts)) for each in WITHOUT_TRANSACTIONS):
        return True
    ports = {port for each in WITHOUT_TRANSACTIONS for port in each.ports}
    return any(not ports.isdisjoint(_ports(opening)) for opening in openings(life))


def _ports(opening: Opening) -> Iterator[int]:
    """Yield the ports that a call may be given by a keyword, if they are known."""
    keywords = evaluate_keywords(*opening).items
    for option in options(keywords["port"]) if "port" in keywords else ():
        if isinstance(option, Constant) and isinstance(option.value, int | str) and str(option.value).isdecimal():
            yield int(option.value)


@query
def _commits(file: File, code: ast.AST) -> bool:
    """Whether a function calls a method that commits, by its name."""
    for part in ast.walk(code):
        if isinstance(part, ast.Attribute) and part.attr in {"commit", "autocommit", "begin", "start_transaction"}:
            return True
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and re.match(_COMMITS, part.value.strip()):
            return True
    return False


def _is_lent(life: Lifetime, call: ast.Call, fact: Fact) -> bool:
    """Whether the connection, or its cursor, is an argument of a call."""
    given = argument_values(call)
    return any(life.analysis.transfer.holds(each, fact) in {ITSELF, *READERS} for each in given)


def _closes_without_commit(life: Lifetime) -> Iterator[ast.withitem]:
    found: dict[ast.withitem, None] = {}
    for node, fact in life.history:
        if isinstance(node.event, cfg.Leave) and not node.event.raised and fact.relation_of(node.event.node) == ITSELF:
            leaving = life.analysis.effects.leaving(node.event.node, life.resource)
            if leaving is not None and leaving.closes and not leaving.commits:
                found[node.event.node] = None
    yield from found


def _execute_calls(life: Lifetime) -> list[ast.Call]:
    """Return the calls that execute SQL on the connection or on a cursor of it, in the order of the source."""
    found: dict[ast.Call, None] = {}
    for node, fact in life.history:
        match node.event:
            case cfg.Call(
                node=ast.Call(func=ast.Attribute(value=owner, attr="execute" | "executemany"), args=[_, *_]) as call
            ):
                if life.analysis.transfer.holds(owner, fact) in {ITSELF, *READERS}:
                    found[call] = None
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def _sql(file: File, expr: ast.expr) -> str | None:
    """Return the beginning of a statement's text; None if it is not known."""
    *_, begins = closure(ExpressionAt(file, expr), _first_part)
    match begins.expr:
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text
    return None


def _first_part(at: ExpressionAt) -> list[ExpressionAt]:
    match at.expr:
        case ast.BinOp(left=first) | ast.Call(func=ast.Attribute(value=first, attr="format")):
            return [ExpressionAt(at.file, first)]
    return only_value(*at)
