"""`ErrorClass`: the class of a database library's errors that a handler names, and which errors it covers.

except (pymysql.OperationalError, InterfaceError):   # ErrorClass("pymysql", "OperationalError"), ...
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from functools import cache

from dbhygiene.library import django, drivers, sqlalchemy
from dbhygiene.library.resources import Driver
from dbhygiene.program.names import canonical_name
from dbhygiene.program.origins import ExpressionAt, values_of
from dbhygiene.program.pings import loss_of
from dbhygiene.source.closure import leaves
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import Code
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

DJANGO, SQLALCHEMY, PEEWEE, PYTHON = "django", "sqlalchemy", "peewee", ""
# The classes that cover each error, besides those of Python; the names are those of PEP 249, and of SQLAlchemy.
_COMMON = frozenset({"Error", "MySQLError", "DBAPIError", "StatementError", "SQLAlchemyError"})
COVERED_BY = {
    "OperationalError": _COMMON | {"OperationalError", "DatabaseError"},
    "InterfaceError": _COMMON | {"InterfaceError"},
    "DatabaseError": _COMMON | {"DatabaseError"},
    "PendingRollbackError": frozenset({"PendingRollbackError", "InvalidRequestError", "SQLAlchemyError"}),
}
LOSS_CLASSES = frozenset({"OperationalError", "InterfaceError"})  # a handler that names one of these means a loss
STATEMENT_ERRORS = frozenset({"ProgrammingError", "IntegrityError", "DataError", "NotSupportedError"})  # of PEP 249
_ANY = frozenset({"Exception", "BaseException"})


class ErrorClass(Record):
    """A class of exceptions: of a database library, by its package; of Python, if that is empty."""

    library: str
    name: str

    def covers(self, library: str, error: str) -> bool:
        """Whether `except` of this class catches an error of a library."""
        if self.library == PYTHON:
            return self.name in _ANY
        return self.library == library and self.name in COVERED_BY.get(error, ())

    @property
    def is_database(self) -> bool:
        return self.library != PYTHON

    @property
    def has_server(self) -> bool:
        """Whether it is of a library of which we know how a connection to a server is lost."""
        return self.library in {DJANGO, SQLALCHEMY, PEEWEE} or loss_of(self.library) is not None

    @property
    def dotted_name(self) -> str:
        return f"{self.library}.{self.name}" if self.library else self.name


def error_class(file: File, expr: ast.expr) -> ErrorClass | None:
    """Return the class of exceptions that an expression names; None if it is neither Python's nor a known library's."""
    name = file.resolve(expr)
    return named_error(canonical_name(file, name)) if name is not None else None


@cache
def named_error(dotted: str) -> ErrorClass | None:
    module, _, last = dotted.rpartition(".")
    if not module:
        kind = getattr(builtins, last, None)
        return ErrorClass(PYTHON, last) if isinstance(kind, type) and issubclass(kind, BaseException) else None
    if module in django.LOSS_MODULES:
        return ErrorClass(DJANGO, last)
    if module in sqlalchemy.LOSS_MODULES:
        return ErrorClass(SQLALCHEMY, last)
    if module == PEEWEE:
        return ErrorClass(PEEWEE, last)
    found = drivers.driver(module.partition(".")[0])
    if found is not None and module in _error_modules(found):
        return ErrorClass(found.package, last)
    return None


def _error_modules(found: Driver) -> tuple[str, ...]:
    """Return the modules that hold the classes of a driver's errors: of one that is not measured, those of PEP 249."""
    return found.loss.modules if found.loss is not None else (found.package, f"{found.package}.dbapi2")


@query
def classes_of(file: File, handler: ast.ExceptHandler) -> tuple[ErrorClass | None, ...]:
    """Return the classes that a handler names, one by one; None for one that is not known."""
    if handler.type is None:
        return (ErrorClass(PYTHON, "BaseException"),)
    return classes_in(file, handler.type)


def classes_in(file: File, expr: ast.expr) -> tuple[ErrorClass | None, ...]:
    """Return the classes that an expression names: a class, a tuple of them, or a variable that holds one."""
    return tuple(error_class(*each) for each in leaves(ExpressionAt(file, expr), _parts)) or (None,)


def _parts(at: ExpressionAt) -> list[ExpressionAt] | None:
    """Return the expressions that list the classes of another one; None if it is a class, or not known."""
    match at.expr:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [ExpressionAt(at.file, part) for part in parts]
        case ast.Starred(value=inner):
            return [ExpressionAt(at.file, inner)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [ExpressionAt(at.file, left), ExpressionAt(at.file, right)]
    return (values_of(*at) or None) if error_class(*at) is None else None


def libraries(classes: Iterable[ErrorClass | None]) -> frozenset[str]:
    """Return the libraries of which classes name an error that a loss raises."""
    return frozenset(
        each.library for each in classes if each is not None and each.has_server and each.name in _LOSS_OR_ABOVE
    )


def join_names(classes: Iterable[ErrorClass | None], library: str) -> str:
    """Return the names of those classes that are of a library, as a sentence lists them."""
    return " or ".join(dict.fromkeys(each.name for each in classes if each is not None and each.library == library))


_LOSS_OR_ABOVE = frozenset().union(*COVERED_BY.values()) | {"DisconnectionError"}


def means_loss(classes: Iterable[ErrorClass | None], library: str) -> bool:
    """Whether a handler names, of a library, a class whose first meaning is that the connection is lost."""
    return any(
        each is not None and each.library == library and each.name in LOSS_CLASSES | {"DisconnectionError"}
        for each in classes
    )


@query
def tries(file: File) -> tuple[tuple[Code, ast.Try], ...]:
    """Return the `try` statements of a file that have handlers, each with the function or module that it stands in."""
    nodes = sorted(file.nodes(ast.Try), key=lambda each: (each.lineno, each.col_offset))
    return tuple((function_around(file, node) or file.tree, node) for node in nodes if node.handlers)
