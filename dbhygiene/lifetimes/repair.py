"""How a leak can be mended: the edits, or why there are none.

A fix that is not plainly right is not offered: the resource must have one plain name, be opened by a statement of
its own, and nothing that still reads from it may outlive the block that closes it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from dbhygiene.edits import MoveIntoWith, ReplaceItem, WrapInTry
from dbhygiene.flow import cfg
from dbhygiene.lifetimes.analysis import transferred
from dbhygiene.lifetimes.heap import IS, PART, RETURN, path_of
from dbhygiene.lifetimes.lifetime import Leak, Lifetime
from dbhygiene.model import Fix, NoFix
from dbhygiene.source import File


class _RefusedError(Exception):
    """There is no fix that is plainly right; the words say why."""


@dataclass(frozen=True)
class _Place:
    """Where a resource is opened and used: a statement, those after it in its block, and its only name."""

    statement: ast.Assign | ast.AnnAssign
    rest: list[ast.stmt]
    name: str
    alone: bool = True  # not in a tuple with others


def repair(life: Lifetime, leak: Leak) -> Fix | NoFix:
    """The fix for a leak, or the reason why there is none."""
    try:
        return _in_with(life) or _repair(life, leak)
    except _RefusedError as refused:
        return NoFix(str(refused))


def _in_with(life: Lifetime) -> Fix | None:
    """`with connect() as c:` on a driver whose `with` does not close: close it, and keep the transaction."""
    around = life.file.parents.get(life.birth)
    if not isinstance(around, ast.withitem) or around.context_expr is not life.birth:
        return None
    leaving = life.analysis.effects.leaving(around, life.resource)
    if leaving is None or leaving.closes:
        return None
    if not isinstance(around.optional_vars, ast.Name):
        raise _RefusedError("the connection has no name here")
    if life.resource.gives_back:
        raise _RefusedError(f"give it back with `{life.resource.gives_back}` of its pool")
    if leaving.binds == "cursor":
        raise _RefusedError("this driver's `with` gives a cursor, and newer versions give the connection")
    name = around.optional_vars.id
    statement = life.file.parents[around]
    if any(_mentions_with(node, name) for node in ast.walk(statement) if node is not statement):
        raise _RefusedError(f"`with {name}` is entered again inside")
    _not_handed_on(life)
    _nothing_outlives(life)
    title = f"Close `{name}` after the transaction"
    items = f"{{contextlib.closing}}($value) as {name}, {name}"
    return Fix(title, (ReplaceItem(life.file.span(life.birth), items),))


def _mentions_with(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Name) and item.context_expr.id == name for item in node.items
    )


def _repair(life: Lifetime, leak: Leak) -> Fix:
    place = _place(life)
    closes = _closing_statements(life, place)
    _nothing_outlives(life)
    if leak is Leak.RAISED and (handed := _handed_on(place)) is not None:
        return _close_if_raised(life, place, handed)
    _not_handed_on(life)
    last = _last_use(life, place)
    if any(isinstance(part, (ast.Yield, ast.YieldFrom)) for stmt in place.rest for part in ast.walk(stmt)):
        raise _RefusedError("the function yields while the connection is open")
    return _finally(life, place, closes, last) if closes else _with(life, place, last)


def _place(life: Lifetime) -> _Place:
    statement, alone = life.statement, True
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            if (value.value if isinstance(value, ast.Await) else value) is not life.birth:
                raise _RefusedError("the connection is opened within another expression")
        case ast.Assign(targets=[ast.Tuple(elts=elements)], value=value) if value is life.birth and life.names:
            name, alone = life.names[0], False
            if not all(isinstance(element, ast.Name) for element in elements):
                raise _RefusedError("the connection is opened together with something that is stored")
        case ast.Expr():
            raise _RefusedError("the connection is dropped where it is opened")
        case _:
            raise _RefusedError("the connection is not opened by a plain assignment to one name")
    if life.names != [name]:
        raise _RefusedError("the connection goes by more than one name")
    own = 1 if alone else 2  # what is unpacked counts twice: it has no value of its own
    if len(life.scope.aliases.get(name, ())) > own and not (alone and _only_preset(life, name)):
        raise _RefusedError(f"`{name}` is bound more than once")
    if life.escapes:
        raise _RefusedError("on some way the connection is handed on")
    block = next(block for block in _blocks(life.file.parents[statement]) if statement in block)
    alone = not isinstance(statement, ast.Assign) or isinstance(statement.targets[0], ast.Name)
    return _Place(statement, block[block.index(statement) + 1 :], name, alone)


def _only_preset(life: Lifetime, name: str) -> bool:
    """Whether the only other value of a name is a None that it has before."""
    others = [value for value in life.scope.aliases[name] if value is not _assigned(life)]
    return all(isinstance(value, ast.Constant) and value.value is None for value in others) and _presets(
        life, name
    ) == len(others)


def _assigned(life: Lifetime) -> ast.expr | None:
    statement = life.statement
    return statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None


def _presets(life: Lifetime, name: str) -> int:
    return sum(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and node.value.value is None
        and node.lineno < life.birth.lineno
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        for node in ast.walk(life.scope.node)
    )


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list):
            yield block


def _closing_statements(life: Lifetime, place: _Place) -> list[ast.Expr]:
    """The statements that close it by hand, all of which the fix replaces."""
    found: list[ast.Expr] = []
    for call in life.closes:
        statement = life.file.parents[call]
        if isinstance(statement, ast.Await):
            statement = life.file.parents[statement]
        if not isinstance(statement, ast.Expr):
            raise _RefusedError("it is closed within another expression")
        block = life.file.parents[statement]
        if isinstance(block, ast.If) and block.body == [statement] and _names_in(block.test) & {place.name}:
            raise _RefusedError("it is closed under a condition")
        if not any(stmt is statement or statement in ast.walk(stmt) for stmt in place.rest):
            raise _RefusedError("it is opened and closed in different blocks")
        found.append(statement)
    for node in life.analysis.graph.nodes():
        if isinstance(node.act, cfg.Leave) and any(
            fact.site is life.birth and life.analysis.transfer.closed_by(node.act.node, fact)
            for fact in life.analysis.solution.at(node)
        ):
            raise _RefusedError("a `with` closes it already on some way")
    return found


def _names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _parts(life: Lifetime) -> set[str]:
    """The variables that still read from it, on some way: its cursors."""
    return {
        where.partition(".")[0]
        for node in life.analysis.solution.nodes()
        for fact in life.analysis.solution.at(node)
        if fact.site is life.birth
        for how, where in fact.aliases
        if how == PART and isinstance(where, str) and where != RETURN
    }


def _not_handed_on(life: Lifetime) -> None:
    """Refuse where somebody else owns the connection afterwards, on some way."""
    exit_ = life.analysis.graph.exit
    ends = life.analysis.ends(life.birth)
    if life.escapes or any(end is exit_ and fact.state == "open" and transferred(fact) for end, fact in ends):
        raise _RefusedError("on some way the connection is handed on")


def _taken_in(life: Lifetime) -> set[str]:
    """The variables that a session has been given: when it is closed, their objects can load nothing more."""
    found: set[str] = set()
    for node in life.analysis.solution.nodes() if life.resource.is_lazy else ():
        if isinstance(node.act, cfg.Call) and isinstance(node.act.node.func, ast.Attribute):
            owner = node.act.node.func.value
            facts = [fact for fact in life.analysis.solution.at(node) if fact.site is life.birth]
            if any(life.analysis.transfer.holds(owner, fact) == IS for fact in facts):
                found |= {arg.id for arg in node.act.node.args if isinstance(arg, ast.Name)}
    return found


def _nothing_outlives(life: Lifetime) -> None:
    """Refuse where something that reads from the connection is returned, yielded or stored."""
    solution = life.analysis.solution
    for node in solution.nodes():
        for fact in solution.at(node):
            if fact.site is not life.birth:
                continue
            if any(how == PART and isinstance(w, str) and (w == RETURN or "." in w) for how, w in fact.aliases):
                raise _RefusedError("something that still reads from the connection outlives it")
            if isinstance(node.act, cfg.Yield) and life.analysis.transfer.holds(node.act.node.value, fact) == PART:
                raise _RefusedError("something that still reads from the connection is yielded")


def _handed_on(place: _Place) -> ast.stmt | None:
    """The statement after the assignment that hands it to its owner, in the same block: `return conn`."""
    for statement in place.rest:
        match statement:
            case ast.Return(value=value) if value is not None and place.name in _names_in(value):
                return statement
    return None


def _close_if_raised(life: Lifetime, place: _Place, handed: ast.stmt) -> Fix:
    between = place.rest[: place.rest.index(handed)]
    if not between:
        raise _RefusedError("the connection is handed on at once")
    if life.closes:
        raise _RefusedError("it is handed on in one place and closed in another")
    span = life.file.span
    title = f"Close `{place.name}` if what follows raises"
    code = f"{_close(life, place.name)}\nraise"
    return Fix(title, (WrapInTry(span(between[0]), span(between[-1]), "except BaseException", code),))


def _close(life: Lifetime, name: str) -> str:
    """What closes it; of a pool's connection, what gives it back."""
    resource, call = life.resource, f"{name}.close()"
    if resource.gives_back:
        assert isinstance(life.birth.func, ast.Attribute)
        pool = life.birth.func.value
        if path_of(pool) is None:
            raise _RefusedError("its pool has no plain name here")
        call = f"{ast.unparse(pool)}.{resource.gives_back}({name})"
    return f"await {call}" if resource.awaits_close or (resource.gives_back and resource.is_async) else call


