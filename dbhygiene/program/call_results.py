"""`call_result`: the value that a call returns: of a builtin, a method of a string or dict, the project, a library.

"mysql://{}/shop".format(host)   # the text `mysql://`, a hole, `/shop`

An `Evaluator` reads its arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Protocol

from dbhygiene.program import strings
from dbhygiene.program.arguments import bind_arguments
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.classes import function_named
from dbhygiene.program.names import find_module
from dbhygiene.program.values import (
    ANY_TEXT,
    UNKNOWN,
    Called,
    Constant,
    Dict,
    Named,
    Text,
    UnknownNumber,
    Value,
    as_dict,
    choice_of,
    dict_with,
    is_text,
    look_up,
    merge_dicts,
    number,
    options,
    patterns,
    text_value,
)
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Function, first_parameter, keyword_value

_NUMBERS = frozenset({"int", "float", "len", "max", "min", "abs", "round", "sum"})
_COPIES = frozenset({"copy.copy", "copy.deepcopy", "dict", "types.MappingProxyType", "collections.OrderedDict"})


class Evaluator(Protocol):
    """Evaluates the arguments of a call, and project functions that it calls; see `evaluation`."""

    def read(self, file: File, expr: ast.expr) -> Value: ...

    def keywords(self, file: File, call: ast.Call) -> Dict: ...

    def evaluate_return(self, file: File, function: Function, arguments: Mapping[str, Value]) -> Value: ...


def call_result(reader: Evaluator, file: File, call: ast.Call) -> Value:
    """Return the value of a call."""
    name = file.resolve(call.func)
    if name is None and isinstance(call.func, ast.Attribute):
        return _method(reader, file, call, call.func)
    if name is None:
        match reader.read(file, call.func):
            case Named(name=name):
                pass
            case Called(name="functools.partial") as partial:
                return _library_result(reader, file, call, "functools.partial", partial)
            case Called() as maker:  # `config = Config(".env"); config("URL", default="...")`
                return _or_default(_library_result(reader, file, call, f"{maker.name}()", maker))
            case _:
                return UNKNOWN
    known = _builtin(reader, file, name, call)
    if known is not None:
        return known
    if (function := function_named(file, name)) is not None:
        return reader.evaluate_return(function.file, function.node, _arguments(reader, file, call, function.node))
    if isinstance(call.func, ast.Attribute) and find_module(file, name) is None and _is_variable(file, call.func):
        return _method(reader, file, call, call.func)
    return _or_default(_library_result(reader, file, call, name))


def _or_default(made: Called) -> Value:
    """Return the result of a call, or its default: `config("URL", default="...")` reads a setting."""
    default = made.keywords.items.get("default")
    return made if default is None else choice_of([made, default])


def _is_variable(file: File, func: ast.Attribute) -> bool:
    """Whether a method is called on a variable, and not a function of a module."""
    place = Bindings.of(file).place(func.value)
    return place is not None and place in Bindings.of(file).values


def _library_result(reader: Evaluator, file: File, call: ast.Call, name: str, receiver: Value | None = None) -> Called:
    arguments = tuple(reader.read(file, argument) for argument in call.args)
    return Called(name, arguments, reader.keywords(file, call), receiver, file, call)


def _builtin(reader: Evaluator, file: File, name: str, call: ast.Call) -> Value | None:
    match name, call.args:
        case (("os.getenv" | "os.environ.get"), [_, *rest]):
            default = rest[0] if rest else keyword_value(call, "default")
            return choice_of([ANY_TEXT, Constant(None) if default is None else reader.read(file, default)])
        case "str", [argument]:
            found = reader.read(file, argument)
            if all(isinstance(option, (Constant, Text)) for option in options(found)):
                return choice_of(text_value(pattern) for pattern in patterns(found))
            return None
        case "int" | "float", [argument]:
            return choice_of(number(option, name) for option in options(reader.read(file, argument)))
        case function, _ if function in _NUMBERS:
            return UnknownNumber()
        case function, _ if function in _COPIES:
            found = as_dict(_pairs(reader, file, call.args[0])) if call.args else Dict()
            return merge_dicts(Dict(found.items, found.open), reader.keywords(file, call))
    return None


def _pairs(reader: Evaluator, file: File, expr: ast.expr) -> Value:
    """Return the value of `dict(...)` with its argument."""
    if not isinstance(expr, (ast.List, ast.Tuple)):
        return reader.read(file, expr)
    found = Dict()
    for element in expr.elts:
        match element:
            case ast.Tuple(elts=[key, item]):
                found = merge_dicts(found, dict_with(reader.read(file, key), reader.read(file, item)))
            case _:
                found = Dict(found.items, open=True)
    return found


def _method(reader: Evaluator, file: File, call: ast.Call, func: ast.Attribute) -> Value:
    """Return the result of a method of a value."""
    if file.resolve(func.value) == "os.environ":
        return _builtin(reader, file, f"os.environ.{func.attr}", call) or ANY_TEXT
    owner = reader.read(file, func.value)
    single = next(options(owner), UNKNOWN)
    if isinstance(single, Text) or is_text(single):
        return _result_of_text_method(reader, file, owner, call, func.attr)
    if isinstance(single, Dict):
        return _result_of_dict_method(reader, file, owner, call, func.attr)
    if isinstance(single, Called) and single.file is not None:
        its_method = function_named(single.file, f"{single.name}.{func.attr}")
        if its_method is not None:
            return reader.evaluate_return(its_method.file, its_method.node, {})
    return _or_default(_library_result(reader, file, call, f".{func.attr}", owner))


def _result_of_text_method(reader: Evaluator, file: File, owner: Value, call: ast.Call, method: str) -> Value:
    if method == "join":
        match call.args, owner:
            case [ast.Tuple(elts=parts) | ast.List(elts=parts)], Constant(value=str(between)):
                return strings.join_text(between, [reader.read(file, part) for part in parts])
        return UNKNOWN
    arguments = [reader.read(file, argument) for argument in call.args]
    return strings.string_method(owner, method, arguments, reader.keywords(file, call).items)


def _result_of_dict_method(reader: Evaluator, file: File, owner: Value, call: ast.Call, method: str) -> Value:
    match method, call.args:
        case "get" | "pop" | "setdefault", [key, *rest]:
            default: Value = reader.read(file, rest[0]) if rest else Constant(None)
            return look_up(owner, reader.read(file, key), default)
        case "copy", []:
            known = as_dict(owner)
            return Dict(known.items, known.open)
    return UNKNOWN


def _arguments(reader: Evaluator, file: File, call: ast.Call, function: Function) -> dict[str, Value]:
    """Return the values of a function's parameters in a call."""
    bound = isinstance(call.func, ast.Attribute) and first_parameter(function) in {"self", "cls"}
    if any(isinstance(given, ast.Starred) for given in call.args):
        return {}
    return {name: reader.read(file, value) for name, value in bind_arguments(call, function, bound=bound).items()}
