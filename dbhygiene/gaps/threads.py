"""`Thread`: the threads that a program starts, the code of each, and whether it ends before the process does."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.gaps.decorators import with_decorators
from dbhygiene.gaps.effects import Close, Context, Effects, Location, ProjectCall, Query, Wait
from dbhygiene.gaps.endless_loops import is_endless
from dbhygiene.gaps.entry_points import functions_of
from dbhygiene.gaps.reachability import EffectSet, Reachability, first_query
from dbhygiene.library import django
from dbhygiene.library.background import HANDS_OVER, THREAD_POOLS, THREADS
from dbhygiene.library.waits import WaitKind
from dbhygiene.program.arguments import argument, named_parameters
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.code import is_generator, own_nodes
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code, Function
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record


class Thread(Record):
    """A function that a call starts in a thread, with the expressions that the call hands to it."""

    file: File
    function: Function
    starter: File
    arguments: tuple[ast.expr, ...]


def threads(file: File, call: ast.Call) -> Iterator[Thread]:
    """The functions that a call starts in a thread: one of its own, or one of a pool.

    A coroutine's function, or a generator's, only makes an object there: nothing of it runs.
    """
    target = _target(file, call)
    if target is None:
        return
    handed = tuple(_thread_arguments(call, target))
    for owner, function in functions_of(file, target):
        if isinstance(function, ast.FunctionDef) and not is_generator(function):
            yield Thread(owner, function, file, handed)


def _target(file: File, call: ast.Call) -> ast.expr | None:
    """The argument that is the thread's function."""
    if (name := file.resolve(call.func)) in THREADS:
        return argument(call, *THREADS[name])
    if isinstance(call.func, ast.Attribute) and call.func.attr in HANDS_OVER:
        owner = TypeInference.of(file).type_of(call.func.value)
        if isinstance(owner, ObjectInstance) and owner.name in THREAD_POOLS:
            return argument(call, *HANDS_OVER[call.func.attr])
    return None


def _thread_arguments(call: ast.Call, target: ast.expr) -> Iterator[ast.expr]:
    """What the thread's function may be given: by the call, and by `partial` or a lambda within it."""
    todo = [*call.args, *(word.value for word in call.keywords)]
    while todo:
        match part := todo.pop():
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(values=parts):
                todo += parts
            case ast.Starred(value=inner):
                todo.append(inner)
            case (
                ast.Call(args=arguments, keywords=words) | ast.Lambda(body=ast.Call(args=arguments, keywords=words))
            ) if part is target:
                todo += [*arguments, *(word.value for word in words)]
            case _ if part is not target:
                yield part


def keeps_connection(thread: Thread) -> bool:
    """Whether a thread asks the database, closes nothing, and ends, as far as all of its code is known."""
    handed = [found for expr in thread.arguments for found in functions_of(thread.starter, expr)]
    reach = _explored(thread, handed)
    does = {effect for doing in reach for effect in doing.effects}
    if Query not in does or Close in does or any(_closes(thread.starter, expr) for expr in thread.arguments):
        return False
    if any(map(_lives_on, reach)):
        return False
    return bool(handed) or not any(_calls_unknown(doing, reach) for doing in reach)


def query_of(thread: Thread) -> Location | None:
    """Where a thread queries the database: in its own function, if that does so."""
    handed = [found for expr in thread.arguments for found in functions_of(thread.starter, expr)]
    return first_query(_explored(thread, handed))


def _explored(thread: Thread, handed: Iterable[tuple[File, Code]]) -> Reachability:
    reach = Reachability(sync_only=True)
    reach.explore([(thread.file, thread.function)])
    reach.explore(handed)
    return reach


def _closes(file: File, expr: ast.expr) -> bool:
    """Whether an expression is a function that closes the connection: `connection.close`."""
    called = expr.body.func if isinstance(expr, ast.Lambda) and isinstance(expr.body, ast.Call) else expr
    return any(name in django.CLOSES for name in Effects(Context(file, file.tree)).names(called))


def _lives_on(doing: EffectSet) -> bool:
    """Whether a function goes on as long as the process: in a loop until it is stopped, or as a server."""
    return any(is_endless(doing.file, node) for node in own_nodes(doing.code)) or _serves(doing.file, doing.code)


@query
def _serves(file: File, code: Code) -> bool:
    effects = Effects(Context(file, code, ignore_decorators=True))
    calls = (node for node in own_nodes(code) if isinstance(node, ast.Call))
    return any(isinstance(e, Wait) and e.kind is WaitKind.SERVER for call in calls for e in effects.of_call(call))


def _calls_unknown(doing: EffectSet, reach: Reachability) -> bool:
    """Whether a function calls what it was given, and nobody can tell what that is: it may close the connection."""
    given = _known_callbacks(doing, reach)
    return any(
        isinstance(node, ast.Call) and (name := _parameter(doing.file, node.func)) is not None and name not in given
        for node in own_nodes(doing.code)
    )


def _parameter(file: File, called: ast.expr) -> str | None:
    """The parameter that is called: of the function, of one around it, or kept in a field by the constructor."""
    bindings = Bindings.of(file)
    match called:
        case ast.Name(id=name):
            owner = bindings.owner(name, file.scope_of(called))
            if owner is None or not isinstance(owner.node, FUNCTION) or name not in _parameters(owner.node):
                return None
            return name
        case ast.Attribute(attr=name) if (place := bindings.place(called)) is not None:
            values = bindings.values.get(place, ())
            return name if any(isinstance(v, ast.Name) and _parameter(file, v) for v in values) else None
    return None


def _parameters(function: Function) -> set[str]:
    return {each.arg for each in named_parameters(function)} - {"self", "cls"}


def _known_callbacks(doing: EffectSet, reach: Reachability) -> set[str]:
    """The parameters of a function for which its callers give code of the project, or nothing but a decorator does."""
    found: set[str] = set()
    for caller in reach:
        routines = [with_decorators(Context(caller.file, caller.code))]
        effects = Effects(Context(caller.file, caller.code, ignore_decorators=True))
        for node in own_nodes(caller.code):
            for effect in effects.of_call(node) if isinstance(node, ast.Call) else ():
                routines += effect.routines if isinstance(effect, ProjectCall) else ()
        for routine in routines:
            if routine.code is doing.code:
                found |= {name for name, _ in routine.callbacks}
    return found
