"""`bind_arguments`: the arguments of a call, matched with the parameters of the function that it runs.

def find(self, name, *, limit=10): ...

repository.find("a", limit=5)        # `bind_arguments(..., bound=True)`: name -> "a", limit -> 5
"""

from __future__ import annotations

import ast

from dbhygiene.source.nodes import FUNCTION, Function, first_parameter, keyword_value
from dbhygiene.source.scopes import Scope


def positional_parameters(function: Function | ast.Lambda, *, bound: bool = False) -> list[ast.arg]:
    """Return the parameters that take arguments by position; `bound`: without the one for the owner of a method."""
    return [*function.args.posonlyargs, *function.args.args][bound:]


def named_parameters(function: Function | ast.Lambda) -> list[ast.arg]:
    """Return all parameters but `*args` and `**kwargs`."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def has_parameter(code: ast.AST, name: str | None) -> bool:
    """Whether code is a function with a parameter of this name that is not `*args` or `**kwargs`."""
    return isinstance(code, FUNCTION) and any(each.arg == name for each in named_parameters(code))


def is_kwargs(code: ast.AST, name: str) -> bool:
    """Whether a name is that of the `**kwargs` of a function."""
    kwarg = code.args.kwarg if isinstance(code, (*FUNCTION, ast.Lambda)) else None
    return kwarg is not None and kwarg.arg == name


def takes_owner(scope: Scope) -> bool:
    """Whether the first parameter of a function takes the owner of a method: `self`, or `cls`."""
    return (
        scope.class_scope is not None and isinstance(scope.node, FUNCTION) and first_parameter(scope.node) is not None
    )


def has_unpacked(call: ast.Call) -> bool:
    """Whether a call has arguments whose number is known only at run time: `f(*given)`, `f(**options)`."""
    return any(isinstance(given, ast.Starred) for given in call.args) or any(w.arg is None for w in call.keywords)


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """Return the argument at a position, or of a keyword; None if there is none, or it is unpacked."""
    if position < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
        return call.args[position]
    return keyword_value(call, name)


def parameter(function: Function, position: int | None, keyword: str | None, *, bound: bool) -> str | None:
    """Return the name of the parameter that takes an argument; None for `*args` and `**kwargs`."""
    if position is None:
        return keyword if has_parameter(function, keyword) else None
    positional = positional_parameters(function, bound=bound)
    return positional[position].arg if position < len(positional) else None


def bind_arguments(call: ast.Call, function: Function, *, bound: bool) -> dict[str, ast.expr]:
    """Return the arguments of a call by parameter, without unpacked arguments and those behind them."""
    found: dict[str, ast.expr] = {}
    for each, value in zip(positional_parameters(function, bound=bound), call.args, strict=False):
        if isinstance(value, ast.Starred):
            break
        found[each.arg] = value
    names = {each.arg for each in named_parameters(function)}
    return found | {word.arg: word.value for word in call.keywords if word.arg in names}


def defaults(function: Function | ast.Lambda) -> dict[str, ast.expr]:
    """Return parameter -> its default, for those that have one."""
    positional = reversed(positional_parameters(function))
    found = {each.arg: value for each, value in zip(positional, reversed(function.args.defaults), strict=False)}
    by_keyword = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return found | {each.arg: value for each, value in by_keyword if value is not None}
