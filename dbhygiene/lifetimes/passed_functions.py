"""`call_by_position`: the call that a library makes of a function that it gets, and whose result it returns.

conn = await asyncio.to_thread(pymysql.connect, host=host)       # pymysql.connect(host=host)
conn = retried(lambda: pymysql.connect(host=host))               # by a function of the project: `call_by_name`
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from dbhygiene.dataflow import cfg
from dbhygiene.library.calls import RUNNING_AWAITED
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.definitions import find_definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, argument_values, is_none, last_name, root_of
from dbhygiene.source.queries import query
from dbhygiene.source.scopes import Scope

_PARTIALS = frozenset({"functools.partial", "partial"})
_CASTS = frozenset({"typing.cast", "typing_extensions.cast"})


def call_by_position(file: File, call: ast.Call) -> ast.Call | None:
    """Return the call that a library makes for the caller, if that awaits it: `await to_thread(connect, host)`."""
    position = RUNNING_AWAITED.get(last_name(call.func))
    if position is None or len(call.args) <= position or not isinstance(file.parents.get(call), ast.Await):
        return None
    return call_of(file, call.args[position], call.args[position + 1 :], call.keywords)


def call_of_future(file: File, call: ast.Call) -> ast.Call | None:
    """Return the call that an executor makes for the caller, who waits for its result: `submit(connect).result()`."""
    given = _submitted(call)
    return call_of(file, given.args[0], given.args[1:], given.keywords) if given is not None else None


def _submitted(call: ast.Call) -> ast.Call | None:
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="submit"), args=[_, *_]) as given, attr="result"):
            return given
    return None


def generator_of_next(call: ast.Call) -> ast.Call | None:
    """Return the call that makes a generator of which only the first value is taken, and which is then dropped."""
    match call:
        case ast.Call(func=ast.Name(id="next" | "anext"), args=[ast.Call() as made]):
            return made
        case ast.Call(func=ast.Attribute(value=ast.Call() as made, attr="__next__" | "__anext__"), args=[]):
            return made
    return None


def call_by_name(file: File, call: ast.Call, given: ast.expr | None) -> ast.Call | None:
    """Return the call of the argument for the parameter that a project function calls."""
    if given is None:
        return None
    others = [arg for arg in call.args if arg is not given]
    return call_of(file, given, others, [word for word in call.keywords if word.value is not given])


def call_of(file: File, function: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> ast.Call | None:
    """Return the call that runs a function; a lambda or a `partial` has arguments of its own."""
    match function:
        case ast.Lambda(body=ast.Call() as body) | ast.Lambda(body=ast.Await(value=ast.Call() as body)):
            return _without_cast(file, body)
        case ast.Call(func=maker, args=[ast.Name() | ast.Attribute() as inner, *more], keywords=words):
            if file.resolve(maker) in _PARTIALS:
                return _synthetic_call(file, function, inner, [*more, *args], [*words, *keywords])
        case ast.Name() | ast.Attribute():
            return _synthetic_call(file, function, function, args, keywords)
    return None


def _without_cast(file: File, call: ast.Call) -> ast.Call | None:
    """Return the call within a `cast`, which is for type checkers only."""
    while file.resolve(call.func) in _CASTS:
        match call.args:
            case [_, ast.Call() as inner]:
                call = inner
            case _:
                return None
    return call


def _synthetic_call(
    file: File, place: ast.expr, func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]
) -> ast.Call:
    """Return a call that is not in the source, made once for each place."""
    known = file.query_results[_synthetic_call]
    if place not in known:
        made = ast.copy_location(ast.Call(func=func, args=args, keywords=keywords), place)
        known[place] = made, 0  # it has no inputs
    return known[place][0]  # type: ignore[no-any-return]


def may_run_opener(file: File, call: ast.Call, is_opener: Callable[[str], bool]) -> bool:
    """Whether what a call runs for the caller may open something, by its name."""
    if (made := generator_of_next(call)) is not None and is_opener(last_name(made.func)):
        return True
    return any(_may_open(file, each, is_opener) for each in argument_values(_submitted(call) or call))


def _may_open(file: File, given: ast.expr, is_opener: Callable[[str], bool]) -> bool:
    """Whether an argument may be a function that opens something."""
    match given:
        case ast.Lambda(body=ast.Call() as body) | ast.Lambda(body=ast.Await(value=ast.Call() as body)):
            return (opened := _without_cast(file, body)) is not None and is_opener(last_name(opened.func))
        case ast.Call(func=maker, args=[ast.Name() | ast.Attribute() as inner, *_]) if last_name(maker) == "partial":
            return is_opener(last_name(inner))
        case ast.Name() | ast.Attribute() if is_opener(last_name(given)):
            return (name := file.resolve(given)) is not None and _is_function(file, given, name)
    return False


def _is_function(file: File, given: ast.expr, name: str) -> bool:
    """Whether a name may stand for a function: a variable of the project does not."""
    found = find_definition(file, name)
    if found is not None:
        return True
    return isinstance(root_of(given), ast.Name) and name.partition(".")[0] != file.module.partition(".")[0]


@query
def called_parameter(file: File, function: ast.AST) -> str | None:
    """Return the parameter whose result a function returns, and nothing else; None if there is none."""
    assert isinstance(function, FUNCTION)
    return called_function(file, function, {each.arg for each in named_parameters(function)})


@query
def always_returns_call(file: File, function: ast.AST) -> bool:
    """Whether a function that returns the result of a parameter never ends without it: neither None nor a constant."""
    assert isinstance(function, FUNCTION)
    graph = cfg.build(function)
    reached = cfg.reachable([graph.entry], past=lambda node: not isinstance(node.event, cfg.Return))
    values = (part.value for part in file.functions[function].returns)
    calls = (value.value if isinstance(value, ast.Await) else value for value in values)
    return graph.exit not in reached and all(isinstance(each, ast.Call) for each in calls)


def called_function(file: File, function: Function, names: set[str]) -> str | None:
    """Return which of these variables a function calls to return its result, and nothing else; None if none."""
    scope = file.functions[function]
    if scope.yields or not names:
        return None
    values = [part.value for part in scope.returns if not _is_nothing(part.value)]
    found = {_called_parameter_of(file, scope, names, value) for value in values}
    return found.pop() if len(found) == 1 else None


def _called_parameter_of(file: File, scope: Scope, parameters: set[str], value: ast.expr | None) -> str | None:
    """Return the parameter whose call gives the value of an expression."""
    match value:
        case ast.Await(value=inner):
            return _called_parameter_of(file, scope, parameters, inner)
        case ast.Call(func=ast.Name(id=name)) if name in parameters:
            return name
        case ast.Name(id=name) if name not in parameters and _stays_here(file, scope, name):
            found = {
                _called_parameter_of(file, scope, parameters, each)
                for each in scope.aliases[name]
                if not _is_nothing(each)
            }
            return found.pop() if len(found) == 1 else None
    return None


def _is_nothing(value: ast.expr | None) -> bool:
    return value is None or is_none(value)


def _stays_here(file: File, scope: Scope, name: str) -> bool:
    """Whether a variable is only tested, returned, or read for an attribute, and so does not escape."""
    if not scope.aliases.get(name) or name in scope.globals | scope.nonlocals | set(file.captures.get(scope, ())):
        return False
    for part in file.own(scope.node):
        if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load):
            above = file.parents.get(part)
            if isinstance(above, ast.Return | ast.Compare | ast.If | ast.While | ast.UnaryOp | ast.BoolOp):
                continue
            if not (isinstance(above, ast.Attribute) and not above.attr.startswith("close")):
                return False
    return True