def _last_use(life: Lifetime, place: _Place) -> ast.stmt:
    """The last statement of the block that needs the connection; refuses where one outside of it does."""
    needed = {place.name} | _parts(life)
    uses = [stmt for stmt in place.rest if _names_in(stmt) & (needed | _taken_in(life))]
    inside = {part for stmt in place.rest for part in ast.walk(stmt)} | set(ast.walk(place.statement))
    for part in ast.walk(life.scope.node):
        if (
            isinstance(part, ast.Name)
            and part.id in needed
            and part not in inside
            and not isinstance(part.ctx, ast.Store)
        ):
            raise _RefusedError(f"`{part.id}` is used outside of the block that opens the connection")
    return uses[-1] if uses else place.statement


def _finally(life: Lifetime, place: _Place, closes: list[ast.Expr], last: ast.stmt) -> Fix:
    """Move the existing close into a `finally` around everything since the connection was opened."""
    span = life.file.span
    region = place.rest[: place.rest.index(last) + 1]
    while region and region[-1] in closes:
        region = region[:-1]
    trailing = [stmt for stmt in place.rest if stmt in closes]
    if not region:
        raise _RefusedError("nothing that could raise stands between opening and closing")
    inner = [close for close in closes if close not in trailing]
    if inner and not all(_leaves_after(life.file, close) for close in inner):
        raise _RefusedError("it is closed in the middle of the block, and the rest goes on without it")
    code = life.file.segment(closes[-1])
    needed = _names_in(closes[-1]) - {place.name}
    while region and needed & {part.id for part in ast.walk(region[0]) if _is_bound(part)}:
        region = region[1:]
    if not region or any(needed & {part.id for part in ast.walk(stmt) if _is_bound(part)} for stmt in region):
        raise _RefusedError("what closes it needs a variable that may not be there yet")
    edit = WrapInTry(span(region[0]), span(region[-1]), "finally", code, tuple(span(close) for close in closes))
    return Fix(f"Close `{place.name}` in a `finally`", (edit,))


