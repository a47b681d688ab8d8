"""`PoolSize` and `Need`: how many connections a program opens at most: processes x min(threads, pool).

create_engine(url, pool_size=10, max_overflow=5)     # `PoolSize`: 15
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import inf

from dbhygiene.pools.engines import Engine, option_expression
from dbhygiene.program.values import Called, Constant, Text, UnknownNumber, Value, options
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.model import ServingCommand
from dbhygiene.source.file import File
from dbhygiene.source.records import Frozen

SIZE, OVERFLOW = "pool_size", "max_overflow"
_SIZE, _OVERFLOW = 5, 10  # SQLAlchemy's defaults
_ZERO_IS_NO_LIMIT = (2, 0)  # the first SQLAlchemy in which `pool_size=0` has no limit: before, `max_overflow` is one
_THREADS = 40  # of anyio, in which a web framework runs functions that are not `async`


class PoolSize(Frozen):
    """The most connections that one engine's pool opens; infinite if it has no limit."""

    most: float
    at: ast.expr
    is_default: bool = False  # of an environment's variable


def pool_size(made: Engine) -> PoolSize | None:
    """Return the size of an engine's pool; None if it is not known, or if there is no such pool."""
    if made.options.open or made.configured or not made.has_pool or made.options.items.keys() & {"creator", "pool"}:
        return None
    size, overflow = (
        number_or_default(made.option(SIZE, Constant(_SIZE))),
        number_or_default(made.option(OVERFLOW, Constant(_OVERFLOW))),
    )
    if size is None or overflow is None or size < 0:
        return None
    most = inf if (size == 0 and zero_is_no_limit(made)) or overflow < 0 else size + overflow
    at = option_expression(made, SIZE) or option_expression(made, OVERFLOW) or made.call
    written = (made.option(name, Constant(0)) for name in (SIZE, OVERFLOW))
    return PoolSize(most, at, not all(isinstance(each, Constant) for each in written))


def zero_is_no_limit(made: Engine) -> bool:
    """Whether a pool of size 0 has no limit, by the version of SQLAlchemy."""
    return (made.file.project.version_of("sqlalchemy") or _ZERO_IS_NO_LIMIT) >= _ZERO_IS_NO_LIMIT


def number_or_default(found: Value) -> int | None:
    """Return a number, or the default of an environment's variable."""
    several = list(options(found))
    constants = [one.value for one in several if isinstance(one, Constant) and one.value is not None]
    if len(constants) != 1 or not all(isinstance(one, (Constant, Called, UnknownNumber, Text)) for one in several):
        return None
    value = constants[0]
    if isinstance(value, str):
        return int(value) if value.isdigit() else None
    return value if type(value) is int else None


class Need(Frozen):
    """The connections that a command's processes open at most, through one pool in each."""

    command: ServingCommand
    each: float  # of one process

    @property
    def total(self) -> float:
        return self.command.replicas * self.command.processes * self.each


def needs(made: Engine, most: float) -> list[Need]:
    """Return the needs of the commands that run an engine: the largest of web servers, and one worker for tasks."""
    found = [Need(command, _threads_of_process(made, command, most)) for command in _serving_commands(made)]
    web = [need for need in found if need.command.program != "celery"]
    tasks = [need for need in found if need.command.program == "celery"]
    return [max(group, key=lambda need: need.total) for group in (web, tasks) if group]


def most_of_unknown_process(made: Engine, most: float) -> float:
    """Return how many connections a process opens through a pool at most, if no command is known to run it.

    It has no more threads than the web servers that the repository starts, for development or not.
    """
    web = [each for each in server_facts(made.file.project).commands if each.program != "celery"]
    return max((_threads_of_process(made, each, most) for each in web), default=most)


def _threads_of_process(made: Engine, command: ServingCommand, most: float) -> float:
    threads = command.threads
    if command.interface == "asgi" and not made.is_async:
        threads = min(threads, _THREADS)
    return min(threads, most)


def _serving_commands(made: Engine) -> Iterator[ServingCommand]:
    """Yield the commands whose application imports the file of an engine, other than for development."""
    file = made.file
    for command in server_facts(file.project).commands:
        name = command.application.partition(":")[0]
        if command.is_development or not name:
            continue
        application = file.project.module(name, file)
        if application is not None and _reaches(application, file):
            yield command


def _reaches(application: File, file: File) -> bool:
    return application.path == file.path or file.project.imports_any(application, [file.path])
