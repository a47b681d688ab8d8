"""`fix_leak`: the fix for a leak, or the reason why there is none.

conn = pymysql.connect()
conn.ping()                      # the fix puts this into a `try`,
conn.close()                     # and this into its `finally`

A fix is offered only if nothing that reads from the resource outlives the block that closes it, no other code owns
it, and the block begins where it is surely open.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence

from dbhygiene.dataflow import cfg
from dbhygiene.diagnostics.edits import (
    Edit,
    InsertAfter,
    InsertBefore,
    MoveIntoWith,
    Remove,
    Replace,
    ReplaceItem,
    WrapInTry,
    verbatim,
    widest,
)
from dbhygiene.diagnostics.model import Fix, NoFix, Safety
from dbhygiene.library.calls import STACKING
from dbhygiene.library.words import words
from dbhygiene.lifetimes.analysis import place_at
from dbhygiene.lifetimes.close_statements import CloseStatement, close_statements
from dbhygiene.lifetimes.committing_closes import committing_close
from dbhygiene.lifetimes.hanging import hang, later
from dbhygiene.lifetimes.kept_by_connection import kept_by_connection
from dbhygiene.lifetimes.lifetime import Leak, Lifetime
from dbhygiene.lifetimes.made_sessions import session_objects
from dbhygiene.lifetimes.passed_functions import call_of_future, generator_of_next
from dbhygiene.lifetimes.region import (
    RefusedError,
    Region,
    escape_refusal,
    names_in,
    names_read,
    parts,
    refuse_longer_lived_objects,
    refuse_unseen_uses,
    region,
    use_outside,
)
from dbhygiene.lifetimes.replaced_openings import replaced_opening
from dbhygiene.lifetimes.several import closes_one_of, opened_inside, widen
from dbhygiene.lifetimes.state import FOREIGN, ITSELF, RETURN, Fact, dotted_path, is_view
from dbhygiene.lifetimes.substitutes import substitute
from dbhygiene.program.callees import callees
from dbhygiene.source.file import File, file_query
from dbhygiene.source.nodes import FUNCTION, argument_values, block_of, last_name, short_name
from dbhygiene.source.records import replace

LONGEST = 50  # lines: a longer block is not indented unless the user asks for it


def fix_leak(life: Lifetime, leak: Leak) -> Fix | NoFix:
    """Return the fix for a leak, or the reason why there is none."""
    try:
        _opens_whenever_called(life)
        return _judged(life, _in_with(life) or _nameless(life) or _fix_leak(life, leak))
    except RefusedError as refused:
        reason = str(refused).replace("the connection", f"the {life.resource.noun}")
        return NoFix(reason if ";" in reason else f"{reason}; {_by_hand(life, leak)}")


def _judged(life: Lifetime, fix: Fix) -> Fix:
    """Return the fix, as an unsafe one if a test replaces what opens the resource: it may use its own later.

    It is unsafe, too, if closing commits: after an exception, the fix would commit half of the work.
    """
    if fix.safety is not Safety.SAFE:
        return fix
    if (replaced := replaced_opening(life)) is not None:
        return fix._replace(title=f"{fix.title}, although {replaced.words}", safety=Safety.UNSAFE)
    if (method := committing_close(life)) is not None:
        title = f"{fix.title}; after an exception, `{method.name}` would commit half of the work"
        return fix._replace(title=title, safety=Safety.UNSAFE)
    return fix


def _by_hand(life: Lifetime, leak: Leak) -> str:
    """Return what to do if there is no fix."""
    verb = "give it back" if life.resource.is_pooled else "close it"
    if leak is Leak.NEVER_CLOSED or (leak is Leak.RAISED and life.culprit in life.cancelled):
        return f"{verb} in a `finally`"
    return f"{verb} on this path, too" if life.closes else f"{verb} on this path"


def _opens_whenever_called(life: Lifetime) -> None:
    """Refuse if the call may return anything but what it opens, or None: its argument, an older object, a constant."""
    if life.opening is not life.birth:
        raise RefusedError("the object is created first and opened later; call its closing method in a `finally`")
    if life.resource.is_object and life.non_closing_with is not None:
        raise RefusedError(
            "`__exit__` may leave it open on purpose; close it in `__exit__`, or call the closing method in a `finally`"
        )
    held = {where for _, fact in life.history for _, where in fact.aliases} if life.scope.globals else set()
    if not held.isdisjoint(life.scope.globals):
        raise RefusedError("the connection, or something that reads from it, is in a global variable")
    for each in life.file.own(life.scope.node):
        if isinstance(each, ast.Call) and life.file.resolve(each.func) in _ALL_VARIABLES and not each.args:
            if not _is_formatted(life.file, each):
                raise RefusedError(
                    f"`{ast.unparse(each)}` passes on all variables ({life.file.line_name(each.lineno)})"
                )
    effects = life.analysis.effects
    is_chosen = effects.summaries.library.resource_of_either(life.file, life.birth) is not None
    if is_chosen or not effects.of(life.birth).complete or isinstance(life.birth.func, ast.Subscript):
        raise RefusedError("which function opens it is only known at run time")
    if call_of_future(life.file, life.birth) is not None:
        raise RefusedError("another thread opens the connection")
    if life.resource.is_async and generator_of_next(life.birth) is not None:
        raise RefusedError(
            "no variable holds the generator, which should close the connection;"
            " keep the generator in a variable, and call its `aclose()`"
        )
    for node, fact in life.history:
        if not isinstance(node.event, cfg.Call):
            continue
        call, holds = node.event.node, life.analysis.transfer.holds
        if isinstance(call.func, ast.Attribute) and call.func.attr in _LISTENING and holds(call.func.value, fact):
            where = life.file.line_name(call.lineno)
            raise RefusedError(f"the connection receives notifications as long as it is open ({where})")
        if not (life.leak is Leak.RAISED and life.closes) and _keeps_coroutine(life, call, fact):
            where = life.file.line_name(call.lineno)
            raise RefusedError(f"the coroutine of `{last_name(call.func)}` may be awaited later ({where})")
        if effects.is_parameter_around(call.func) and any(holds(each, fact) for each in argument_values(call)):
            raise RefusedError(f"what `{call.func.id}` does with it is only known at run time")  # type: ignore[attr-defined]
        if any(w.arg and holds(w.value, fact) and effects.of(call).collects(w.arg) for w in call.keywords):
            raise RefusedError("the connection is passed in the `**kwargs` of a function")
    given = effects.of(life.birth).alternatives(life.birth)
    if not all(isinstance(each, ast.Constant) for each in given):
        raise RefusedError(f"`{short_name(life.birth.func)}` may return the connection passed to it")
    if (other := substitute(life.analysis.effects.of(life.birth))) is not None:
        raise RefusedError(f"`{life.title}` may be {other}")


_LISTENING = frozenset({"add_listener", "add_notify_handler"})
_COROUTINES = words("commit execute executemany fetch fetchmany fetchrow fetchval rollback scalar scalars")
_KEEPING = words("append appendleft add insert put put_nowait setdefault")
_ALL_VARIABLES = frozenset({"locals", "vars", "builtins.locals", "builtins.vars"})


def _keeps_coroutine(life: Lifetime, call: ast.Call, fact: Fact) -> bool:
    """Whether a call makes a coroutine that queries on the resource, and does not await it at once."""
    func = call.func
    if not (life.resource.is_async and isinstance(func, ast.Attribute) and func.attr in _COROUTINES):
        return False
    if life.analysis.transfer.holds(func.value, fact) != ITSELF:
        return False
    match life.file.parents[call]:
        case ast.Await() | ast.Expr() | ast.withitem() | ast.AsyncFor() | ast.Attribute() | ast.Starred():
            return False
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in names_read(life.scope.node)
        case ast.Call() as outer:
            from dbhygiene.lifetimes.live_objects import begins

            return begins(life.file, outer) or last_name(outer.func) in _KEEPING
        case ast.ListComp() | ast.GeneratorExp() as several:
            return not isinstance(life.file.parents[several], ast.Starred)  # `await gather(*[conn.fetch(each) ...])`
    return True


def _is_formatted(file: File, variables: ast.Call) -> bool:
    """Whether the dict of all variables only fills a text: `text.format(**locals())`, `text % locals()`."""
    match file.parents[variables]:
        case ast.BinOp(op=ast.Mod()):
            return True
        case ast.keyword() as keyword:
            call = file.parents[keyword]
            return isinstance(call, ast.Call) and last_name(call.func) == "format"
    return False


def _in_with(life: Lifetime) -> Fix | None:
    """Return the fix of `with connect() as c:` for a driver whose `with` does not close; it keeps the transaction."""
    around = life.file.parents.get(life.birth)
    if not isinstance(around, ast.withitem) or around.context_expr is not life.birth:
        return None
    leaving = life.analysis.effects.leaving(around, life.resource)
    if leaving is None or leaving.closes:
        return None
    if not isinstance(around.optional_vars, ast.Name):
        raise RefusedError("the connection is not assigned to a variable")
    if life.resource.gives_back:
        raise RefusedError(f"a `with` does not give it back; call `{life.resource.gives_back}` of its pool")
    name = around.optional_vars.id
    statement = life.file.parents[around]
    if any(_mentions_with(node, name) for node in ast.walk(statement) if node is not statement):
        raise RefusedError(f"the block enters `with {name}` again")
    _refuse_transfer(life)
    _refuse_longer_lived(life)
    refuse_unseen_uses(life, [statement])
    _refuse_end_before(life, statement)  # type: ignore[arg-type]
    if (later := use_outside(life, {*life.names, *parts(life)}, statement)) is not None:
        raise RefusedError(f"`{later}` is used after the `with`, so the connection must stay open until then")
    if leaving.binds == "cursor":
        conn = _free_name(life)
        items = f"{{contextlib.closing}}($value) as {conn}, {conn} as {name}"
    else:
        items = f"{{contextlib.closing}}($value) as {name}, {name}"
    return Fix("Close the connection after the transaction", (ReplaceItem(life.file.span(life.birth), items),))


def _mentions_with(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Name) and item.context_expr.id == name for item in node.items
    )


def _free_name(life: Lifetime) -> str:
    """Return a variable that neither the function nor its module uses yet."""
    scope, module = life.scope, life.file.scope
    taken = names_in(scope.node).union(scope.bound, module.bound, module.imports, module.defined)
    wanted = _USUAL.get(life.resource.kind, ("conn", "connection", "db_conn"))
    found = next((name for name in wanted if name not in taken), None)
    if found is None:
        raise RefusedError("the connection has no variable, and the usual names are taken")
    return found


_USUAL = {"session": ("session",), "cursor": ("cursor", "cur")}


# -- a resource without a name ----------------------------------------------------------------------------


def _nameless(life: Lifetime) -> Fix | None:
    """Return the fix of `cursor = connect().cursor()`: name the connection, and close it after its last use."""
    statement, birth = life.statement, life.birth
    if life.names or life.closes or not life.resource.closes_plainly:
        return None
    if isinstance(statement, ast.Expr) and statement.value is birth:
        if birth not in life.analysis.transfer.sure:
            raise RefusedError(f"`{short_name(birth.func)}` may return None, too; close the result unless it is None")
        return Fix(f"Close the unused {life.resource.noun}", (Replace(life.file.span(birth), "$value.close()"),))
    if not _begins_with(statement, birth) or birth.lineno != birth.end_lineno:
        return None
    _refuse_transfer(life)
    _refuse_longer_lived(life)
    block = block_of(life.file.parents[statement], statement)
    rest = block[block.index(statement) :]
    needed = parts(life)
    if (outside := use_outside(life, needed, *rest)) is not None:
        raise RefusedError(f"`{outside}` is used outside of the block that opens the connection")
    refuse_unseen_uses(life, rest)
    if (objects := session_objects(life)) is not None:
        refuse_longer_lived_objects(objects, statement, rest)
        needed |= objects.names
    last = [each for each in rest if each is statement or names_read(each) & needed][-1]
    _refuse_end_before(life, last)
    span, name = life.file.span, _free_name(life)
    edits = (
        InsertBefore(span(statement), f"{name} = {verbatim(life.file.segment(birth))}"),
        Replace(span(birth), name),
        WrapInTry(span(statement), span(last), "finally", f"{name}.close()"),
    )
    body = rest[: rest.index(last) + 1]
    return _fix(life, f"Assign the {life.resource.noun} to a variable, and close it in a `finally`", edits, body)


def _begins_with(statement: ast.stmt, call: ast.Call) -> bool:
    """Whether a call is the first part of a statement to be evaluated, but not all of it."""
    match statement:
        case ast.Assign(targets=targets, value=value) if all(isinstance(target, ast.Name) for target in targets):
            return value is not call and _comes_first(call, value)
        case ast.Expr(value=value) | ast.Return(value=ast.expr() as value):
            return value is not call and _comes_first(call, value)
    return False


def _comes_first(call: ast.Call, expr: ast.expr) -> bool:
    """Whether only names and constants are evaluated before a call in an expression."""
    match expr:
        case ast.Call(func=func, args=args, keywords=keywords):
            evaluated = [func, *args, *(keyword.value for keyword in keywords)]
        case ast.Attribute(value=value):
            evaluated = [value]
        case ast.Subscript(value=value, slice=index):
            evaluated = [value, index]
        case _:
            return False
    for part in evaluated:
        if part is call:
            return True
        if dotted_path(part) is None and not isinstance(part, ast.Constant):
            return _comes_first(call, part)
    return False


# -- a resource with a name -------------------------------------------------------------------------------


def _fix_leak(life: Lifetime, leak: Leak) -> Fix:
    if _may_begin_closed(life):
        raise RefusedError("on some paths it is closed already when it is returned")
    place, style = _with_what_is_kept(life, _behind_test(life, region(life))), life.file.project.settings.fix_style
    closes = close_statements(life, place)
    _refuse_longer_lived(life)
    if leak is Leak.RAISED and (handed := _transfer_statement(place)) is not None:
        refuse_unseen_uses(life, place.rest)
        return _close_on_exception(life, place, handed, closes)
    _refuse_transfer(life)
    refuse_unseen_uses(life, place.rest)
    place, replaced = widen(life, place, closes)
    is_guarded = any(closing.is_guarded for closing in replaced)
    if is_guarded and len({closing.code for closing in replaced}) > 1:
        raise RefusedError("several places close it, one of them inside another `with` or `try`")
    if replaced and (style != "with" or is_guarded or not _can_be_with(life, place)):
        return _finally(life, place, replaced)
    return _with(life, place, replaced)


def _behind_test(life: Lifetime, place: Region) -> Region:
    """Return the region without its first statement, if that is `if conn is None: return`, or the like."""
    if life.birth in life.analysis.transfer.sure or not place.body:
        return place
    match place.body[0]:
        case (
            ast.If(test=test, body=[*_, ast.Return() | ast.Raise() | ast.Continue() | ast.Break()], orelse=[]) as first
        ):
            if _says_none(test, place.name):
                return replace(place, rest=place.rest[1:], follows=False, tested=first)
    return place


def _says_none(test: ast.expr, name: str) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id=tested), ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return tested == name
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=tested)):
            return tested == name
    return False


def _if_there(life: Lifetime, place: Region, code: str) -> str:
    """Return code that closes it, and does nothing where a function has returned None instead."""
    is_sure = life.birth in life.analysis.transfer.sure or place.tested is not None
    if is_sure or code.startswith("if "):
        return code
    return f"if {place.name} is not None:\n" + textwrap.indent(code, "    ")


def _with_what_is_kept(life: Lifetime, place: Region) -> Region:
    """Return the region up to the end of the function, if what follows may need a lock that the connection holds."""
    if (life.leak is Leak.RAISED and life.closes) or kept_by_connection(life) is None:
        return place
    if place.rest and isinstance(life.scope.node, FUNCTION) and place.rest[-1] is life.scope.node.body[-1]:
        return replace(place, last=place.rest[-1])
    _refuse_end_before(life, place.last)
    return place


def _refuse_end_before(life: Lifetime, last: ast.stmt) -> None:
    """Refuse to close it after a statement if what follows may need a lock that the connection holds, or the like."""
    code = life.scope.node
    if isinstance(code, (ast.Module, *FUNCTION)) and last is not code.body[-1]:
        if (kept := kept_by_connection(life)) is not None:
            raise RefusedError(f"later code may need {kept}, which the connection keeps only as long as it is open")


def _may_begin_closed(life: Lifetime) -> bool:
    """Whether a function that returns it may have closed it before, or another one, so that one more `close` raises."""
    effects = life.analysis.effects
    return any(map(effects.summaries.may_return_closed, effects.of(life.birth).definitions))


def _refuse_transfer(life: Lifetime) -> None:
    """Refuse if the caller or an object owns the connection afterwards, on some path."""
    ends = life.analysis.ends(life.birth)
    if life.escapes or any(fact.state == "open" and life.ends_well(end, fact) for end, fact in ends):
        raise escape_refusal(life)


def _refuse_longer_lived(life: Lifetime) -> None:
    """Refuse if an object that reads from the connection is returned, stored, or yielded to code that may keep it."""
    lends = life.analysis.transfer.names.lends
    is_passed_on = "pop_all" in life.file.calls
    around = {item for each in life.file.around(life.birth) for item in getattr(each, "items", ())}
    for node, fact in life.history:
        if any(where in around for relation, where in fact.aliases if is_view(relation)):
            raise RefusedError("an exit stack around it closes something that reads from the connection")
        if is_passed_on and isinstance(node.event, cfg.Call) and _stacks_view(life, node.event.node, fact):
            raise RefusedError("an exit stack that is passed on may close something that reads from the connection")
        if _is_outlived(fact) and (fact.state == "open" or not life.closes):
            way = life.analysis.way(node, fact)
            given = next((place_at(passed) for passed, before, _ in reversed(way) if not _is_outlived(before)), None)
            where = f" ({life.file.line_name(given.lineno)}); close it after its last use" if given is not None else ""
            raise RefusedError(f"something that reads from the connection is used later{where}")
        if (
            not lends
            and isinstance(node.event, cfg.Yield)
            and is_view(life.analysis.transfer.holds(node.event.node.value, fact))
        ):
            raise RefusedError("something that reads from the connection is yielded")


def _stacks_view(life: Lifetime, call: ast.Call, fact: Fact) -> bool:
    """Whether a call puts a cursor, or what closes one, on an exit stack."""
    if last_name(call.func) not in STACKING:
        return False
    parts = (part for given in argument_values(call) for part in ast.walk(given))
    return any(is_view(life.analysis.transfer.holds(part, fact)) for part in parts)


def _is_outlived(fact: Fact) -> bool:
    """Whether an object that reads from it has been returned, or stored for longer."""
    kept = (where for relation, where in fact.aliases if is_view(relation) and isinstance(where, str))
    return any(where in {RETURN, FOREIGN} or "." in where for where in kept)


def _transfer_statement(place: Region) -> ast.stmt | None:
    """Return the statement that passes it to its owner, in the block that opens it: `return conn`."""
    for statement in place.rest:
        match statement:
            case ast.Return(value=value) if value is not None and place.name in names_in(value):
                return statement
    return None


def _close_on_exception(life: Lifetime, place: Region, handed: ast.stmt, closes: Sequence[CloseStatement]) -> Fix:
    between = place.rest[: place.rest.index(handed)]
    if not between:
        raise RefusedError("the call that opens the connection is returned directly")
    if closes:
        raise RefusedError("it is returned in one place and closed in another")
    span, body = life.file.span, _readable(life, between)
    code = f"{_if_there(life, place, _close(life, place.name))}\nraise"
    edit = WrapInTry(span(body[0]), span(body[-1]), "except BaseException", code)
    return _fix(life, f"{_title_verb(life, place.name)} if the following statements raise", (edit,), body)


def _close(life: Lifetime, name: str) -> str:
    """Return the code that closes it, or returns a pool's connection."""
    resource, call = life.resource, f"{name}.close()"
    if resource.gives_back:
        call = f"{verbatim(ast.unparse(_pool(life)))}.{resource.gives_back}({name})"
    elif "close" not in resource.closed_by:
        raise RefusedError("the name of its closing method is not `close`; call its closing method in a `finally`")
    return f"await {call}" if resource.awaits_close or (resource.gives_back and resource.is_async) else call


