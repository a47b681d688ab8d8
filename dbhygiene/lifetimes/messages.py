"""`leak_steps`: the steps of a leak's finding; with its notes.

4: opened here
5: this raises
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.diagnostics.model import Step
from dbhygiene.library.calls import ASKS
from dbhygiene.library.resources import Resource
from dbhygiene.lifetimes.analysis import place_at
from dbhygiene.lifetimes.fastapi import is_dependency
from dbhygiene.lifetimes.fields import ENDING
from dbhygiene.lifetimes.lifetime import Leak, Lifetime
from dbhygiene.lifetimes.session_queries import is_query
from dbhygiene.lifetimes.state import Fact
from dbhygiene.program.code import is_generator
from dbhygiene.program.definitions import Definition, is_context_manager
from dbhygiene.program.rounds import in_round_before
from dbhygiene.source.file import File, statement_around
from dbhygiene.source.nodes import FUNCTION, Located, last_name, short_name

if TYPE_CHECKING:
    from dbhygiene.pools.session_pools import SessionPool

_NEXT_ITEM = "taking the next item raises"
_UNTIL_FREED = "each leak keeps a server connection open until Python frees the object"
_LIMITS = {
    "mysql": f"{_UNTIL_FREED}; too many cause error 1040, 1203 or 1226",
    "postgresql": f'{_UNTIL_FREED}; too many cause the error "remaining connection slots are reserved"',
    "sqlite": "each leak keeps the database file open, and may keep it locked",
}


def name_of_call(file: File, node: Located) -> str:
    """Return the name of a call in a sentence."""
    inner = node.value if isinstance(node, ast.Await) else node
    if isinstance(inner, ast.Name):
        return f"`{inner.id}`"
    if isinstance(inner, ast.Call):
        return f"`{short_name(inner.func)}`"
    return f"the statement in {file.line_name(node.lineno)}"


def at_yield(life: Lifetime) -> tuple[str, str]:
    """Return when a generator is not resumed after its `yield`: the end of a headline, and the words of a step."""
    code = life.scope.node
    if isinstance(code, FUNCTION):
        if is_context_manager(Definition(life.file, code, life.scope.name)):
            return "if the caller's `with` block raises", "an exception of the caller's `with` block is raised here"
        if is_dependency(life.file, code):
            return "if the code that uses it raises", "an exception of the code that uses it is raised here"
    return "if the caller does not read all items", "if the caller stops or raises, nothing after this line runs"


def cause_of(life: Lifetime, culprit: Located) -> str:
    """Return what leaves the resource open, as the end of a headline: "if `work` raises"."""
    if isinstance(culprit, ast.Raise):
        return f"by the `raise` in {life.file.line_name(culprit.lineno)}"
    if isinstance(culprit, (ast.Yield, ast.YieldFrom)):
        return at_yield(life)[0]
    if isinstance(culprit, ast.Name) and isinstance(life.file.parents.get(culprit), ast.withitem):
        return f"if `async with {culprit.id}` {_ends_by(life, culprit)}"
    if isinstance(culprit, ast.Name) or _is_generator(life, culprit) or _is_query(life, culprit):
        return f"if reading {name_of_call(life.file, culprit)} raises"
    if life.raises_exit(culprit):
        return f"when {name_of_call(life.file, culprit)} ends the program"
    return f"if {name_of_call(life.file, culprit)} {_ends_by(life, culprit)}"


def _ends_by(life: Lifetime, raiser: Located) -> str:
    """Return how a call leaves it open: by any exception, or only by that of an `await` that is cancelled."""
    return "is cancelled" if raiser in life.cancelled else "raises"


def _with_line(file: File, node: Located) -> str:
    name = name_of_call(file, node)
    return f"{name} ({file.line_name(node.lineno)})" if name.startswith("`") else name


def closed_phrase(resource: Resource) -> str:
    """Return the participle of its proper end: closed, or given back to its pool."""
    return "given back" if resource.is_pooled else "closed"


def leak_notes(life: Lifetime, leak: Leak) -> Iterator[str]:
    """Yield facts about the driver, other ways to leak, and the end of the resource."""
    is_cancelled = leak is Leak.RAISED and life.culprit in life.cancelled
    how = "is cancelled" if is_cancelled else "raises"
    shown_lines = {at.lineno for at, _ in _steps(life, leak)}
    alike = [call for call in life.raisers if (call in life.cancelled) is is_cancelled]
    others = {call.lineno: call for call in reversed(alike) if call.lineno not in shown_lines}
    if is_cancelled and (handler := _handler_of_errors(life)) is not None:
        place = life.file.line_name(handler.lineno)
        yield f"the `except` in {place} does not catch the cancellation of a task, which is a `BaseException`"
    if others and leak is not Leak.NEVER_CLOSED:
        shown = [_with_line(life.file, others[line]) for line in sorted(others)]
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        open_ = "also not given back" if life.resource.is_pooled else "also stays open"
        yield f"{open_} if {'one of these' if len(shown) > 1 else shown[0]} {how}" + (
            f": {', '.join(shown[:3])}{more}" if len(shown) > 1 else ""
        )
    yield from consequence_of(life)
    yield from life.runs.notes(life.file)


def _handler_of_errors(life: Lifetime) -> ast.ExceptHandler | None:
    """Return the handler around the culprit that closes it after an error, but does not catch a cancellation."""
    inner: ast.AST = life.culprit
    for around in life.file.around(inner):
        if isinstance(around, ast.Try) and inner in around.body:
            return next((each for each in around.handlers if any(call in ast.walk(each) for call in life.closes)), None)
        inner = around
    return None


def _closing(resource: Resource) -> str:
    """Return what closes an object of the project: its `close`, another method, or leaving its `with`."""
    names = sorted(resource.closed_by & ENDING, key=lambda name: (name != "close", name))
    return f"its `{names[0]}`" if names else "leaving its `with`"


def consequence_of(life: Lifetime) -> Iterator[str]:
    """Yield the effect of a resource that is left open: on its server, or on the next user of its file."""
    if (dropping := life.dropping) is not None:
        place = life.file.line_name(dropping.lineno)
        yield f"{place} removes the reference to it: CPython then closes it as the handler ends; other Pythons may not"
    elif not life.is_freed or life.resource.costs_nothing:
        yield from consequence(life.resource, life.pool, until=_until(life))
    else:
        yield from _of_file(life)


def _until(life: Lifetime) -> str:
    """Return until when a session or connection that a function leaves open keeps its pool from lending a connection.

    Both refer to objects that refer to them, or have been in an exception's traceback: so CPython's counts of
    references free neither. Before SQLAlchemy 2.0, they do free a `Connection`; and a raw one at any time.
    """
    if life.resource.package != "sqlalchemy":
        return ""
    from dbhygiene.pools.sessions import CONNECTION, RAW_CONNECTION

    if life.resource == RAW_CONNECTION:
        return ""
    below = life.file.project.version_below("sqlalchemy")
    is_counted = life.resource == CONNECTION and below is not None and below <= (2,) and life.leak is not Leak.RAISED
    return " until the function ends" if is_counted else " until the garbage collector runs"


def _of_file(life: Lifetime) -> Iterator[str]:
    """Yield the effect of a connection of a file that CPython closes once nothing refers to it."""
    if (call := life.removal) is not None:
        yield f"on Windows, {_with_line(life.file, call)} fails if the file is still open"
    if raisers := life.raisers_in_transaction:
        when = "after an exception"
        if life.leak is Leak.RAISED and not {life.culprit, *life.raisers} <= {*raisers}:
            raiser = life.culprit if life.culprit in raisers else raisers[0]
            when = f"if {_with_line(life.file, raiser)} raises"
        yield f'{when}, `{life.title}` keeps the write transaction open: other writers get "database is locked"'
    before = "the exception has been handled" if life.leak is Leak.RAISED else "the function ends"
    if life.replacement is not None:
        before = "its variable is reassigned"
    yield f"the file stays open until the garbage collector runs; before Python 3.11, until {before}"


def consequence(resource: Resource, pool: SessionPool | None = None, *, until: str = "") -> Iterator[str]:
    """Yield the effect on the server, or on its pool, when such a resource is left open repeatedly.

    Arguments:
        until: when it returns to its pool by itself, if it does.
    """
    server, is_pooled = resource.server, resource.is_pooled
    if pool is not None:
        from dbhygiene.pools.session_pools import PoolKind  # only sessions have one

        if pool.kind is PoolKind.OWN:
            yield (
                "the engine is made in the same call: `close` only returns the connection to its pool;"
                " dispose of the engine, too"
            )
        if pool.costs_nothing:
            return
        server, is_pooled = pool.database, pool.kind is PoolKind.LASTING
    if resource.costs_nothing:
        return
    if resource.is_object:
        yield f"each {resource.title} opens its own connection, which {_closing(resource)} closes"
    if is_pooled:
        is_counted = bool(resource.gives_back) and "close" not in resource.closed_by
        back = resource.gives_back or ("close" if "close" in resource.closed_by else "")
        back = f" (`{back}` gives it back{', `close` does not' if is_counted else ''})" if back else ""
        taken = f"each leak takes a connection from the pool{until}{back}"
        yield f"{taken}; when none is left, callers wait or get an error"
    elif (limit := _LIMITS.get(server)) is not None:
        yield limit
    elif resource.is_object:
        yield _UNTIL_FREED


# -- the path to a leak ----------------------------------------------------------------------------------

_Point: TypeAlias = tuple[Node, Fact]


def leak_steps(life: Lifetime, leak: Leak) -> list[tuple[Located, str] | Step]:
    """Return the path to a leak as a reader follows it: opened, the branches that matter, left open."""
    _, *others = _steps(life, leak)
    steps: list[tuple[Located, str] | Step] = [*opening_steps(life, others[0][0] if others else None)]
    for at, words in others:
        steps.append((at, words))
        if words == _NEXT_ITEM:
            steps += _steps_in_generator(life, at)
    return steps


def _is_generator(life: Lifetime, culprit: Located) -> bool:
    """Whether a call only makes a generator of the project, whose items raise."""
    if not isinstance(culprit, ast.Call):
        return False
    made = life.analysis.effects
    return bool(made.at_items(culprit)) and any(_generators(life, culprit))


def _is_query(life: Lifetime, culprit: Located) -> bool:
    """Whether a loop sends a query of a session, whose items raise."""
    return life.resource.is_lazy and isinstance(culprit, ast.Call) and is_query(life.file, culprit)


def _generators(life: Lifetime, call: ast.Call) -> Iterator[Definition]:
    for each in life.analysis.effects.of(call).definitions:
        if isinstance(each.node, FUNCTION) and is_generator(each.node):
            yield each


def _steps_in_generator(life: Lifetime, iterated: Located) -> Iterator[Step]:
    """Yield where a generator of the project asks the server, after the step of the loop that takes its items."""
    if not isinstance(iterated, ast.expr):
        return
    call = life.analysis.effects.source_of_items(iterated)
    for made in _generators(life, call) if isinstance(call, ast.Call) else ():
        asking = (node for node in made.file.own(made.node) if isinstance(node, ast.Call))
        found = sorted((each for each in asking if last_name(each.func) in ASKS), key=lambda each: each.lineno)
        if found:
            words = f"`{made.last_name}` may raise here, and does not close it"
            yield Step(made.file.path, made.file.span(found[0]), words)
            return


def opening_steps(life: Lifetime, then: Located | None) -> list[tuple[Located, str]]:
    """Return the steps up to the call that opens the resource, before the place of the next one."""
    if then is not None and in_round_before(life.file, life.opening, then):
        return [(life.opening, "opened here, in the previous round of the loop")]
    entered = [(handler, "when an exception is caught here") for handler in _handler_around(life)]
    return [*life.runs.steps, *entered, (life.opening, "opened here")]


def _handler_around(life: Lifetime) -> Iterator[ast.ExceptHandler]:
    """Yield the innermost handler in which the resource is opened, if any."""
    within = takewhile(lambda outer: outer is not life.scope.node, life.file.around(life.opening))
    yield from islice((outer for outer in within if isinstance(outer, ast.ExceptHandler)), 1)


def _steps(life: Lifetime, leak: Leak) -> Iterator[tuple[Located, str]]:
    yield life.opening, "opened here"
    left: tuple[Located, str] | None = None
    way = life.facts(leak)
    turns = set() if leak is Leak.NEVER_CLOSED else decisive(life, way)
    for node, fact, kind in way:
        event = node.event
        match event:
            case cfg.Test(node=test) if node in turns:
                yield step_of_test(life, test, kind)
            case cfg.Iterate(node=loop) if kind == "false" and _matters(life, loop):
                yield loop.iter, "when the loop has no more items"
            case cfg.Leave(node=item, swallows=True) if kind == "next":
                yield item.context_expr, "this `with` suppresses the exception"
            case cfg.Call(node=call) | cfg.Await(node=call) | cfg.Yield(node=call) if kind == "raise":
                if isinstance(event, cfg.Yield):
                    yield call, at_yield(life)[1]
                else:
                    how = "raises `SystemExit`" if life.raises_exit(call) else _ends_by(life, call)
                    yield call, f"this {how}"
            case cfg.Enter(node=item) | cfg.Leave(node=item) if kind == "raise":
                yield item.context_expr, f"this {_ends_by(life, item.context_expr)}"
            case cfg.Iterate(node=loop) if kind == "raise":
                yield loop.iter, _NEXT_ITEM
            case cfg.Raise(node=stmt):
                yield stmt, "raised here"
            case cfg.Catch(node=handler):
                yield handler, "caught here"
            case cfg.Return(node=stmt):
                is_named = life.title not in life.names or fact.relation_of(life.title) is not None
                left = stmt, f"the function returns, {_name(life, is_named)} {_left(life)}"
            case cfg.End():
                left = None  # an exception, or a `break`, has overtaken the `return`
    if leak is Leak.RAISED:
        return
    if life.opens_next(leak):
        yield life.birth, f"the next round of the loop opens another one, while `{life.title}` is still open"
        return
    if left is not None:
        yield left
    elif isinstance(life.scope.node, FUNCTION):
        yield _last_place(life.file, way), f"the function ends, `{life.title}` {_left(life)}"


def _left(life: Lifetime) -> str:
    """Return the state in which it is left; a connection of a pool may be closed, but not given back."""
    if life.dropping is not None:
        return "not closed explicitly"
    return "not given back" if life.resource.gives_back else "still open"


def _name(life: Lifetime, is_named: bool) -> str:
    """Return the resource by its variable, if that still holds it."""
    return f"`{life.title}`" if is_named else f"the {life.resource.noun}"


def _last_place(file: File, way: Sequence[tuple[Node, Fact, EdgeKind]]) -> Located:
    """Return the last statement on a path, or the last part of one with blocks that is evaluated."""
    for node, _, _ in reversed(way):
        match node.event:
            case cfg.Iterate(node=loop) | cfg.Bind(node=ast.For() | ast.AsyncFor() as loop):
                return loop.iter
            case cfg.Attempt() | cfg.Leave(swallows=False) | cfg.End():
                continue
        if (place := place_at(node)) is not None:
            around = place if isinstance(place, ast.stmt) else statement_around(file, place)
            return place if around is None or hasattr(around, "body") else around
    raise AssertionError("a path begins where it is opened")


def decisive(life: Lifetime, way: list[tuple[Node, Fact, EdgeKind]]) -> set[Node]:
    """Return the tests on the path to a leak after which the resource can no longer end well, though it could before.

    If there is none, return all tests up to the first exception: the resource may end well on a path that is not
    followed. Tests after a caught exception do not matter: the resource is lost already.
    """
    tests = {node for node, _, kind in way if isinstance(node.event, cfg.Test) and kind in {"true", "false"}}
    after = _successors(life, way[0][0], way[0][1]) if tests else {}
    well = cfg.points_before(_before(after), [each for each in after if life.ends_well(*each)])
    found = set()
    for node, fact, kind in way:
        if node in tests:
            edges = {edge for edge, each in after.get((node, fact), ()) if each in well}
            if edges and kind not in edges:
                found.add(node)
    before = takewhile(lambda step: step[2] != "raise", way)
    return found or tests & {node for node, _, _ in before}


def _successors(life: Lifetime, node: Node, fact: Fact) -> dict[_Point, list[tuple[EdgeKind, _Point]]]:
    """Return the successors of each point that is reached from here, as long as they concern this resource."""
    found: dict[_Point, list[tuple[EdgeKind, _Point]]] = {}
    todo = [(node, fact)]
    while todo:
        point = todo.pop()
        if point in found:
            continue
        here, before = point
        leaving = [(kind, after) for kind, after in life.analysis.transfer(here, before) if after.site is life.birth]
        found[point] = [(kind, (target, after)) for kind, target in here.out for edge, after in leaving if edge == kind]
        todo += [each for _, each in found[point]]
    return found


def _before(after: dict[_Point, list[tuple[EdgeKind, _Point]]]) -> dict[_Point, list[_Point]]:
    """Return the points before each point."""
    before: dict[_Point, list[_Point]] = {}
    for point, following in after.items():
        for _, each in following:
            before.setdefault(each, []).append(point)
    return before


def step_of_test(life: Lifetime, test: ast.expr, kind: EdgeKind) -> tuple[Located, str]:
    """Return the step of a test as it is written: the graph tests `rows` for `not rows`."""
    above = life.file.parents.get(test)
    if isinstance(above, ast.UnaryOp) and isinstance(above.op, ast.Not):
        return above, f"when this is {'false' if kind == 'true' else 'true'}"
    return test, f"when this is {kind}"


def _matters(life: Lifetime, loop: ast.For | ast.AsyncFor | ast.comprehension) -> bool:
    """Whether a loop that does not run (any more) is the reason for the leak: its body would close the resource."""
    return any(part in life.closes for part in ast.walk(loop))
