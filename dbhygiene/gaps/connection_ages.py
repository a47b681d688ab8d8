"""`WrittenAge`: each place in a settings module that sets the age of a database's connections, and the age.

DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": 600}}     # at `600`: 600 seconds
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.gaps.django_settings import AgeChange, ages_set, is_in_databases, seconds_of
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Called, Constant, Dict, Text, UnknownNumber, Value, as_dict, options
from dbhygiene.source.file import File
from dbhygiene.source.nodes import written_items
from dbhygiene.source.records import Record

_POOLING_ENGINES = ("geventpool", "conn_pool", "postgrespool", "psycopg2_pool", "sqlite", "spatialite")


class WrittenAge(Record):
    """An expression that is the age of a database's connections; `seconds` is None if the age is not known."""

    value: ast.expr
    seconds: float | None
    is_conditional: bool = False  # the age of one environment: another one has none


def written_ages(settings: File) -> Iterator[WrittenAge]:
    """Yield the ages of connections that no pool keeps, by `CONN_MAX_AGE` and by `conn_max_age`."""
    seen: set[ast.expr] = set()
    for literal in settings.nodes(ast.Dict):
        written = written_items(literal)
        age = written.get("CONN_MAX_AGE")
        if age is None or not ("ENGINE" in written or is_in_databases(settings, literal)):
            continue
        seen.add(age)
        if not _is_pooled(settings, literal):
            yield _written_age(settings, age, default_seconds(evaluate(settings, age)))
    if any(word in settings.text for word in (*_POOLING_ENGINES, '"pool"', "'pool'") if "lite" not in word):
        return
    for change in ages_set(settings):
        if change.value not in seen:
            yield _written_age(settings, change.value, default_age(settings, change))


def _written_age(settings: File, age: ast.expr, seconds: float | None) -> WrittenAge:
    """Return the age of an expression, of `600 if PRODUCTION else 0` that of production."""
    if seconds is None and isinstance(age, ast.IfExp):
        ages = [seconds_of(evaluate(settings, branch)) for branch in (age.body, age.orelse)]
        if sorted(map(bool, ages)) == [False, True] and 0 in ages:
            kept = ages[0] or ages[1]
            if not _is_for_development(settings.segment(age.test), is_body=bool(ages[0])):
                return WrittenAge(age, kept, is_conditional=True)
    return WrittenAge(age, seconds)


_DEVELOPMENT = re.compile(r"debug|dev|local|test", re.IGNORECASE)


def _is_for_development(condition: str, *, is_body: bool) -> bool:
    """Whether a branch of a condition holds for development: the body of `... if DEBUG else ...`."""
    is_negated = re.match(r"not\b", condition) is not None or "!=" in condition
    return (_DEVELOPMENT.search(condition) is not None) == (is_body != is_negated)


def default_age(settings: File, change: AgeChange) -> float | None:
    """Return the age that a statement sets if no variable of the environment sets another one."""
    return change.seconds if change.in_url else default_seconds(evaluate(settings, change.value))


def default_seconds(age: Value) -> float | None:
    """Return the number of an age, or the default of an environment's variable; None if neither is known."""
    several = [part for one in options(age) for part in (one, *_default_of_setting(one))]
    constants = [one.value for one in several if isinstance(one, Constant)]
    if len(constants) != 1 or not all(isinstance(one, (Constant, Called, UnknownNumber, Text)) for one in several):
        return None
    if isinstance(constants[0], str):
        return float(constants[0]) if constants[0].isdigit() else None
    if constants == [None] and any(isinstance(one, (UnknownNumber, Text)) for one in several):
        return None  # of a variable without a default
    return seconds_of(Constant(constants[0]))


def _default_of_setting(found: Value) -> Iterator[Value]:
    """Yield the default of `config.get("AGE", 60)`, and of `env("AGE")` with `env = Env(AGE=(int, 60))`."""
    match found:
        case Called(name=".get", arguments=[_, Constant(value=int()) as default]):
            yield default
        case Called(arguments=[Constant(value=str(key))], receiver=Called(name=maker) as made):
            if maker.endswith("environ.Env") and made.file is not None and made.call is not None:
                for keyword in made.call.keywords:
                    if keyword.arg == key and isinstance(keyword.value, ast.Tuple) and len(keyword.value.elts) == 2:
                        yield evaluate(made.file, keyword.value.elts[1])


def _is_pooled(settings: File, literal: ast.Dict) -> bool:
    """Whether a pool keeps the connections of a database, or it is a file."""
    database = as_dict(evaluate(settings, literal)).items
    for engine in options(database.get("ENGINE", Constant(""))):
        if isinstance(engine, Constant) and any(word in str(engine.value) for word in _POOLING_ENGINES):
            return True
    given = database.get("OPTIONS", Dict())
    return any(isinstance(one, Dict) and "pool" in one.items for one in options(given))
