"""`passes_on`: whether decorators change nothing of what a call does to a connection: they retry, log or catch.

def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        print(function.__name__)
        return function(*args, **kwargs)
    return wrapper
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.calls import KEEPING_DECORATORS, RETRYING_DECORATORS
from dbhygiene.lifetimes.passed_functions import called_function
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.definitions import Definition, find_definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, without_arguments
from dbhygiene.source.queries import query

_PASSING = KEEPING_DECORATORS | RETRYING_DECORATORS
_CATCHING = (ast.Try, getattr(ast, "TryStar", ast.Try), ast.With, ast.AsyncWith)  # `except*` is new in Python 3.11
_WRAPPERS = frozenset({"functools.wraps", "wraps", "functools.update_wrapper"})


@query
def is_plain(definition: Definition) -> bool:
    """Whether a call of a function runs nothing else, whatever its decorators."""
    return KEEPING_DECORATORS.issuperset(definition.decorators)


@query
def passes_on(definition: Definition) -> bool:
    """Whether each decorator of a function runs it with the same arguments, and returns its result, or None."""
    return all(_passes_on(definition.file, each, name) for each, name in _named_decorators(definition))


@query
def may_catch(definition: Definition) -> bool:
    """Whether a decorator of a function may catch what the function raises."""
    for _, name in _named_decorators(definition):
        if name in KEEPING_DECORATORS:
            continue
        found = find_definition(definition.file, name) if name is not None else None
        if found is None or any(isinstance(each, _CATCHING) for each in ast.walk(found.node)):
            return True
    return False


def gives_no_none(definition: Definition) -> bool:
    """Whether the decorators of a function, which pass on its result, never return None instead."""
    return all(
        name in KEEPING_DECORATORS or (name in RETRYING_DECORATORS and not _has_substitute(each))
        for each, name in _named_decorators(definition)
    )


def _has_substitute(decorator: ast.expr) -> bool:
    """Whether a retrying decorator is given what to return, or to do, when it gives up."""
    words = decorator.keywords if isinstance(decorator, ast.Call) else []
    return any(word.arg in {None, "retry_error_callback", "raise_on_giveup"} for word in words)


def first_wrapper(definition: Definition) -> Definition | None:
    """Return the function of the project that runs first instead of a decorated function; None if it is not known."""
    for each, name in _named_decorators(definition):
        if name in _PASSING:
            continue
        found = find_definition(definition.file, name) if name is not None else None
        if found is None or not isinstance(found.node, FUNCTION) or not _passes_on(definition.file, each, name):
            return None
        inner = _returned_functions(found.file, found.node)
        if isinstance(each, ast.Call):
            inner = [wrapper for decorator in inner for wrapper in _returned_functions(found.file, decorator)]
        return Definition(found.file, inner[0], found.file.functions[inner[0]].name) if len(inner) == 1 else None
    return None


def only_wraps(file: File, decorator: ast.expr) -> bool:
    """Whether a decorator of the project does nothing but return another function: it gives the function to no one."""
    called = without_arguments(decorator)
    name = file.resolve(called) if isinstance(called, (ast.Name, ast.Attribute)) else None
    found = find_definition(file, name) if name is not None else None
    if found is None or not isinstance(found.node, FUNCTION) or found.node.decorator_list:
        return False
    makers = _returned_functions(found.file, found.node) if isinstance(decorator, ast.Call) else [found.node]
    return bool(makers) and all(_keeps_to_itself(found.file, each) for each in makers)


def _keeps_to_itself(file: File, maker: Function) -> bool:
    """Whether a decorator names its function only to wrap it: in the functions that it returns, and for `wraps`."""
    given = [each.arg for each in named_parameters(maker)]
    if len(given) != 1 or not _returned_functions(file, maker):
        return False
    uses = (part for part in file.own(maker) if isinstance(part, ast.Name) and part.id == given[0])
    return all(_is_given_to_wraps(file, use) for use in uses)


def _is_given_to_wraps(file: File, use: ast.Name) -> bool:
    call = file.parents.get(use)
    return isinstance(call, ast.Call) and use in call.args and file.resolve(call.func) in _WRAPPERS


def _named_decorators(definition: Definition) -> Iterator[tuple[ast.expr, str | None]]:
    return zip(definition.node.decorator_list, definition.decorators, strict=True)


def _passes_on(file: File, decorator: ast.expr, name: str | None) -> bool:
    if name is None:
        return False
    if name in _PASSING:
        return True
    found = find_definition(file, name)
    if found is None or not isinstance(found.node, FUNCTION) or found.node.decorator_list:
        return False
    if not isinstance(decorator, ast.Call):
        return _returns_result(found.file, found.node)
    made = _returned_functions(found.file, found.node)
    return bool(made) and all(_returns_result(found.file, each) for each in made)


@query
def _returns_result(file: File, decorator: Function) -> bool:
    """Whether a decorator returns its function, or functions that return the result of that and nothing else."""
    parameters = named_parameters(decorator)
    wrappers = _returned_functions(file, decorator)
    if len(parameters) != 1 or not wrappers:
        return False
    given = parameters[0].arg
    return all(_calls_through(file, wrapper, given) for wrapper in wrappers)


def _returned_functions(file: File, function: Function) -> list[Function]:
    """Return the inner functions that a function returns; none if it may return something else."""
    scope = file.functions[function]
    found: list[Function] = []
    for part in scope.returns:
        match part.value:
            case ast.Name(id=name) | ast.Call(func=ast.Call(), args=[ast.Name(id=name)]) if name in scope.defined:
                pass
            case ast.Call(func=func, args=[ast.Name(id=name), _]) if file.resolve(func) in _WRAPPERS:
                pass
            case _:
                return []
        inner = scope.defined.get(name)
        if not isinstance(inner, FUNCTION):
            return []
        found.append(inner)
    return found


def _calls_through(file: File, wrapper: Function, given: str) -> bool:
    """Whether a wrapper returns the result of the function that its decorator was given, and nothing else."""
    if not _WRAPPERS.issuperset(Definition(file, wrapper, file.functions[wrapper].name).decorators):
        return False
    calls = _calls_of(file, wrapper, given)
    return called_function(file, wrapper, {given}) == given and all(_forwards(wrapper, call) for call in calls)


def _calls_of(file: File, wrapper: Function, name: str) -> Iterator[ast.Call]:
    for part in file.own(wrapper):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == name:
            yield part


def _forwards(wrapper: Function, call: ast.Call) -> bool:
    """Whether a call passes on all arguments of the function around it, in their order."""
    args = wrapper.args
    positional = [each.arg for each in (*args.posonlyargs, *args.args)]
    given = [ast.unparse(each) for each in call.args]
    by_name = {ast.unparse(each.value): each.arg for each in call.keywords}
    starred = [f"*{args.vararg.arg}"] if args.vararg is not None else []
    doubled = {args.kwarg.arg: None} if args.kwarg is not None else {}
    named: dict[str, str | None] = {each.arg: each.arg for each in args.kwonlyargs}
    return given == [*positional, *starred] and by_name == {**named, **doubled}
