"""`Table`: the table of a query; `may_grow`: whether it may have very many rows, by names and by its class.

Most tables of a program are small for ever. A table counts as one that grows by its name, by a foreign key to such a
table, or by INSERT statements in the program, as long as its name does not say that it is small.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.library.table_names import grows, stays_small
from dbhygiene.library.test_files import is_example, is_test_file
from dbhygiene.pools.sqlalchemy import in_migrations
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import argument_values, last_name
from dbhygiene.source.records import Record

_FOREIGN_KEYS = ("ForeignKey", "OneToOneField")
_BOOKKEEPING = "_by"  # the end of the names of columns for who has made or changed a row: any table has them
_USERS = ("AUTH_USER_MODEL", "get_user_model")


class Table(Record):
    """A table, by its own name or by that of the class that is mapped to it."""

    name: str
    mapped: Definition | None = None


def may_grow(file: File, table: Table) -> bool:
    """Whether a table that a file queries grows with the use of the program."""
    if stays_small(table.name):
        return False
    if grows(table.name):
        return True
    if table.mapped is not None:
        return any(map(grows, _references(table.mapped.node)))
    return _is_inserted_into(file, table.name)


def _references(cls: ast.AST) -> Iterator[str]:
    """Yield the names of the tables or classes that the foreign keys of a class refer to."""
    for column in getattr(cls, "body", ()):
        match column:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if not name.removesuffix("_id").endswith(_BOOKKEEPING):
                yield from _targets(value)


def _targets(column: ast.expr) -> Iterator[str]:
    for call in (part for part in ast.walk(column) if isinstance(part, ast.Call)):
        given = [word.value for word in call.keywords if word.arg == "foreign_key"]
        given += argument_values(call)[:1] if last_name(call.func).endswith(_FOREIGN_KEYS) else []
        for each in given:
            match each:
                case ast.Constant(value=str(text)):  # "shop.Order", or the column "orders.id"
                    parts = text.split(".")
                    yield parts[-1] if parts[-1][:1].isupper() else parts[-2] if parts[1:] else text
                case ast.Call(func=func) | func if last_name(func) in _USERS:
                    yield "user"
                case ast.Name() | ast.Attribute():
                    yield last_name(each) if last_name(each)[:1].isupper() else last_name(getattr(each, "value", each))


def _is_inserted_into(file: File, table: str) -> bool:
    """Whether a file of the program has an INSERT statement for a table."""
    pattern = re.compile(rf"\binsert\s+(?:\w+\s+)?into\s+[`\"]?(?:\w+[`\"]?\.[`\"]?)?{table}\b", re.IGNORECASE)
    others = (each for each in files_with_word(file, table) if not (is_test_file(each) or is_example(each)))
    return any(pattern.search(each.text) is not None and not in_migrations(each) for each in others)
