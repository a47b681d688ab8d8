"""`may_run_property`: whether a property of a name does more than return a field, whatever the class.

@property
def title(self):
    return self._title               # it does not: reading `book.title` runs nothing that matters
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from dbhygiene.library.django import NAMES_OF_MANAGERS
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, walk
from dbhygiene.source.queries import query, tables


@query
def may_run_property(file: File, name: str) -> bool:
    """Whether a property of this name, of any class of the project, does more than return fields."""
    return any(_does_more(each, name) for each in _files_defining(file, name))


@query
def may_query_as_property(file: File, name: str) -> bool:
    """Whether a property of this name, of any class of the project, mentions a manager of a model."""
    methods = (method for each in _files_defining(file, name) for method in _decorated_methods(each).get(name, ()))
    return any(isinstance(part, ast.Attribute) and part.attr in NAMES_OF_MANAGERS for m in methods for part in walk(m))


def _files_defining(file: File, name: str) -> list[File]:
    return [file, *file.project.files_defining_property(name)]


@query
def _does_more(file: File, name: str) -> bool:
    return any(not _only_returns_fields(file, method) for method in _decorated_methods(file).get(name, ()))


@tables
def _decorated_methods(file: File) -> Mapping[str, list[Function]]:
    """Return the functions of a file that have decorators, by name: each may be a property."""
    found: dict[str, list[Function]] = {}
    for code in file.functions:
        if isinstance(code, FUNCTION) and code.decorator_list:
            found.setdefault(code.name, []).append(code)
    return file.table("decorated", found, _decorated_methods)


def _only_returns_fields(file: File, method: Function) -> bool:
    """Whether a method returns fields of its object that are no properties, and no other decorator adds to that."""
    match method.body if len(method.decorator_list) == 1 else ():
        case [ast.Expr(value=ast.Constant()), ast.Return(value=value)] | [ast.Return(value=value)]:
            return all(_is_field(file, part) for part in (value.elts if isinstance(value, ast.Tuple) else [value]))
    return False


def _is_field(file: File, expr: ast.expr | None) -> bool:
    match expr:
        case None | ast.Constant():
            return True
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return not any(name in _decorated_methods(each) for each in _files_defining(file, name))
    return False
