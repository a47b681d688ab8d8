"""`passed_objects`: objects of the project that a call gets. They may use a connection when the function has ended.

app.register(store)                      # `store`, if the project defines its class
Thread(target=store.save).start()        # `store`, by its method; `begins`: the call of `Thread` begins a thread
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from dbhygiene.library.background import HANDS_OVER, RUN_BESIDE, RUNNERS, STARTS
from dbhygiene.library.calls import BEGINNING
from dbhygiene.program.callees import callees, receiver_class
from dbhygiene.program.classes import foreign_bases, lineage
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File, scope_around
from dbhygiene.source.nodes import FUNCTION, Function, argument_values, first_parameter, last_name
from dbhygiene.source.queries import query

_STARTING = (STARTS.keys() - RUN_BESIDE.keys() - {"asyncio.run"}) | {"atexit.register"}
_HANDING_OVER = {name for name in HANDS_OVER if not name.endswith("map")} | {"call_later", "call_soon", "call_at"}


@query
def passed_objects(file: File, call: ast.Call) -> tuple[ast.expr, ...]:
    """Return the objects of the project's classes that a call gets: themselves, or by a method that is not called."""
    found: list[ast.expr] = []
    for given in argument_values(call):
        for part in _values(given):
            if isinstance(part, ast.Attribute) and _is_method(file, part):
                found.append(part.value)
            elif isinstance(part, (ast.Name, ast.Call)) and receiver_class(file, part) is not None:
                found.append(part)
    return tuple(found)


def _values(given: ast.expr) -> Iterator[ast.expr]:
    """Yield an argument; the elements of a list, tuple or dict; what a lambda mentions."""
    match given:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
            for part in parts:
                yield from _values(part)
        case ast.Starred(value=inner):
            yield from _values(inner)
        case ast.Lambda(body=body):
            yield from (part for part in ast.walk(body) if isinstance(part, ast.Name))
        case _:
            yield given


def _is_method(file: File, named: ast.Attribute) -> bool:
    cls = receiver_class(file, named.value)
    scopes = [each.file.classes.get(each.name) for each in lineage(cls)] if cls is not None else []
    return any(scope is not None and isinstance(scope.defined.get(named.attr), FUNCTION) for scope in scopes)


def begins(file: File, call: ast.Call) -> bool:
    """Whether a call begins a function or a coroutine, and returns before that has ended: a thread, a task, a job.

    An awaited call has ended. A pool's `map` takes all elements before it returns.
    """
    last = last_name(call.func)
    if last in BEGINNING or file.resolve(call.func) in _STARTING:
        return True
    hands_over = isinstance(call.func, ast.Attribute) and last in _HANDING_OVER
    return hands_over and not isinstance(file.parents.get(call), ast.Await)


def makes_runner(file: File, call: ast.Call) -> bool:
    """Whether a call makes an object that goes on by itself: a thread, or one that gives its own methods away."""
    found = callees(file, call, scope_around(file, call)).definitions
    return any(isinstance(each.node, ast.ClassDef) and runs_by_itself(each) for each in found)


@query
def runs_by_itself(cls: Definition) -> bool:
    """Whether objects of a class are threads, or pass themselves or one of their methods to other code."""
    if any(base in RUNNERS for base in foreign_bases(cls)):
        return True
    return any(_gives_itself(each) for each in lineage(cls))


def _gives_itself(cls: Definition) -> bool:
    scope = cls.file.classes.get(cls.name)
    methods = scope.defined if scope is not None else {}
    return any(_gives_own(method, methods) for method in methods.values() if isinstance(method, FUNCTION))


def _gives_own(method: Function, methods: Collection[str]) -> bool:
    """Whether a method passes its object, or a method of it that is not called, to a call."""
    own = first_parameter(method)
    for call in (node for node in ast.walk(method) if isinstance(node, ast.Call)):
        for given in argument_values(call):
            for part in _values(given):
                match part:
                    case ast.Name(id=name) if name == own and not _keeps_nothing(call):
                        return True
                    case ast.Attribute(value=ast.Name(id=name), attr=attr) if name == own and attr in methods:
                        return True
    return False


def _keeps_nothing(call: ast.Call) -> bool:
    """Whether a call is `super(Class, self)` or `Base.__init__(self)`, or only asks something of the object."""
    match call.func:
        case ast.Name(id="super" | "isinstance" | "type" | "getattr" | "hasattr" | "setattr" | "id" | "repr" | "str"):
            return True
        case ast.Attribute(attr="__init__"):
            return True
    return False
