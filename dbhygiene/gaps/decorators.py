"""`with_decorators`: the code that a call of a decorated function runs: the decorator's wrapper, then the function.

@timed                       # def timed(function):
def load(): ...              #     def wrapper(): ...      # runs first, with `function` standing for `load`
"""

from __future__ import annotations

import ast

from dbhygiene.gaps.effects import Context
from dbhygiene.program.arguments import positional_parameters
from dbhygiene.program.definitions import find_definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, without_arguments
from dbhygiene.source.records import replace


def with_decorators(routine: Context) -> Context:
    """Return the code that runs when a function is called by its name, decorators of the project included."""
    code = routine.code
    bare = replace(routine, ignore_decorators=True)
    for decorator in reversed(code.decorator_list) if isinstance(code, FUNCTION) else ():
        called = without_arguments(decorator)
        name = routine.file.resolve(called)
        found = find_definition(routine.file, name) if name else None
        if found and isinstance(found.node, FUNCTION) and (wrapper := _wrapper(found.file, found.node)) is not None:
            function, parameter = wrapper
            bare = Context(
                found.file, function, callbacks=((parameter, bare),), ignore_decorators=True, alias=routine.alias
            )
    return bare


def _wrapper(file: File, decorator: Function) -> tuple[Function, str] | None:
    """Return the function within a decorator that calls the decorated one, and the name by which it does."""
    parameters = {argument.arg for argument in positional_parameters(decorator)}
    todo: list[tuple[Function, set[str]]] = [(decorator, set())]
    while todo:
        function, outer = todo.pop()
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Name(id=name) as called) if (
                    name in outer and file.scope_of(called).node is function
                ):
                    return function, name
        todo += [
            (node, outer | parameters | {argument.arg for argument in positional_parameters(function)})
            for node in ast.walk(function)
            if isinstance(node, FUNCTION) and node is not function
        ]
        if len(todo) > 50:
            return None
    return None
