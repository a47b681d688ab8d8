"""`Definition`: the function or class of the project that an absolute dotted name stands for, and its base classes.

from shop.orders import load         # in shop/__init__.py

shop.load()                          # `find_definition(file, "shop.load")`: the `load` of shop/orders.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from dbhygiene.library.calls import CONTEXT_MANAGERS
from dbhygiene.program.names import find_module
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, without_arguments
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record
from dbhygiene.source.scopes import Scope

Definable: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef"


class Definition(Record):
    """A function or class of the project: its file and node."""

    file: File
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    name: str  # qualified within its file

    @property
    def query_results(self) -> dict[Any, dict[Any, Any]]:
        return self.file.query_results

    @property
    def query_key(self) -> ast.AST:
        return self.node

    @property
    def query_input(self) -> int:
        return self.file.query_input

    @property
    def last_name(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def dotted_name(self) -> str:
        return f"{self.file.module}.{self.name}"

    @property
    def place(self) -> tuple[Path, str]:
        """Return its file and its name there: the same in another text of the file, when a fix is tried."""
        return self.file.path, self.name

    def is_same(self, other: Definition) -> bool:
        """Whether the other has the same name in the same file, which may be another text of it."""
        return self.place == other.place

    @property
    def decorators(self) -> Iterator[str | None]:
        """Yield the dotted names of the decorators; of a call, that of its function. None for one without a name."""
        for decorator in self.node.decorator_list:
            yield self.file.resolve(without_arguments(decorator))


@query
def find_definition(near: File, dotted: str) -> Definition | None:
    """Return the project's function or class of this absolute name, through re-exports and base classes."""
    seen: set[tuple[File, str]] = set()
    while (module := _module_of(dotted, near)) is not None:
        near, rest = module
        found = _within(near, rest)
        if not isinstance(found, str):
            return found
        if (near, rest[0]) in seen:
            break  # modules import a name from each other, or from themselves
        seen.add((near, rest[0]))
        dotted = found  # imported there from another module
    return None


def resolve_step(near: File, dotted: str) -> tuple[str | None, tuple[File, list[str]] | None]:
    """Return the origin of an absolute name that a module imports, or None; and that module, with the name there."""
    place = _module_of(dotted, near)
    if place is None:
        return None, None
    found = _within(*place)
    return (found if isinstance(found, str) else None), place


def _module_of(dotted: str, near: File) -> tuple[File, list[str]] | None:
    """Return the file that holds a dotted name, else `near` if the name is below its own; and the name there."""
    own = f"{near.module}."
    return find_module(near, dotted) or ((near, dotted[len(own) :].split(".")) if dotted.startswith(own) else None)


def _within(file: File, path: list[str]) -> Definition | str | None:
    """Return a definition in a file, or the absolute name by which to find it elsewhere."""
    first, *rest = path
    if first not in file.scope.defined:
        meaning = file.meaning(first, file.scope)
        own = f"{file.module}.{first}"
        if meaning in (None, own, first):
            return None
        return ".".join([str(meaning), *rest])
    node: Definable = file.scope.defined[first]
    name = first
    while rest:
        if isinstance(node, FUNCTION):
            if rest[0] != "<locals>" or len(rest) < 2:
                return None
            inner = file.functions[node].defined.get(rest[1])
            if inner is None:
                return None
            node, name, rest = inner, f"{name}.<locals>.{rest[1]}", rest[2:]
            continue
        member, rest = rest[0], rest[1:]
        found = find_method(Definition(file, node, name), member)
        if found is None:
            return None
        if not rest:
            return found
        file, node, name = found.file, found.node, found.name
    return Definition(file, node, name)


@query
def base_classes(cls: Definition) -> tuple[Definition, ...]:
    """Return the base classes of a class that the project defines, the nearest first; not the class itself."""
    return tuple(_compute_bases(cls))


def _compute_bases(cls: Definition) -> Iterator[Definition]:
    assert isinstance(cls.node, ast.ClassDef)
    seen: set[ast.AST] = {cls.node}
    todo = [cls]
    while todo:
        each = todo.pop(0)
        for base in each.node.bases:  # type: ignore[union-attr]
            expr = base.value if isinstance(base, ast.Subscript) else base
            name = each.file.resolve(expr)
            found = find_definition(each.file, name) if name else None
            if found and isinstance(found.node, ast.ClassDef) and found.node not in seen:
                seen.add(found.node)
                todo.append(found)
                yield found


def derives_from(cls: Definition, base: Definition) -> bool:
    """Whether another class of the project is among the bases of a class, directly or not."""
    return any(each.node is base.node for each in base_classes(cls))


def find_method(cls: Definition, name: str) -> Definition | None:
    """Return a class's own or inherited method, or a class within it."""
    return _own_method(cls, name) or next(
        (found for each in base_classes(cls) if (found := _own_method(each, name))), None
    )


def _own_method(cls: Definition, name: str) -> Definition | None:
    scope = cls.file.classes.get(cls.name)
    if scope is None or name not in scope.defined:
        return None
    return Definition(cls.file, scope.defined[name], scope.inner_name(name))


def enclosing_class(file: File, scope: Scope) -> Definition | None:
    """Return the class around a scope, however deep within its methods."""
    here: Scope | None = scope
    while here is not None:
        if isinstance(here.node, ast.ClassDef):
            return Definition(file, here.node, here.name)
        here = here.parent
    return None


def constructor(definition: Definition) -> Definition | None:
    """Return the `__init__` of a class."""
    if isinstance(definition.node, FUNCTION) or definition.node.decorator_list:
        return None
    made = find_method(definition, "__init__")
    return made if made is not None and isinstance(made.node, FUNCTION) else None


def setter(method: Definition) -> dict[str, int]:
    """Return field -> position of its argument, if a method does nothing but set fields of its object."""
    found: dict[str, int] = {}
    if not isinstance(method.node, FUNCTION) or method.node.decorator_list or not method.node.args.args:
        return {}
    own, *parameters = (arg.arg for arg in method.node.args.args)
    for statement in method.node.body:
        match statement:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=name), attr=field)], value=ast.Name(id=given)):
                if name != own or given not in parameters:
                    return {}
                found[field] = parameters.index(given)
            case ast.Expr(value=ast.Constant()):
                continue
            case _:
                return {}
    return found


def is_context_manager(definition: Definition) -> bool:
    """Whether a definition is a generator that a decorator makes a context manager."""
    return isinstance(definition.node, FUNCTION) and not CONTEXT_MANAGERS.isdisjoint(definition.decorators)
