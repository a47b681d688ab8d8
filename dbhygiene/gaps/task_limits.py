"""`time_limit`: the time after which a worker ends a task, by its decorator, or by a setting of Celery's.

@app.task(time_limit=60)             # 60 seconds
def load(): ...

queue.enqueue(load)                  # `limit_of_call`: 180 seconds, the default of RQ
"""

from __future__ import annotations

import ast

from dbhygiene.gaps.call_durations import numbers_of_setting, seconds
from dbhygiene.gaps.duration import FOR_EVER
from dbhygiene.library.background import (
    DEFAULT_TIME_LIMITS,
    ENQUEUES,
    TIME_LIMIT_SETTINGS,
    TIME_LIMIT_WORDS,
    TIME_LIMITS,
)
from dbhygiene.program.entry_point import task_library
from dbhygiene.program.tasks import is_task
from dbhygiene.source.file import File
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
    return FOR_EVER if any(map(file.project.paths_containing, _OF_QUEUES)) else DEFAULT_TIME_LIMITS["rq"]


_OF_QUEUES = frozenset(TIME_LIMIT_WORDS) - {"job_timeout"}  # words of limits for all jobs of a queue


def _limits(file: File, decorator: ast.expr) -> list[float]:
    called = without_arguments(decorator)
    library = task_library(file, called) or "celery"  # a task of an app that is not known
    units = TIME_LIMITS.get(library, {})
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    given = [seconds(file, word.value).most * units[word.arg] for word in keywords if word.arg in units]
    found = [limit if limit > 0 else FOR_EVER for limit in given]  # of rq, -1 is no limit
    if not found and library in DEFAULT_TIME_LIMITS and not any(map(file.project.paths_containing, TIME_LIMIT_WORDS)):
        return [DEFAULT_TIME_LIMITS[library]]
    if found or library != "celery":
        return found
    return [max(numbers) for name in TIME_LIMIT_SETTINGS if (numbers := numbers_of_setting(file, name))]
