"""`loads_related_row`: whether reading an attribute fetches the row of a foreign key by a query.

for book in Book.objects.all():
    print(book.author.name)          # `book.author` does: a query for each book
"""

from __future__ import annotations

import ast
from functools import partial

from dbhygiene.library import django
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.classes import ancestry, class_named
from dbhygiene.program.types import ModelInstance, TypeInference
from dbhygiene.source.closure import leaves
from dbhygiene.source.file import File
from dbhygiene.source.nodes import last_name


def loads_related_row(file: File, read: ast.Attribute) -> bool:
    """Whether reading an attribute of a variable fetches the row of a foreign key, if it has not been read before.

    All origins of the variable must be known: querysets that fetch no other rows beforehand.
    """
    if not isinstance(read.value, ast.Name) or not isinstance(read.ctx, ast.Load):
        return False
    if not _fetches_rows_alone(file, read.value):  # its type takes longer to infer, above all that of a parameter
        return False
    row = TypeInference.of(file).type_of(read.value)
    return isinstance(row, ModelInstance) and row.model is not None and _is_foreign_key(file, row.model, read.attr)


def _is_foreign_key(file: File, model: str, attribute: str) -> bool:
    """Whether an attribute is a foreign key of a model whose managers fetch no other rows, by its module's text."""
    found = class_named(file, model)
    for owner, scope in ancestry(found) if found else ():
        for value in Bindings.of(owner).values.get(Place(scope, attribute), ()):
            is_key = isinstance(value, ast.Call) and (last_name(value.func) or "").endswith(django.FOREIGN_KEYS)
            return is_key and not any(word in owner.text for word in django.FETCHES_MORE)
    return False


def _fetches_rows_alone(file: File, variable: ast.expr) -> bool:
    """Whether a variable is a queryset, or a row of one, whose query reads no other tables."""
    found = leaves(variable, partial(_origins, file))
    return bool(found) and all(isinstance(e, ast.Attribute) and e.attr in django.NAMES_OF_MANAGERS for e in found)


def _origins(file: File, rows: ast.expr) -> list[ast.expr] | None:
    """Return the querysets of which an expression is made; None if it is a manager, or something else."""
    match rows:
        case ast.Await(value=inner) | ast.Subscript(value=inner):
            return [inner]
        case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in django.BUILDS or name in django.FINDS_ROW:
            return [inner] if name not in django.FETCHES_MORE else None
        case ast.Name():
            return TypeInference.of(file).origins(rows) or None
    return None
