"""`table_of_statement`: the table of which a query returns all rows; `table_of_query`, with SQLAlchemy and Django.

"SELECT * FROM orders"                               # "orders"
session.query(Order).order_by(Order.id)              # "Order"
Order.objects.filter(paid=True)                      # None
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

from dbhygiene.library import django, sqlalchemy
from dbhygiene.library.words import words
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.classes import ancestry, class_named, is_model
from dbhygiene.program.definitions import Definition
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.names import canonical_name
from dbhygiene.program.types import QuerySet, TypeInference
from dbhygiene.program.values import Called, Value, options, patterns
from dbhygiene.recovery.errors import SQLALCHEMY
from dbhygiene.recovery.growing_tables import Table
from dbhygiene.recovery.handles import handle_of
from dbhygiene.recovery.unbounded_sql import table_read_whole
from dbhygiene.source.file import File
from dbhygiene.source.nodes import last_name

_Seen: TypeAlias = frozenset[Place]
_STATEMENTS = frozenset({"text", "SQL"})  # what makes a statement of a string, by the last part of its name
_SELECTS = frozenset({"sqlalchemy.select", "sqlalchemy.sql.select", "sqlalchemy.future.select", "sqlmodel.select"})
# Methods of a queryset after which it has as many rows.
_DJANGO_KEEPS = words("all order_by reverse select_related prefetch_related using defer only values values_list")
_MANAGERS = frozenset({"Manager", "UserManager", "BaseUserManager"})


def table_of_statement(file: File, expr: ast.expr) -> Table | None:
    """Return the table of which a statement, as `execute` takes it, returns all rows; None for any other."""
    return table_of_query(file, expr) or _table_of_sql(file, expr)


def table_of_query(file: File, expr: ast.expr) -> Table | None:
    """Return the table of which a query or a queryset returns all rows; None for any other."""
    return next(iter(_tables(file, expr, frozenset()) or ()), None)


def _tables(file: File, expr: ast.expr, seen: _Seen) -> list[Table] | None:
    """Return the tables; None if there is anything that limits the rows, or that is not understood."""
    match expr:
        case ast.Await(value=inner) | ast.NamedExpr(value=inner):
            return _tables(file, inner, seen)
        case ast.Name() | ast.Attribute(value=ast.Name(id="self" | "cls")):
            return _tables_of_variable(file, expr, seen)
        case ast.Call(func=ast.Attribute(value=owner, attr=method), args=given) if _keeps(file, owner, method):
            if method in sqlalchemy.JOINS and not all(last_name(each)[:1].isupper() for each in given[:1]):
                return None  # a subquery may limit the rows
            return _tables(file, owner, seen)
    found = _table_of_chain(file, expr) or _table_of_manager(file, expr)
    return [found] if found is not None else None


def _keeps(file: File, owner: ast.expr, method: str) -> bool:
    """Whether a method returns another query of as many rows; `all` of SQLAlchemy returns a list."""
    if method in sqlalchemy.KEEPS_ROWS:
        return True
    return method in _DJANGO_KEEPS and isinstance(TypeInference.of(file).type_of(owner), QuerySet)


def _tables_of_variable(file: File, name: ast.Name | ast.Attribute, seen: _Seen) -> list[Table] | None:
    """Return the tables of a variable, if each of its values is such a query: also one that adds to an earlier one."""
    bindings = Bindings.of(file)
    place = bindings.place(name)
    if place is None or place in bindings.unclear or place not in bindings.values:
        return None
    if place in seen:
        return []
    found: list[Table] = []
    for value in bindings.values[place]:
        if (tables := _tables(file, value, seen | {place})) is None:
            return None
        found += tables
    return found


# -- SQL --------------------------------------------------------------------------------------------------


def _table_of_sql(file: File, expr: ast.expr) -> Table | None:
    found = [table_read_whole(text) for text in _texts(evaluate(file, expr))]
    first = found[0] if found and all(found) else None
    return Table(first) if first is not None else None


def _texts(value: Value) -> Iterator[str]:
    for option in options(value):
        match option:
            case Called(name=maker, arguments=[text, *_]) if maker.rpartition(".")[2] in _STATEMENTS:
                yield from patterns(text)
            case _:
                yield from patterns(option)


# -- SQLAlchemy -------------------------------------------------------------------------------------------


def _table_of_chain(file: File, expr: ast.expr) -> Table | None:
    """Return the table of `session.query(Order)`, `select(Order)` or `Order.query`."""
    match expr:
        case ast.Call(func=ast.Attribute(value=owner, attr="query"), args=[entity, *more]):
            held = handle_of(file, owner)
            if (held is not None and held.library == SQLALCHEMY) or _mapped_class(file, entity) is not None:
                return _entity(file, [entity, *more])
        case ast.Call(func=func, args=[ast.List(elts=parts)]) if file.resolve(func) in _SELECTS:
            return _entity(file, parts)
        case ast.Call(func=func, args=parts) if file.resolve(func) in _SELECTS:
            return _entity(file, parts)
        case ast.Attribute(value=ast.Name() | ast.Attribute() as cls, attr="query"):
            mapped = _mapped_class(file, cls)
            return Table(last_name(cls), mapped) if mapped is not None else None
    return None


def _entity(file: File, parts: list[ast.expr]) -> Table | None:
    """Return the first class or table that a query names; None if it has expressions, such as aggregates."""
    if not parts or not all(isinstance(part, (ast.Name, ast.Attribute)) for part in parts):
        return None
    first = parts[0]
    if isinstance(first, ast.Attribute) and last_name(first.value)[:1].isupper():
        first = first.value  # the class of a column
    return Table(last_name(first), _mapped_class(file, first))


def _mapped_class(file: File, expr: ast.expr) -> Definition | None:
    """Return the class that an expression names, if SQLAlchemy maps it to a table."""
    name = file.resolve(expr)
    found = class_named(file, canonical_name(file, name)) if name and "." in name else None
    if found is None or is_model(file, found.dotted_name):
        return None
    text = found.file.segment(found.node)
    return found if any(word in text for word in ("Column(", "mapped_column(", "Mapped[", "__tablename__")) else None


# -- Django -----------------------------------------------------------------------------------------------


def _table_of_manager(file: File, expr: ast.expr) -> Table | None:
    """Return the table of `Order.objects`, unless its manager is the project's own, which may add a condition."""
    if not isinstance(expr, ast.Attribute) or expr.attr not in django.NAMES_OF_MANAGERS:
        return None
    found = TypeInference.of(file).type_of(expr)
    if not isinstance(found, QuerySet) or found.model is None:
        return None
    cls = class_named(file, found.model)
    if cls is not None and any(each not in _MANAGERS for each in _managers(cls, expr.attr)):
        return None
    if cls is not None and any(mapper in cls.file.text for mapper in django.OTHER_MAPPERS):
        return None
    return Table(found.model.rpartition(".")[2], cls)


def _managers(cls: Definition, name: str) -> list[str]:
    """Return the names of the classes of a model's managers of this name, own and inherited."""
    made = (v for file, scope in ancestry(cls) for v in Bindings.of(file).values.get(Place(scope, name), ()))
    return [last_name(value.func) if isinstance(value, ast.Call) else "" for value in made]
