"""`find_module`: the file of the project that holds an absolute dotted name, and the name within it.

shop.models.Order.total          # in shop/models.py: class `Order`, method `total`
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from dbhygiene.program.arguments import named_parameters
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.queries import query
from dbhygiene.source.scopes import Scope


@query
def find_module(file: File, name: str) -> tuple[File, list[str]] | None:
    """Return the project's file that holds an absolute dotted name, and the name within it."""
    if name.startswith(f"{file.module}."):
        inner = name[len(file.module) + 1 :].split(".")
        if inner[0] in file.scope.bound or inner[0] in file.scope.imports:
            return file, inner
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        other = file.project.module(".".join(parts[:length]), file)
        if other is not None:
            return other, parts[length:]
    return None


@query
def means(file: File, expr: ast.expr, name: str) -> bool:
    """Whether an expression is what has this absolute name where it is defined, under whatever name."""
    meant = file.resolve(expr)
    return meant is not None and canonical_name(file, meant) == name


def canonical_name(file: File, name: str) -> str:
    """Return the name that an absolute name has where it is defined, through modules that only re-export it."""
    seen: set[tuple[File, str]] = set()
    while (found := find_module(file, name)) is not None and found[1]:
        file, (first, *rest) = found
        if (file, first) in seen:
            break  # modules import a name from each other, or from themselves
        seen.add((file, first))
        if first in file.scope.imports:
            name = ".".join([file.scope.imports[first], *rest])
        elif first not in file.scope.bound and file.scope.stars:
            name = ".".join([file.scope.stars[0], first, *rest])
        else:
            break
    return name


def is_imported(file: File, *, but_by: Callable[[File], bool] | None = None) -> bool:
    """Whether another file of the project imports a file, or may: many have its name.

    Arguments:
        but_by: whether the imports of a file do not count.
    """
    others = file.project.files_mentioning_all(file.module.rpartition(".")[2])
    if others is None:
        return True
    others = [*others, *file.project.scripts_mentioning(file.module.rpartition(".")[2])]
    counted = (each for each in others if each.path != file.path and not (but_by is not None and but_by(each)))
    return any(_imports(each, file.module, file.path) for each in counted)


@query
def _imports(other: File, module: str, path: Path) -> bool:
    """Whether a file imports one by its own dotted name, or by the one that is known there."""
    own = module.split(".")
    for parts in _imported_names(other):
        if own[-1] in parts:
            if parts[: len(own)] == own:
                return True
            ends = (number for number, part in enumerate(parts, 1) if part == own[-1])
            if any(other.project.module_path(".".join(parts[:end]), other) == path for end in ends):
                return True
    return False


@query
def _imported_names(file: File) -> list[list[str]]:
    """Return the parts of each dotted name that a file imports."""
    names = [name for scope in file.scopes for name in (*scope.imports.values(), *scope.stars)]
    names += (alias.name for each in file.nodes(ast.Import) for alias in each.names)  # `import a.b` binds only `a`
    return [name.split(".") for name in dict.fromkeys(names)]


def project_bases(file: File, scope: Scope) -> list[tuple[File, Scope]]:
    """Return the project's own classes among the bases of a class."""
    found = []
    if isinstance(scope.node, ast.ClassDef):
        for base in scope.node.bases:
            name = file.resolve(base)
            place = find_module(file, canonical_name(file, name)) if name else None
            if place and (its_scope := place[0].classes.get(".".join(place[1]))) is not None:
                found.append((place[0], its_scope))
    return found


def split_class_path(file: File, path: list[str]) -> tuple[Scope, list[str]] | None:
    """Return the class in which a name of a file begins, and the rest of the name."""
    for length in range(len(path), 0, -1):
        if (scope := file.classes.get(".".join(path[:length]))) is not None:
            return scope, path[length:]
    return None


def parameter_annotation(scope: Scope, name: str) -> ast.expr | None:
    """Return the annotation of a parameter."""
    if not isinstance(scope.node, FUNCTION):
        return None
    return next((each.annotation for each in named_parameters(scope.node) if each.arg == name), None)