def _is_bound(part: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)


def _leaves_after(file: File, close: ast.Expr) -> bool:
    """Whether the way from an inner close leads out of its block at once: `return`, `raise`, or the block's end."""
    block = next(block for block in _blocks(file.parents[close]) if close in block)
    following = block[block.index(close) + 1 :]
    return not following or isinstance(following[0], (ast.Return, ast.Raise))


def _with(life: Lifetime, place: _Place, last: ast.stmt) -> Fix:
    """Put everything that needs the connection into a `with` that closes it."""
    file, name = life.file, place.name
    if isinstance(place.statement, ast.AnnAssign):
        raise _RefusedError("the connection's variable is annotated")
    if not place.alone:
        raise _RefusedError("the connection is opened together with something else")
    plain = life.resource.plain_with and place.statement.value is life.birth
    if plain or not (life.resource.is_async or life.resource.gives_back):
        items = f"$value as {name}" if plain else f"{{contextlib.closing}}($value) as {name}"
        edit = MoveIntoWith(file.span(place.statement), file.span(last), items, is_async=life.resource.is_async)
        return Fix(f"Close `{name}` with a `with` block", (edit,))
    if last not in place.rest:
        raise _RefusedError("nothing uses the connection")
    wrap = WrapInTry(file.span(place.rest[0]), file.span(last), "finally", _close(life, name))
    return Fix(f"Close `{name}` in a `finally`", (wrap,))
