"""`uses_of_held`: where the code uses a function that a variable or a table holds.

ACTIONS = {"load": load, "purge": purge}
action = ACTIONS[name]      # the table gives `load` back here
action()                    # and so does the variable here
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from dbhygiene.program.bindings import Bindings
from dbhygiene.source.file import File
from dbhygiene.source.nodes import last_name

# What holds a function, the innermost first: a dict, a list, or a place in a tuple.
_Layers = tuple["int | str", ...]
_DICT, _LIST = "dict", "list"
_READS_KEYS = frozenset({"len", "sorted", "list", "set", "tuple", "join", "print", "enumerate", "bool", "str", "repr"})
_MOST = 50  # expressions that lead from one mention to its uses


class _EscapesError(Exception):
    """Other code may take the function."""


def uses_of_held(file: File, mention: ast.expr) -> list[ast.expr] | None:
    """Return the expressions that give a function back which is stored where it is mentioned.

    Return None if it is passed to other code, returned, or kept where that may find it.
    """
    found: list[ast.expr] = []
    todo: list[tuple[ast.expr, _Layers]] = [(mention, ())]
    try:
        for expr, layers in todo:  # grows during the loop
            if not layers and expr is not mention:
                found.append(expr)
            else:
                todo += (each for each in _next(file, expr, layers) if each not in todo)
            if len(todo) > _MOST:
                return None
    except _EscapesError:
        return None
    return found


def _next(file: File, expr: ast.expr, layers: _Layers) -> Iterator[tuple[ast.expr, _Layers]]:
    """Yield the expressions that have the same value as this one, or a part of it that still holds the function."""
    above = file.parents.get(expr)
    outer = layers[-1] if layers else None
    match above:
        case ast.Dict(values=values) if expr in values:
            yield above, (*layers, _DICT)
        case ast.List() | ast.Set():
            yield above, (*layers, _LIST)
        case ast.Tuple(elts=items):
            yield above, (*layers, items.index(expr))
        case ast.IfExp(test=test) if expr is not test:
            yield above, layers
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
            yield from _bound(file, target, layers)
        case ast.NamedExpr(target=target):
            yield above, layers
            yield from _bound(file, target, layers)
        case ast.Subscript(slice=index) if outer is not None and expr is above.value:
            if not (isinstance(outer, int) and isinstance(index, ast.Constant) and index.value != outer):
                yield above, layers[:-1]
        case ast.Attribute(attr=attribute) if outer == _DICT:
            yield from _from_dict(file, above, attribute, layers[:-1])
        case ast.For(iter=iterated, target=target) | ast.comprehension(iter=iterated, target=target) if (
            iterated is expr and outer is not None
        ):
            if outer != _DICT:
                yield from _bound(file, target, layers[:-1])
        case _ if not _is_only_read(above, expr, outer):
            raise _EscapesError


def _from_dict(file: File, method: ast.Attribute, name: str, inner: _Layers) -> Iterator[tuple[ast.expr, _Layers]]:
    call = file.parents.get(method)
    if not isinstance(call, ast.Call) or call.func is not method:
        raise _EscapesError
    match name:
        case "get" | "pop" | "setdefault":
            yield call, inner
        case "values":
            yield call, (*inner, _LIST)
        case "items":
            yield call, (*inner, 1, _LIST)
        case "keys":
            return
        case _:
            raise _EscapesError


def _is_only_read(above: ast.AST | None, expr: ast.expr, outer: int | str | None) -> bool:
    """Whether an expression is only compared, tested or shown; of a dict, also whether only its keys are read."""
    match above:
        case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.FormattedValue() | ast.Expr():
            return True
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
            return test is expr
        case ast.Attribute(attr=attribute):
            return outer is None and attribute.startswith("__")  # its name, or its docstring
        case ast.Call(func=called):
            return called is not expr and outer == _DICT and last_name(called) in _READS_KEYS
        case ast.keyword(arg="choices"):
            return outer == _DICT
    return False


def _bound(file: File, target: ast.expr, layers: _Layers) -> Iterator[tuple[ast.expr, _Layers]]:
    """Yield the reads of the variable that is given a value."""
    match target:
        case ast.Name():
            for read in _reads(file, target):
                yield read, layers
        case ast.Tuple(elts=parts) if layers and isinstance(position := layers[-1], int) and _has(parts, position):
            yield from _bound(file, parts[position], layers[:-1])
        case _:
            raise _EscapesError


def _has(parts: Sequence[ast.expr], position: int) -> bool:
    return position < len(parts) and not any(isinstance(part, ast.Starred) for part in parts)


def _reads(file: File, variable: ast.Name) -> list[ast.expr]:
    """Return the reads of a variable; another file of the project must not mention one of a module."""
    bindings = Bindings.of(file)
    place = bindings.place(variable)
    if place is None or isinstance(place.scope.node, ast.ClassDef):
        raise _EscapesError
    if place.scope is file.scope:
        others = file.project.files_mentioning_all(variable.id)
        if others is None or any(each.path != file.path for each in others):
            raise _EscapesError
    named = (each for each in file.nodes(ast.Name) if each.id == variable.id and isinstance(each.ctx, ast.Load))
    return [each for each in named if bindings.place(each) == place]
