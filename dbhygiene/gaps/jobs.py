"""`Job`: a function that a scheduler within the program runs repeatedly, and the time between two runs.

scheduler.add_job(remind, "interval", hours=6)     # APScheduler
schedule.every(6).hours.do(remind)                 # schedule
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Any

from dbhygiene.gaps.call_durations import seconds
from dbhygiene.gaps.django_use import uses_django
from dbhygiene.gaps.duration import FOR_EVER
from dbhygiene.gaps.effects import Close, Context, Effects
from dbhygiene.gaps.entry_points import functions_of
from dbhygiene.gaps.reachability import effects_in
from dbhygiene.library.schedulers import (
    CRON,
    CRON_FIELDS,
    DAILY,
    DECORATORS,
    EVERY,
    EVERY_UNITS,
    INTERVAL,
    JOBS,
    LOOPS,
    PACKAGES,
    PERIODIC_TASKS,
    REPEAT,
    REPEATING,
    TASKS,
    UNITS,
    WORDS,
)
from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.arguments import argument
from dbhygiene.program.classes import function_named
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.thread_wrappers import closes_around
from dbhygiene.program.values import Constant
from dbhygiene.source.file import File, ProjectView, readable_file
from dbhygiene.source.inputs import answer
from dbhygiene.source.nodes import FUNCTION, Function, last_name, without_arguments
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

_DAY = 86400.0


class Job(Record):
    """A job, the call that passes it to the scheduler, and the longest pause between two runs that is known."""

    file: File
    function: Function
    scheduler: File
    call: ast.Call
    pause: float


@answer
def schedulers(project: ProjectView) -> dict[str, list[list[Any]]]:
    """Return the functions that schedulers of a project run, by the files that pass them: path and number of each."""
    if not uses_django(project):
        return {}
    paths = dict.fromkeys(str(path) for word in WORDS for path in project.paths_containing(word))
    return {path: found for path in paths if (found := _scheduled_in(project, path))}


@answer
def _scheduled_in(project: ProjectView, path: str) -> list[list[Any]]:
    file = readable_file(project, path)
    found = jobs(file) if file is not None and file.is_program else ()
    return [[str(job.file.path), job.file.numbers_of_functions[job.function]] for job in found]


@query
def jobs(file: File) -> tuple[Job, ...]:
    """Return the jobs that a file passes to schedulers."""
    if not any(word in file.text for word in WORDS) or is_test_file(file):
        return ()
    found: list[Job] = []
    for call in file.nodes(ast.Call):
        if (given := _scheduled_function(file, call)) is not None:
            target, pause = given
            found += [Job(owner, function, file, call, pause) for owner, function in _functions(file, target)]
    for function in (code for code in file.functions if isinstance(code, FUNCTION)):
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and (every := _pause_of_decorator(file, decorator)) is not None:
                if not _closes_around(file, function):
                    found.append(Job(file, function, file, decorator, every))
    return tuple(found)


def _functions(file: File, target: ast.expr) -> Iterator[tuple[File, Function]]:
    found = list(functions_of(file, target))
    if not found and isinstance(target, ast.Attribute):  # a method of an object whose class is known
        named = (function_named(file, name) for name in Effects(Context(file, file.tree)).names(target))
        found = [(each.file, each.node) for each in named if each is not None]
    yield from (
        (owner, code) for owner, code in found if isinstance(code, FUNCTION) and not _closes_around(owner, code)
    )


def _closes_around(file: File, function: Function) -> bool:
    """Whether a decorator of a library closes old connections before each run."""
    called = (without_arguments(each) for each in function.decorator_list)
    return any(closes_around(file, file.resolve(each)) for each in called)


def _scheduled_function(file: File, call: ast.Call) -> tuple[ast.expr, float] | None:
    """Return the function that a call passes to a scheduler, and the pause between two of its runs."""
    if not isinstance(call.func, ast.Attribute):
        return None
    method = call.func.attr
    if method == "do" and call.args:
        pause = _pause_of_every(file, call.func.value)
        return (call.args[0], pause) if pause is not None and not _is_closed_by_loop(file) else None
    if method not in JOBS or not _imports_scheduler(file):
        return None
    function, trigger = JOBS[method]
    given, said = argument(call, *function), argument(call, *trigger)
    if given is None:
        return None
    if method in DAILY:
        return given, _DAY
    if method in REPEATING:
        return given, _length(file, said, 1.0) if said is not None else 0.0
    pause = _pause_of_trigger(file, said, call.keywords) if said is not None else None
    return (given, pause) if pause is not None else None


def _pause_of_decorator(file: File, decorator: ast.Call) -> float | None:
    if file.resolve(decorator.func) == REPEAT and decorator.args:
        return _pause_of_every(file, decorator.args[0]) if not _is_closed_by_loop(file) else None
    if (name := file.resolve(decorator.func)) in TASKS:
        return FOR_EVER
    if name in PERIODIC_TASKS:
        match decorator.args:
            case [ast.Call(keywords=words), *_]:
                return _pause_of_fields(file, {word.arg: word.value for word in words if word.arg})
        return 0.0
    if name in LOOPS:
        given = {word.arg: word.value for word in decorator.keywords if word.arg}
        return _DAY if "time" in given else _interval(file, given)
    said = _trigger_of_decorator(file, decorator)
    return _pause_of_trigger(file, said, decorator.keywords) if said is not None else None


def _trigger_of_decorator(file: File, decorator: ast.expr) -> ast.expr | None:
    """Return the trigger with which a decorator passes its function to a scheduler; None if it does not."""
    if not isinstance(decorator, ast.Call) or (word := last_name(decorator.func)) not in DECORATORS:
        return None
    return argument(decorator, *DECORATORS[word]) if _imports_scheduler(file) else None


def is_scheduled(file: File, function: Function) -> bool:
    """Whether a decorator passes a function to a scheduler: its pause is known, or the function runs once."""
    return any(_trigger_of_decorator(file, each) is not None for each in function.decorator_list)


@query
def _is_closed_by_loop(file: File) -> bool:
    """Whether each loop of a file that runs the pending jobs closes the connection in each round, or may do so."""
    loops = [
        next((above for above in file.around(call) if isinstance(above, (ast.While, ast.For))), None)
        for call in file.calls.get("run_pending", ())
    ]
    return bool(loops) and all(loop is not None and Close in effects_in(file, *loop.body) for loop in loops)


@query
def _imports_scheduler(file: File) -> bool:
    """Whether a file imports a scheduler, or a module of the project that does."""
    names = [name for scope in file.scopes for name in scope.imports.values()]
    if any(name.partition(".")[0] in PACKAGES for name in names):
        return True
    modules = (file.project.module(part, file) for name in names for part in (name, name.rpartition(".")[0]) if part)
    return any(
        other is not None and any(f"import {p}" in other.text or f"from {p}" in other.text for p in PACKAGES)
        for other in modules
    )


# -- how often --------------------------------------------------------------------------------------------


def _pause_of_trigger(file: File, trigger: ast.expr, keywords: Iterable[ast.keyword]) -> float | None:
    """Return the pause of a trigger of APScheduler; None if it is not known, or the job runs once."""
    match trigger:
        case ast.Call(func=ast.Attribute(attr="from_crontab"), args=[crontab, *_]):
            text = evaluate(file, crontab)
            return _pause_of_crontab(text.value) if isinstance(text, Constant) and isinstance(text.value, str) else None
        case ast.Call(func=made):
            kind, keywords = last_name(made), trigger.keywords
        case _:
            said = evaluate(file, trigger)
            kind = said.value if isinstance(said, Constant) and isinstance(said.value, str) else ""
    words = {word.arg: word.value for word in keywords if word.arg}
    if kind in INTERVAL:
        return _interval(file, words)
    if kind in CRON:
        return _pause_of_fields(file, words)
    return None


def _interval(file: File, words: dict[str, ast.expr]) -> float:
    return sum(_length(file, words[unit], size) for unit, size in UNITS.items() if unit in words)


def _pause_of_fields(file: File, words: dict[str, ast.expr]) -> float:
    return _pause_of_cron({name: _field(file, words[name]) for name in CRON_FIELDS if name in words})


def _length(file: File, number: ast.expr, unit: float) -> float:
    """Return the length of so many units; of at least one if the number is not known."""
    if isinstance(number, ast.Call) and last_name(number.func) == "timedelta":
        words = {word.arg: word.value for word in number.keywords if word.arg}
        days = _length(file, number.args[0], _DAY) if number.args else 0.0
        return days + sum(_length(file, words[name], size) for name, size in UNITS.items() if name in words)
    return max(seconds(file, number).likely, 1.0) * unit


def _field(file: File, expr: ast.expr) -> str:
    known = evaluate(file, expr)
    return str(known.value) if isinstance(known, Constant) else "*"


def _pause_of_crontab(crontab: str) -> float | None:
    fields = crontab.split()
    return _pause_of_cron(dict(zip(CRON_FIELDS, fields, strict=False))) if len(fields) == 5 else None


def _pause_of_cron(fields: dict[str, str]) -> float:
    """Return the longest pause that one of the fields makes by itself."""
    return max((_pause_of_field(text, *CRON_FIELDS[name]) for name, text in fields.items()), default=0.0)


def _pause_of_field(text: str, whole: float, unit: float) -> float:
    """Return a lower bound of the pause of one field: a value, a step, a list or a range."""
    if (step := re.fullmatch(r"\*/(\d+)", text)) is not None:
        return int(step[1]) * unit if int(step[1]) > 1 else 0.0
    if re.fullmatch(r"\w+", text):
        return whole
    return 0.0 if text.startswith("*") else max(whole / (text.count(",") + 1), unit) if "-" not in text else unit


def _pause_of_every(file: File, chain: ast.expr) -> float | None:
    """Return the pause of `every(6).hours`, `every().day.at("10:30")`; None if the chain is not one of `schedule`."""
    unit: float | None = None
    while True:
        match chain:
            case ast.Attribute(value=inner, attr=name):
                unit = EVERY_UNITS.get(name, unit)
                chain = inner
            case ast.Call(func=func) if any(name in EVERY for name in Effects(Context(file, file.tree)).names(func)):
                number = _length(file, chain.args[0], 1.0) if chain.args else 1.0
                return number * unit if unit is not None else None
            case ast.Call(func=ast.Attribute(value=inner)):
                chain = inner
            case _:
                return None
