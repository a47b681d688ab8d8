"""`adds_rows`: whether a write changes the database once more each time that it runs.

cursor.execute("insert into orders (total) values (%s)", row)     # adds a row each time
cursor.execute("insert ignore into orders (total) ...", row)      # a unique key may keep the second row out
session.add(Order(total=1))                                       # adds a row each time
"""

from __future__ import annotations

import ast
import re

from dbhygiene.library import django, sqlalchemy
from dbhygiene.library.words import words
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import HOLE, patterns
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import last_name

_INSERT = lazy_pattern(
    r"\s*INSERT\s+(?:INTO\s+)?(?P<table>[^\s(]+)\s*(?:\((?P<columns>[^)]*)\)\s*)?(?P<rest>(?:VALUES?|SELECT|SET)\b.*)",
    re.IGNORECASE | re.DOTALL,
)
_KEEPS_OUT = lazy_pattern(r"\bON\s+(?:DUPLICATE|CONFLICT)\b|\bNOT\s+EXISTS\b|\bNOT\s+IN\b", re.IGNORECASE)
_UPDATE = lazy_pattern(r"\s*UPDATE\b.*?\bSET\b(?P<sets>.*?)(?:\bWHERE\b(?P<where>.*))?$", re.IGNORECASE | re.DOTALL)
_INCREMENT = lazy_pattern(r"(?P<column>[\w.`\"]+)\s*=\s*(?P=column)\s*[-+*/]")
# A column that identifies its row, as far as its name shows.
_KEY = lazy_pattern(
    r"(?:id|pk|(?:.*_)?(?:uu|gu)id|(?:.*_)?(?:key|hash|token|digest|checksum|sha\d*|md5)"
    r"|(?:request|message|event|transaction|task|job|external|idempotency)_?id)",
    re.IGNORECASE,
)
_MERGES = words("on_conflict_do_nothing on_conflict_do_update on_duplicate_key_update prefix_with from_select")
_CREATES = words("create acreate bulk_create abulk_create")
_IGNORES = words("ignore_conflicts update_conflicts")


def sql_adds_rows(file: File, sql: ast.expr) -> bool:
    """Whether a statement is known, and does the same again if it runs a second time."""
    found = patterns(evaluate(file, sql))
    return bool(found) and all(_adds(text) for text in found)


def _adds(text: str) -> bool:
    if (inserts := _INSERT.match(text)) is not None:
        columns, rest = inserts["columns"], inserts["rest"]
        if _KEEPS_OUT.search(rest) or rest.rstrip().endswith(HOLE):
            return False
        if columns is None:
            return False  # the values may contain a key
        return HOLE not in columns and not any(_is_key(each) for each in columns.split(","))
    if (updates := _UPDATE.match(text)) is not None:
        where = updates["where"] or ""
        columns = [each["column"] for each in _INCREMENT.finditer(updates["sets"])]
        return bool(columns) and HOLE not in where and not any(each in where for each in columns)
    return False


def _is_key(column: str) -> bool:
    return _KEY.fullmatch(column.strip().strip('`"[]')) is not None


def session_adds_rows(file: File, call: ast.Call, method: str) -> bool:
    """Whether a method of SQLAlchemy's sessions and connections adds rows each time that it runs."""
    if not call.args:
        return False
    given = call.args[0]
    if method == "add":
        return _is_new(given)
    if method in {"add_all", "bulk_save_objects"}:
        return isinstance(given, (ast.List, ast.Tuple)) and bool(given.elts) and all(map(_is_new, given.elts))
    return method in sqlalchemy.EXECUTES and _statement_adds_rows(file, given)


def _is_new(expr: ast.expr) -> bool:
    """Whether an expression makes an object on the spot, without a value for a key."""
    return isinstance(expr, ast.Call) and last_name(expr.func)[:1].isupper() and not _gives_key(expr)


def _gives_key(call: ast.Call) -> bool:
    return any(word.arg is None or _is_key(word.arg) for word in call.keywords)


def _statement_adds_rows(file: File, statement: ast.expr) -> bool:
    """Whether a statement is `text("insert ...")`, its text alone as before 2.0, or `insert(...)` with values."""
    if not isinstance(statement, ast.Call):
        return sql_adds_rows(file, statement)
    chain: list[ast.Call] = []
    part: ast.expr = statement
    while isinstance(part, (ast.Call, ast.Attribute)):
        if isinstance(part, ast.Call):
            chain.append(part)
        part = part.func if isinstance(part, ast.Call) else part.value
    names = {last_name(each.func) for each in chain}
    if "text" in names:
        first = chain[-1]
        return last_name(first.func) == "text" and bool(first.args) and sql_adds_rows(file, first.args[0])
    return "insert" in names and not names & _MERGES and "values" in names and not any(map(_gives_key, chain))


def orm_adds_rows(call: ast.Call) -> bool:
    """Whether a call that queries Django's connection makes new rows: `Order.objects.create(total=1)`."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _CREATES:
        return False
    manager = call.func.value
    if last_name(manager) not in django.NAMES_OF_MANAGERS or any(word.arg in _IGNORES for word in call.keywords):
        return False
    if call.func.attr in {"create", "acreate"}:
        return not _gives_key(call)
    return bool(call.args) and isinstance(call.args[0], ast.List) and all(map(_is_new, call.args[0].elts))
