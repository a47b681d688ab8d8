"""`time_limit`: the time after which a worker ends a task, by its decorator, its queue, or a setting of Celery's.

@app.task(time_limit=60)             # 60 seconds
def load(): ...

queue.enqueue(load)                  # `limit_of_call`: 180 seconds, the default of RQ
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.gaps.call_durations import numbers_of_setting, seconds
from dbhygiene.gaps.duration import FOR_EVER
from dbhygiene.library.background import (
    DEFAULT_TIME_LIMITS,
    ENQUEUES,
    QUEUE_OPTIONS,
    TIME_LIMIT_OPTIONS,
    TIME_LIMIT_SETTINGS,
    TIME_LIMITS,
)
from dbhygiene.program.entry_point import task_library
from dbhygiene.program.tasks import is_task
from dbhygiene.source.file import File, files_with_word, is_mentioned
from dbhygiene.source.nodes import FUNCTION, Code, keyword_value, last_name, without_arguments
from dbhygiene.source.queries import query


@query
def time_limit(file: File, function: Code) -> float:
    """Return the seconds after which a worker ends a function that is a task; infinite if nothing limits it."""
    limits: list[float] = []
    for decorator in function.decorator_list if isinstance(function, FUNCTION) else ():
        if is_task(file, decorator):
            limits += _limits(file, decorator)
    return min(limits, default=FOR_EVER)


def limit_of_call(file: File, call: ast.Call) -> float:
    """Return the seconds after which a worker ends a function that a call puts into a queue; infinite if unknown."""
    if last_name(call.func) not in ENQUEUES:
        return FOR_EVER
    given = keyword_value(call, "job_timeout") or keyword_value(call, "timeout")
    if given is not None:
        limit = seconds(file, given).most
        return limit if limit > 0 else FOR_EVER
    return _limit_of_queues(file)


@query
def _limit_of_queues(file: File) -> float:
    """Return the longest limit that a queue of the project may have for its jobs, of those that RQ runs."""
    given = (limit for option in QUEUE_OPTIONS for limit in _numbers_of(file, option))
    return max([DEFAULT_TIME_LIMITS["rq"], *(limit if limit > 0 else FOR_EVER for limit in given)])


def _numbers_of(file: File, option: str) -> list[float]:
    """Return the seconds that the project's files give for an option; infinite for one that is not known."""
    where = files_with_word(file, option)
    return [seconds(each, value).most for each in where for value in _values_of(each, option)]


def _values_of(file: File, option: str) -> Iterator[ast.expr]:
    """Yield what a file gives for an option: as an argument, in a dict, or by an assignment."""
    for call in file.nodes(ast.Call):
        if (value := keyword_value(call, option)) is not None:
            yield value
    for given in file.nodes(ast.Dict):
        yield from (value for key, value in zip(given.keys, given.values, strict=True) if _is_text(key, option))
    for assign in file.nodes(ast.Assign):
        for target in assign.targets:
            match target:
                case ast.Attribute(attr=name) if name == option:
                    yield assign.value
                case ast.Subscript(slice=key) if _is_text(key, option):
                    yield assign.value


def _is_text(expr: ast.expr | None, text: str) -> bool:
    return isinstance(expr, ast.Constant) and expr.value == text


def _limits(file: File, decorator: ast.expr) -> list[float]:
    called = without_arguments(decorator)
    library = task_library(file, called) or "celery"  # a task of an app that is not known
    units = TIME_LIMITS.get(library, {})
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    given = [seconds(file, word.value).most * units[word.arg] for word in keywords if word.arg in units]
    found = [limit if limit > 0 else FOR_EVER for limit in given]  # of rq, -1 is no limit
    if not found and library in DEFAULT_TIME_LIMITS:
        return [FOR_EVER if is_mentioned(file, "job_timeout") else _limit_of_queues(file)]
    if found or library != "celery":
        return found
    by_site = (numbers_of_setting(file, name) for name in TIME_LIMIT_SETTINGS)
    by_app = (_numbers_of(file, name) for name in TIME_LIMIT_OPTIONS)
    return [max(numbers) for numbers in (*by_site, *by_app) if numbers]
