"""`Relations`: what an expression is to the resource that a fact is about.

With the aliases {(ITSELF, "conn"), (PART, "rows")}:

conn                    ITSELF
conn.close              CLOSE_METHOD
[conn]                  the relation of a tuple with the resource as its element 0
{"rows": rows}          PARTS
other                   None
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from dbhygiene.library.calls import PLAIN, PLAIN_OF_CURSOR, READING
from dbhygiene.library.resources import Element, Resource
from dbhygiene.lifetimes.names import Names
from dbhygiene.lifetimes.state import (
    BOUND_METHOD,
    CLOSE_METHOD,
    CLOSERS,
    CONTAINER,
    ITSELF,
    MAYBE_PART,
    NOT_OPENED,
    OPENED,
    PART,
    READERS,
    Fact,
    Site,
    container_of,
    content_of,
    dotted_path,
    element_of,
    item,
)
from dbhygiene.source.nodes import argument_values

_TO_CONNECTION = frozenset({"connection", "conn", "_connection"})  # attributes of a cursor that hold its connection


class Relations:
    """The relations between the values of one function and its resources."""

    def __init__(self, sites: Mapping[Site, Resource], names: Names) -> None:
        self.sites, self.names = sites, names

    def resource(self, fact: Fact) -> Resource:
        assert fact.site is not None
        return self.sites[fact.site]

    def holds(self, expr: ast.AST | None, fact: Fact) -> str | None:
        """Return the relation of an evaluated expression to the resource; None if there is none."""
        if expr is None or not fact.aliases:
            return None
        if (relation := fact.relation_of(expr)) is not None:
            return None if relation in {OPENED, NOT_OPENED} else relation
        match expr:
            case ast.Name(id=name):
                return fact.relation_of(name)
            case ast.Attribute(value=value, attr=attr):
                path = dotted_path(expr)
                if path is not None and (relation := fact.relation_of(path)) is not None:
                    return relation
                return self._member(self.holds(value, fact), attr, fact)
            case ast.Await(value=value):
                return self.holds(value, fact)
            case ast.NamedExpr(target=target, value=value):  # the variable holds what its value has held before
                return self.holds(value, fact) or self.holds(target, fact)
            case ast.Starred(value=value):
                return self.read_out(self.holds(value, fact), fact)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                return self.of_new([(Element(index), each) for index, each in enumerate(elements)], fact)
            case ast.Dict(keys=keys, values=values):
                return self.of_new([(_element_at(key), each) for key, each in zip(keys, values, strict=True)], fact)
            case ast.GeneratorExp():  # it runs later, on all variables that it mentions
                return PART if any(fact.relation_of(dotted_path(part) or part) for part in ast.walk(expr)) else None
            case ast.Subscript(value=value, slice=index):
                relation = self.holds(value, fact)
                return self._element(relation, index) or self.within(relation, fact)
            case ast.BinOp():  # of containers; other operands hold no resource
                inside = {relation for term in _terms(expr) if (relation := content_of(self.holds(term, fact)))}
                return container_of(inside) if inside else None
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(attr)), *_]):
                return self._member(self.holds(owner, fact), attr, fact)
        return None

    def is_queried(self, expr: ast.expr, fact: Fact) -> bool:
        """Whether an expression queries the resource: a method of it or of a cursor, a call with one as an argument."""
        if not isinstance(expr, ast.Call):
            return self.holds(expr, fact) in {ITSELF, PART}
        func = expr.func
        owner = [func.value] if isinstance(func, ast.Attribute) else []
        if any(self.holds(part, fact) in {ITSELF, PART} for part in (*owner, *argument_values(expr))):
            return True
        return bool(fact.fields()) and any(dotted_path(each) == "self" for each in owner)

    def read_out(self, relation: str | None, fact: Fact) -> str | None:
        """Return the relation of all that can be read from an object: rows are data, a session's objects are not."""
        return None if relation in READERS and not self.resource(fact).is_lazy else relation

    def within(self, owner: str | None, fact: Fact) -> str | None:
        """Return the relation of a field or element of an object: an object that holds a cursor may return that."""
        return MAYBE_PART if owner == MAYBE_PART and not self.resource(fact).is_lazy else None

    def is_container(self, expr: ast.expr) -> bool:
        seen = self.names.captured | self.names.shared
        if isinstance(expr, ast.Attribute) and isinstance(expr.value, ast.Name):
            is_own = expr.value.id in self.names.owners and expr.attr not in self.names.inner_fields
            return is_own and expr.attr in self.names.container_fields
        return isinstance(expr, ast.Name) and expr.id in self.names.containers and expr.id not in seen

    def _member(self, owner: str | None, attr: str, fact: Fact) -> str | None:
        if owner is not None and (element := element_of(owner)) is not None:
            return ITSELF if attr == element.name else None
        if owner == ITSELF and attr in self.resource(fact).closed_by:
            return CLOSE_METHOD
        if owner in CLOSERS and attr == "close":
            return CLOSE_METHOD
        if owner == ITSELF and attr in self.resource(fact).beneath:
            return ITSELF
        if owner in READERS and attr in _TO_CONNECTION:
            return ITSELF
        handed = attr in READING if owner in READERS else owner == ITSELF and attr not in PLAIN
        if handed:
            return BOUND_METHOD + attr
        return None if attr in PLAIN_OF_CURSOR else self.within(owner, fact)

    def of_new(self, elements: list[tuple[Element | None, ast.expr]], fact: Fact) -> str | None:
        """Return the relation of a new tuple, list, dict or record of these elements."""
        found = [(at, relation) for at, element in elements if (relation := self.holds(element, fact))]
        owning = [
            (at, relation)
            for at, relation in found
            if relation in {ITSELF, CONTAINER, *CLOSERS, CLOSE_METHOD} or element_of(relation) is not None
        ]
        if not owning:
            return container_of(relation for _, relation in found) if found else None
        (place, relation), *others = owning
        exact = relation == ITSELF and not others and not any(isinstance(each, ast.Starred) for _, each in elements)
        return item(place) if exact and place is not None else CONTAINER

    @staticmethod
    def _element(container: str | None, index: ast.expr) -> str | None:
        element = element_of(container) if container is not None else None
        if element is None:
            return content_of(container)
        match index:
            case ast.Constant(value=int(wanted)) if wanted >= 0:
                return ITSELF if wanted == element.position else None
            case ast.Constant(value=str(name)):
                return ITSELF if name == element.name else None
        return ITSELF


def _element_at(key: ast.expr | None) -> Element | None:
    """Return the place of a dict's item that has this key; None if the key is no text."""
    match key:
        case ast.Constant(value=str(name)):
            return Element(None, name)
    return None


def _terms(expr: ast.expr) -> list[ast.expr]:
    """Return the terms of a sum, in no order."""
    found, todo = [], [expr]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.BinOp):
            todo += (part.left, part.right)
        else:
            found.append(part)
    return found
