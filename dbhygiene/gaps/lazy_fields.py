"""Foreign keys whose row a query fetches when they are read for the first time.

for book in Book.objects.all():
    print(book.author.name)          # a query for each book
"""

from __future__ import annotations

import ast

from dbhygiene.library import django
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.classes import ancestry, class_named
from dbhygiene.program.types import ModelInstance, TypeInference
from dbhygiene.source.file import File
from dbhygiene.source.nodes import last_name

_DEPTH = 6  # of variables that hold parts of a queryset


def loads_related_row(file: File, read: ast.Attribute) -> bool:
    """Whether reading an attribute of a variable fetches the row of a foreign key, if it has not been read before.

    All origins of the variable must be known: querysets that fetch no other rows beforehand.
    """
    if not isinstance(read.value, ast.Name) or not isinstance(read.ctx, ast.Load):
        return False
    types = TypeInference.of(file)
    origins = types.origins(read.value)  # before its type, which takes longer to infer, above all of a parameter
    if not origins or not all(_fetches_rows_alone(file, origin, _DEPTH) for origin in origins):
        return False
    row = types.type_of(read.value)
    return isinstance(row, ModelInstance) and row.model is not None and _is_foreign_key(file, row.model, read.attr)


def _is_foreign_key(file: File, model: str, attribute: str) -> bool:
    """Whether an attribute is a foreign key of a model whose managers fetch no other rows, by its module's text."""
    found = class_named(file, model)
    for owner, scope in ancestry(found) if found else ():
        for value in Bindings.of(owner).values.get(Place(scope, attribute), ()):
            is_key = isinstance(value, ast.Call) and (last_name(value.func) or "").endswith(django.FOREIGN_KEYS)
            return is_key and not any(word in owner.text for word in django.FETCHES_MORE)
    return False


def _fetches_rows_alone(file: File, rows: ast.expr, depth: int) -> bool:
    """Whether an expression is a queryset, or a row of one, whose query reads no other tables."""
    while depth:
        match rows:
            case ast.Await(value=inner) | ast.Subscript(value=inner):
                rows = inner
            case ast.Call(func=ast.Attribute(value=inner, attr=name)):
                if name in django.FETCHES_MORE or not (name in django.BUILDS or name in django.FINDS_ROW):
                    return False
                rows = inner
            case ast.Attribute(attr=name) if name in django.NAMES_OF_MANAGERS:
                return True
            case ast.Name():
                origins = TypeInference.of(file).origins(rows)
                return bool(origins) and all(_fetches_rows_alone(file, each, depth - 1) for each in origins)
            case _:
                return False
    return False
