"""`Region`: the statements that a fix must keep together, from the opening to the last one that needs the resource.

conn = connect()                 # opening
rows = conn.execute(sql)
names = [row[0] for row in rows] # last: `rows` reads from the connection
print(names)                     # outside
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import Node
from dbhygiene.lifetimes.analysis import place_at
from dbhygiene.lifetimes.lifetime import Leak, Lifetime
from dbhygiene.lifetimes.made_sessions import session_objects
from dbhygiene.lifetimes.state import ITSELF
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.definitions import Definition, find_definition, find_method
from dbhygiene.source.file import File
from dbhygiene.source.nodes import argument_values, block_of, is_none, last_name
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

if TYPE_CHECKING:
    from dbhygiene.lifetimes.session_objects import SessionObjects

_TRANSACTIONS = frozenset({"begin", "begin_nested", "transaction", "atomic"})


class RefusedError(Exception):
    """There is no fix that is plainly right; the message gives the reason."""


class Region(Record):
    """The statements from the opening of a resource to its last use.

    `rest` are the statements of one block from where it is open on, `follows` whether they come right after `opening`,
    and `alone` whether that assigns it to nothing but `name`. `tested` is the `if` before them that leaves where a
    function has returned None instead.
    """

    opening: ast.Assign | ast.AnnAssign
    name: str
    rest: Sequence[ast.stmt]
    last: ast.stmt
    follows: bool = True
    alone: bool = True
    tested: ast.If | None = None

    @property
    def body(self) -> Sequence[ast.stmt]:
        """Return the statements that need it; none if no statement does."""
        return self.rest[: self.rest.index(self.last) + 1] if self.last in self.rest else ()


def region(life: Lifetime) -> Region:
    """Return the region of a resource of one plain name; raise RefusedError if there is none."""
    opening, name, alone = _opening_assignment(life)
    if life.names != [name]:
        raise RefusedError("the connection has more than one name")
    if life.escapes:
        raise escape_refusal(life)
    needed = {name, *parts(life)}
    outside = ""
    for number, block in enumerate(_blocks_from(life, opening)):
        rest = statements_until_assigned(block, name)
        outside = use_outside(life, needed, opening, *rest) or ""
        if not outside and (number == 0 or _surely_open(life, name, rest)):
            objects = session_objects(life)
            if objects is not None:
                refuse_longer_lived_objects(objects, opening, rest)
            uses = _until_closed(life, [statement for statement in rest if name in names_read(statement)])
            if not (uses and _is_closing(life, uses[-1])):  # else what follows uses what reads from a closed one
                wanted = needed | (objects.names if objects is not None else set())
                uses = [statement for statement in rest if names_read(statement) & wanted]
            place = Region(opening, name, rest, uses[-1] if uses else opening, number == 0, alone)
            _refuse_closed_uses(life, place)
            _refuse_methods_that_leave(life, place)
            return place
    if outside:
        raise RefusedError(f"`{outside}` is used outside of the block that opens the connection")
    raise RefusedError("it is opened and used in different blocks")


def _is_closing(life: Lifetime, statement: ast.stmt) -> bool:
    """Whether a statement does nothing but close it, as all paths that raise nothing do in the end."""
    if life.leak is not Leak.RAISED or not isinstance(statement, ast.Expr):
        return False
    return (statement.value.value if isinstance(statement.value, ast.Await) else statement.value) in life.closes


def _until_closed(life: Lifetime, uses: list[ast.stmt]) -> list[ast.stmt]:
    """Return the uses up to the statement that closes it, if those after it find it closed: `print(conn.closed)`."""
    closing = max((number for number, each in enumerate(uses) if _is_closing(life, each)), default=len(uses))
    later = {part for each in uses[closing + 1 :] for part in _names_within(life.file, each)}
    return uses if later & _open_mentions(life) else uses[: closing + 1]


def _refuse_closed_uses(life: Lifetime, place: Region) -> None:
    """Refuse if a statement that the fix would run before the close finds it closed today."""
    is_open = _open_mentions(life)
    for node, fact in life.history:
        if fact.state != "closed" or fact.thrown or life.resource.is_lazy or life.resource.opened_by:
            continue
        for expr in _nodes_of_event(node.event):
            for part in _names_within(life.file, expr):
                if part.id != place.name or fact.relation_of(part.id) != ITSELF or part in is_open:
                    continue
                inside = any(part in ast.walk(each) for each in place.body)
                if inside and _called_method(life.file, part) not in life.resource.closed_by:
                    raise RefusedError(f"`{part.id}` is used after it is closed ({life.file.line_name(part.lineno)})")


def _refuse_methods_that_leave(life: Lifetime, place: Region) -> None:
    """Refuse if a method of an object that keeps a session is passed on uncalled, and so may query later.

    `repository = Orders(session); pool.submit(repository.load)`. With other connections, such a method is a view.
    """
    if not life.resource.is_lazy:
        return
    parts = [part for statement in place.rest for part in ast.walk(statement)]
    classes: dict[str, Definition] = {}
    for part in parts:
        match part:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as made):
                if any(isinstance(each, ast.Name) and each.id == place.name for each in argument_values(made)):
                    found = find_definition(life.file, life.file.resolve(made.func) or "")
                    if found is not None and isinstance(found.node, ast.ClassDef):
                        classes[name] = found
    for part in parts if classes else ():
        match part:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in classes:
                above = life.file.parents[part]
                is_called = isinstance(above, ast.Call) and above.func is part
                method = find_method(classes[owner], name)
                if not is_called and method is not None and not method.node.decorator_list:
                    raise RefusedError(f"`{owner}.{name}`, which uses the session, may be called later")


def refuse_longer_lived_objects(objects: SessionObjects, opening: ast.stmt, rest: Sequence[ast.stmt]) -> None:
    """Refuse if an object of the session is needed after these statements: it could load nothing more."""
    place = objects.longer_lived_object
    if place is not None:
        where = f" ({objects.file.line_name(place.lineno)})" if hasattr(place, "lineno") else ""
        raise RefusedError(
            f"an object of the session may be needed later{where}: it loads no attributes once the session is closed"
        )
    if (name := objects.use_outside(opening, rest)) is not None:
        raise RefusedError(f"`{name}`, an object of the session, is used outside of the block that opens the session")


def refuse_unseen_uses(life: Lifetime, statements: Iterable[ast.AST]) -> None:
    """Refuse if a handler may pass it on that no known exception of the statements enters: it may be entered after all.

    A method that is called as a statement of its own, as `conn.rollback()`, and a test of the variable keep nothing.
    But `conn.close()` would close it twice.
    """
    objects = session_objects(life)
    needed = {*life.names, *parts(life)} | (objects.names if objects is not None else set())
    seen = _seen_mentions(life)
    within = [part for each in statements for part in ast.walk(each) if isinstance(part, ast.ExceptHandler)]
    mentions = [(name, False) for handler in within for name in _names_within(life.file, handler)]
    mentions += [(name, True) for handler in _handlers_around(life) for name in _names_within(life.file, handler)]
    for name, is_outside in mentions:
        if name.id not in needed or name in seen or not isinstance(name.ctx, ast.Load):
            continue
        method = _called_method(life.file, name)
        keeps = is_outside or method is None or method in life.resource.closed_by  # outside, it would be closed already
        if keeps and not isinstance(life.file.parents[name], _TESTS):
            place = life.file.line_name(name.lineno)
            raise RefusedError(f"`{name.id}` is also used in an `except` block ({place})")


def _handlers_around(life: Lifetime) -> list[ast.ExceptHandler]:
    """Return the handlers of the `try` statements whose bodies open the resource."""
    found: list[ast.ExceptHandler] = []
    node: ast.AST = life.statement
    while node is not life.scope.node and node in life.file.parents:
        around = life.file.parents[node]
        if isinstance(around, ast.Try) and node in around.body:
            found += around.handlers
        node = around
    return found


_TESTS = (ast.If, ast.Compare, ast.UnaryOp, ast.BoolOp)


def _called_method(file: File, name: ast.Name) -> str | None:
    """Return the method of a variable that a statement calls, and does nothing else; None if it is another one."""
    method = file.parents[name]
    call = file.parents[method]
    if not (isinstance(method, ast.Attribute) and isinstance(call, ast.Call) and call.func is method):
        return None
    above = file.parents[call]
    return method.attr if file.is_discarded(above if isinstance(above, ast.Await) else call) else None


def escape_refusal(life: Lifetime) -> RefusedError:
    """Return the refusal of a fix because other code may own the resource, and where it gets it, if that is known."""
    node = life.analysis.transfer.escaped.get(life.birth)
    if node is not None:
        where = f" ({life.file.line_name(place.lineno)})" if (place := place_at(node)) is not None else ""
        if isinstance(node.event, cfg.Bind) and (life.birth, node.event.node) in life.analysis.transfer.given_up:
            is_reset = node.event.value is not None and is_none(node.event.value)
            then = "its variable is set to None" if is_reset else "it is replaced by a new one"
            return RefusedError(f"after an error, {then}{where}")
    elif life.escapes:
        opener = last_name(life.birth.func)
        return RefusedError(f"on some paths through `{opener}`, it is not known where the connection goes")
    else:
        where = ""
    return RefusedError(f"on some paths the connection is passed to other code{where}")


def _opening_assignment(life: Lifetime) -> tuple[ast.Assign | ast.AnnAssign, str, bool]:
    """Return the assignment that opens it, its name, and whether that is the only target."""
    statement = life.statement
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            if (value.value if isinstance(value, ast.Await) else value) is not life.birth:
                raise RefusedError("the connection is opened inside another expression")
            return statement, name, True
        case ast.Assign(targets=[ast.Tuple(elts=elements)], value=value) if value is life.birth and life.names:
            if not all(isinstance(element, ast.Name) for element in elements):
                raise RefusedError("the connection is opened together with a value that is stored")
            return statement, life.names[0], False
        case ast.Expr():
            raise RefusedError("the connection is not assigned to a variable")
    raise RefusedError("the connection is not assigned to one plain variable")


def _blocks_from(life: Lifetime, opening: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    """Yield the statements after the opening in its block; then those after the `try`, `with` or `if` around it."""
    statement: ast.AST = opening
    parents = life.file.parents
    while True:
        around = parents[statement]
        if block := block_of(around, statement):
            yield block[block.index(statement) + 1 :]  # type: ignore[arg-type]
        if not isinstance(around, (ast.Try, ast.With, ast.AsyncWith, ast.If, ast.ExceptHandler)):
            return
        if isinstance(around, (ast.With, ast.AsyncWith)) and any(map(_is_transaction, around.items)):
            return  # its commit may raise, and what follows is then skipped
        statement = around


def _is_transaction(item: ast.withitem) -> bool:
    return isinstance(item.context_expr, ast.Call) and last_name(item.context_expr.func) in _TRANSACTIONS


def statements_until_assigned(block: Sequence[ast.stmt], name: str) -> Sequence[ast.stmt]:
    """Return the statements before the next one that assigns the name."""
    for place, statement in enumerate(block):
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and part.id == name and not isinstance(part.ctx, ast.Load):
                return block[:place]
    return block


def use_outside(life: Lifetime, needed: set[str], *inside: ast.AST) -> str | None:
    """Return a variable that may hold it, or a part of it, if it is used outside of these statements."""
    mentions = [
        part
        for part in _names_within(life.file, life.scope.node)
        if part.id in needed and not isinstance(part.ctx, ast.Store)
    ]
    within = {part for statement in inside for part in _names_within(life.file, statement)} if mentions else ()
    outside = [part for part in mentions if part not in within]
    if not outside:
        return None
    touched = _open_mentions(life)
    own = set(life.file.own(life.scope.node))
    return next(
        (part.id for part in outside if part in touched or (part not in own and _is_captured(life, part))), None
    )


def _is_captured(life: Lifetime, name: ast.Name) -> bool:
    """Whether a mention in an inner function means the variable of the function that opens the resource."""
    owner = Bindings.of(life.file).owner(name.id, life.file.scope_of(name))
    return owner is None or owner is life.scope


def _seen_mentions(life: Lifetime) -> set[ast.AST]:
    """Return every mention of a variable that is evaluated while the resource exists, open or closed."""
    events = (node.event for node, _ in life.history)
    expressions = {expr for each in events if not isinstance(each, cfg.Attempt) for expr in _nodes_of_event(each)}
    return {name for expr in expressions for name in _names_within(life.file, expr)}


def _open_mentions(life: Lifetime) -> set[ast.AST]:
    """Return every mention of a variable at a point where it holds the resource, or a part of it, and that is open."""
    found: set[ast.AST] = set()
    for node, fact in life.history:
        if fact.state == "open" or life.resource.is_lazy:  # a closed session opens again when it is used
            names = {where.partition(".")[0] for _, where in fact.aliases if isinstance(where, str)}
            for expr in _nodes_of_event(node.event):
                found |= {part for part in _names_within(life.file, expr) if part.id in names}
    return found


@query
def _names_within(file: File, node: ast.AST) -> tuple[ast.Name, ...]:
    """Return every mention of a variable in a piece of code."""
    return tuple(part for part in ast.walk(node) if isinstance(part, ast.Name))


def _nodes_of_event(event: cfg.Event) -> Iterator[ast.AST]:
    match event:
        case cfg.Bind(target=target, value=value):
            yield target
            if value is not None:
                yield value
        case cfg.Iterate(node=loop):
            yield loop.iter
        case cfg.Case(subject=subject):
            yield subject
        case None | cfg.Catch() | cfg.End():
            return
        case _:
            yield event.node


def _surely_open(life: Lifetime, name: str, rest: Sequence[ast.stmt]) -> bool:
    """Whether every path to these statements passes the opening, or a like one of the same name that is still open.

    If a second `close` does no harm, what the like one has opened may be closed.
    """
    graph, sites = life.analysis.graph, life.analysis.sites
    bindings = [
        node for node in graph.nodes() if isinstance(node.event, cfg.Bind) and name in names_in(node.event.target)
    ]
    openings = {node for node in bindings if _opening_call(node) in sites}
    if not all(_is_like(life, _opening_call(node), name) for node in openings):  # type: ignore[arg-type]
        return False
    inside = {part for statement in rest for part in ast.walk(statement)}
    others = {_opening_call(node) for node in openings} - {life.birth}
    if life.resource.second_close_raises and any(_is_closed_in(life, site, inside) for site in others):  # type: ignore[arg-type]
        return False
    start = [graph.entry, *(node for node in bindings if node not in openings)]
    reached = cfg.reachable(start, past=lambda node: node not in openings)
    return bool(rest) and not any(node.event is not None and node.event.node in inside for node in reached)


def _is_closed_in(life: Lifetime, site: ast.Call, inside: set[ast.AST]) -> bool:
    """Whether the resource of another call may be closed at one of these nodes."""
    facts = ((node.event, fact) for node, fact in life.analysis.history(site) if node.event is not None)
    return any(fact.state == "closed" and event.node in inside for event, fact in facts)


def _is_like(life: Lifetime, site: ast.Call, name: str) -> bool:
    """Whether this name may also close the resource of another call: it is of the same kind, and does not escape."""
    analysis = life.analysis
    if site is life.birth:
        return True
    if analysis.sites[site] != life.resource or analysis.is_shared(site):
        return False
    known = {name, *parts(life)}
    aliases = (where for _, fact in analysis.history(site) for _, where in fact.aliases)
    return all(where in known for where in aliases if isinstance(where, str))


def _opening_call(node: Node) -> ast.Call | None:
    """Return the call whose result is bound."""
    value = node.event.value if isinstance(node.event, cfg.Bind) else None
    inner = value.value if isinstance(value, ast.Await) else value
    return inner if isinstance(inner, ast.Call) else None


def names_in(node: ast.AST) -> set[str]:
    """Return the names in a piece of code."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def names_read(node: ast.AST) -> set[str]:
    """Return the names that a statement reads, those that it only assigns left out."""
    found: set[str] = set()
    for part in ast.walk(node):
        match part:
            case ast.AugAssign(target=ast.Name(id=name)) | ast.Name(id=name, ctx=ast.Load() | ast.Del()):
                found.add(name)
    return found


def parts(life: Lifetime) -> set[str]:
    """Return the variables that still use it, on some path: its cursors and bound methods, and their containers."""
    return {
        where.partition(".")[0]
        for _, fact in life.history
        for relation, where in fact.aliases
        if relation != ITSELF and isinstance(where, str) and not where.startswith("<")
    }
