"""`inherited_resource`: what an object is whose class derives from a library's connection or session.

class Connection(pymysql.connections.Connection): ...

def names():
    conn = Connection(host="db")     # opens a connection, which must be closed
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.resources import Resource
from dbhygiene.lifetimes.fields import is_plain_base
from dbhygiene.lifetimes.library_models import LibraryModels
from dbhygiene.program.definitions import Definition, base_classes
from dbhygiene.source.nodes import FUNCTION, Function, first_parameter, walk
from dbhygiene.source.records import replace

# The effects of classes with these methods are not analysed.
_CHANGING = frozenset("__del__ __new__ __getattr__ __getattribute__ __enter__ __exit__ __aenter__ __aexit__".split())


def inherited_resource(cls: Definition, library: LibraryModels) -> Resource | None:
    """Return the resource that an object of a class is, by a library's connection or session among its bases.

    Return None if the class changes how that is made, entered or left, or lets its object escape.
    """
    assert isinstance(cls.node, ast.ClassDef)
    if not cls.node.bases or cls.node.decorator_list:
        return None
    family = (cls, *base_classes(cls))
    found: set[Resource] = set()
    for each in family:
        assert isinstance(each.node, ast.ClassDef)
        if each.node.keywords:
            return None
        for base in each.node.bases:
            name = each.file.resolve(base.value if isinstance(base, ast.Subscript) else base)
            if name is None:
                return None
            if (resource := library.resource_of_base(each.file, name)) is not None:
                found.add(resource)
            elif not is_plain_base(each.file, name):
                return None
    methods = list(_methods(family)) if len(found) == 1 else []
    if len(found) != 1 or not all(_is_followed(each, library, found) for each in methods):
        return None
    resource = found.pop()
    return replace(
        resource,
        closed_by=_with_callers(resource.closed_by, methods),
        rests_after=_with_callers(resource.rests_after, methods) - resource.closed_by,
    )


def _methods(family: tuple[Definition, ...]) -> Iterator[Definition]:
    for each in family:
        scope = each.file.classes.get(each.name)
        for node in scope.defined.values() if scope is not None else ():
            if isinstance(node, FUNCTION):
                yield Definition(each.file, node, f"{each.name}.{node.name}")


def _is_followed(method: Definition, library: LibraryModels, resources: set[Resource]) -> bool:
    """Whether a method does not let its object escape; the constructor must make it as the library does."""
    assert isinstance(method.node, FUNCTION)
    if method.node.name in _CHANGING or not _keeps_object(method.node):
        return False
    if method.node.name != "__init__":
        return True
    made = [part for part in ast.walk(method.node) if isinstance(part, ast.Call) and _is_constructor(part)]
    return bool(made) and all(
        library.opens_as_base(method.file, call, resource) for call in made for resource in resources
    )


def _is_constructor(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"


def _keeps_object(method: Function) -> bool:
    """Whether a method uses its object only for attributes, `super(Class, self)` and `Base.method(self)`."""
    own = first_parameter(method)
    for part in walk(method):
        for child in ast.iter_child_nodes(part):
            if isinstance(child, ast.Name) and child.id == own and not isinstance(part, ast.Attribute):
                if not (isinstance(part, ast.Call) and _is_of_base(part)):
                    return False
    return True


def _is_of_base(call: ast.Call) -> bool:
    """Whether a call is `super(Class, self)`, or `Base.__init__(self, ...)`."""
    match call.func:
        case ast.Name(id="super") | ast.Attribute(attr="__init__" | "close" | "commit" | "rollback"):
            return True
    return False


def _with_callers(names: frozenset[str], methods: list[Definition]) -> frozenset[str]:
    """Return these methods, and those that call one of them, on any object."""
    while True:
        more = {each.node.name for each in methods if _mentions(each.node, names)} - names
        if not more:
            return names
        names |= more


def _mentions(method: ast.AST, names: frozenset[str]) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr in names for part in ast.walk(method))
