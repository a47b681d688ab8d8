"""`opens_in_memory`: whether a connection has a database in memory; and whether it is opened later (`is_deferred`).

sqlite3.connect(":memory:")              # in memory
pymysql.connect(defer_connect=True)      # opened later
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.library.resources import Driver
from dbhygiene.program.evaluation import evaluate, evaluate_keywords
from dbhygiene.program.values import Constant, options
from dbhygiene.source.file import File


def opens_in_memory(file: File, call: ast.Call, driver: Driver) -> bool:
    """Whether a connection has a database of its own, which ends with it."""
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "database")]
    if given:
        names = list(_texts(file, given[0]))
    else:
        names = [driver.default_database if all(each.arg is not None for each in call.keywords) else None]
    return bool(names) and all(name is not None and re.fullmatch(driver.in_memory, name) for name in names)


def _texts(file: File, expr: ast.expr) -> Iterator[str | None]:
    """Yield the strings that an expression may be; None stands for any."""
    if isinstance(expr, ast.Constant):
        yield expr.value if isinstance(expr.value, str) else None
        return
    if "memory" not in file.text:
        yield None
        return
    for option in options(evaluate(file, expr)):
        yield option.value if isinstance(option, Constant) and isinstance(option.value, str) else None


def is_deferred(file: File, call: ast.Call, driver: Driver) -> bool:
    """Whether a call makes a connection that a later call opens."""
    for keyword in call.keywords:
        if keyword.arg == driver.deferred_by:
            return not isinstance(keyword.value, ast.Constant) or bool(keyword.value.value)
    if all(keyword.arg is not None for keyword in call.keywords):
        return False
    given = evaluate_keywords(file, call).items.get(driver.deferred_by)
    return given is not None and any(not isinstance(one, Constant) or bool(one.value) for one in options(given))