def _pool(life: Lifetime) -> ast.expr:
    """Return the pool from which it is taken here; raise RefusedError if the pool is not visible here."""
    match life.birth.func:
        case ast.Attribute(value=pool, attr=method) if method == life.resource.lent_by and dotted_path(pool):
            if not callees(life.file, life.birth, life.scope).definitions:
                return pool
    raise RefusedError("its pool is not a plain variable here")


def _title_verb(life: Lifetime, name: str) -> str:
    """Return the verb of a fix's title."""
    return f"Give `{name}` back" if life.resource.gives_back else f"Close `{name}`"


def _fix(life: Lifetime, title: str, edits: tuple[Edit, ...], body: Sequence[ast.stmt]) -> Fix:
    """Return a fix that is safe if its diff is readable: it must not indent a long block, or leave strings hanging."""
    first, last = body[0], body[-1]
    if hang(life.file, body):
        return Fix(f"{title}, which misaligns a multi-line string", edits, Safety.UNSAFE)
    is_short = (last.end_lineno or last.lineno) - first.lineno < LONGEST
    return Fix(title, edits, Safety.SAFE if is_short else Safety.UNSAFE)


def _readable(life: Lifetime, body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """Return the same block, or a shorter one that begins later, if this leaves no string hanging."""
    if not hang(life.file, body):
        return body
    shorter = later(life, body)
    return shorter if shorter and not hang(life.file, shorter) else body


def _finally(life: Lifetime, place: Region, closes: Sequence[CloseStatement]) -> Fix:
    """Move the existing close into a `finally` around everything since the connection was opened."""
    span, statements = life.file.span, [closing.statement for closing in closes]
    body = list(place.body)
    trailing = [statement for statement in body if statement in statements]
    while body and body[-1] in statements:
        body.pop()
    needed = names_in(statements[-1]) - {place.name}
    if not body:
        around = "try" if isinstance(statements[-1], ast.Try) else "with"
        is_guarded = any(closing.is_guarded for closing in closes)
        raise RefusedError(f"the `{around}` around the call that closes it may raise" if is_guarded else _TOO_LATE)
    while body and needed & _bound_names(body[0]):
        body.pop(0)
    if not body or any(needed & _bound_names(statement) for statement in body):
        raise RefusedError("the code that closes it needs a variable that may not be set yet")
    inner = [each for each in statements if each not in trailing]
    others = opened_inside(life, place) if inner else set()
    if inner and not all(_leaves_after(life.file, each, others) for each in inner):
        raise RefusedError("it is closed in the middle of the block, and the block then goes on")
    body = list(_readable(life, body))
    moved = tuple(span(each) for each in statements)
    code = _if_there(life, place, closes[-1].code)
    edit = WrapInTry(span(body[0]), span(body[-1]), "finally", verbatim(code), moved)
    return _fix(life, f"{_title_verb(life, place.name)} in a `finally`", (edit,), body)


_TOO_LATE = "the line that raises is not between the opening and the `close`"


def _bound_names(statement: ast.stmt) -> set[str]:
    return {
        part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
    }


def _leaves_after(file: File, close: ast.stmt, others: set[str]) -> bool:
    """Whether the path from an inner close leaves its block at once, or first closes the resources opened later.

    It leaves by `return`, `raise`, or the block's end.
    """
    block = block_of(file.parents[close], close)
    following = [each for each in block[block.index(close) + 1 :] if not closes_one_of(others, each)]
    return not following or isinstance(following[0], (ast.Return, ast.Raise))


def _can_be_with(life: Lifetime, place: Region) -> bool:
    """Whether the assignment can become the head of a `with`."""
    is_plain = place.follows and place.alone and isinstance(place.opening, ast.Assign)
    return is_plain and (_enters_itself(life, place) or life.resource.closes_plainly)


def _enters_itself(life: Lifetime, place: Region) -> bool:
    """Whether `with` accepts it as it is; sessions are context managers since SQLAlchemy 1.4."""
    version = life.file.project.version_of("sqlalchemy") if life.resource.kind == "session" else None
    return life.resource.plain_with and place.opening.value is life.birth and (version or (2,)) >= (1, 4)


def _with(life: Lifetime, place: Region, closes: Sequence[CloseStatement] = ()) -> Fix:
    """Put all statements that need the connection into a block that closes it."""
    span, name, opening = life.file.span, place.name, place.opening
    is_sure = life.birth in life.analysis.transfer.sure
    close = _if_there(life, place, _close(life, name))
    if not place.body:
        after = opening if place.tested is None else place.tested
        return Fix(f"{_title_verb(life, name)}: nothing uses it", (InsertAfter(span(after), close),))
    style, body = life.file.project.settings.fix_style, _readable(life, place.body)
    items = f"$value as {name}" if _enters_itself(life, place) else f"{{contextlib.closing}}($value) as {name}"
    if style == "with" or (style != "finally" and len(body) == len(place.body) and _fits(life, items)):
        if is_sure and _can_be_with(life, place):
            edit = MoveIntoWith(span(opening), span(place.last), items, is_async=life.resource.is_async)
            old = (Remove(span(closing.statement)) for closing in closes)
            how = "a `with` block" if _enters_itself(life, place) else "`closing(...)`"
            return _fix(life, f"Close `{name}` with {how}", (edit, *old), place.body)
    wrap = WrapInTry(span(body[0]), span(body[-1]), "finally", close)
    return _fix(life, f"{_title_verb(life, name)} in a `finally`", (wrap,), body)


@file_query
def _widest(file: File) -> int:
    return widest(file.lines, file.project.line_length(file))


def _fits(life: Lifetime, items: str) -> bool:
    """Whether the head of a `with` fits on a single line, no longer than others."""
    if life.statement.lineno != life.statement.end_lineno:
        return False
    value = life.file.segment(life.birth)
    head = items.replace("$value", value).replace("{contextlib.closing}", "closing")
    return life.statement.col_offset + len(f"with {head}:") <= _widest(life.file)
