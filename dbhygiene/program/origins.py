"""`ExpressionAt`: an expression that a name may stand for, here or in the module that it comes from.

HOST = "db"
host = HOST                          # `values_of(host)` is `HOST`, and `behind(host)` is "db"
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File


class ExpressionAt(NamedTuple):
    """An expression, and the file that it stands in."""

    file: File
    expr: ast.expr


def assigned_variable(file: File, expr: ast.expr) -> tuple[File, Place] | None:
    """Return the variable or attribute that an expression names, here or in the module that it is imported from.

    None if no assignment binds it. Other statements may bind it, too: then it is among the `unclear` ones.
    """
    place = Bindings.of(file).place(expr)
    if place is not None and Bindings.of(file).values.get(place):
        return file, place
    name = file.resolve(expr)
    found = find_module(file, canonical_name(file, name)) if name else None
    if found is None or len(found[1]) != 1:
        return None
    where, place = found[0], Place(found[0].scope, found[1][0])
    return (where, place) if Bindings.of(where).values.get(place) else None


def values_of(file: File, expr: ast.expr) -> list[ExpressionAt]:
    """Return what assignments bind to the variable or attribute that an expression names."""
    found = assigned_variable(file, expr) if isinstance(expr, (ast.Name, ast.Attribute)) else None
    return [ExpressionAt(found[0], value) for value in Bindings.of(found[0]).values[found[1]]] if found else []


def only_value(file: File, expr: ast.expr) -> list[ExpressionAt]:
    """Return what the only assignment binds to a variable or attribute; none if there is no such, or several."""
    values = values_of(file, expr)
    return values if len(values) == 1 else []


def behind(file: File, expr: ast.expr) -> ExpressionAt:
    """Return the expression that a variable stands for, through others if each has one value; else itself."""
    *_, last = closure(ExpressionAt(file, expr), lambda at: only_value(*at))
    return last
