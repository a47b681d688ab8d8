"""`starts`: the calls of a file that start code which runs at the same time, in threads, tasks or processes.

Thread(target=count).start()             # of the class `Thread`: "threads"
asyncio.create_task(listen())            # "tasks"
"""

from __future__ import annotations

import ast
import re

from dbhygiene.library.background import PROCESS_POOLS, PROCESSES, THREAD_CLASSES, THREAD_POOLS
from dbhygiene.program.classes import class_named, foreign_bases
from dbhygiene.program.names import canonical_name
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.file import File
from dbhygiene.source.queries import query

_THREADS = frozenset({*THREAD_CLASSES, "asyncio.to_thread"})
_HANDS_OVER = frozenset({"submit", "map", "imap", "imap_unordered", "starmap", "apply_async", "run_in_executor"})
MAPS = frozenset({"map", "imap", "imap_unordered", "starmap"})
_POOL = re.compile(r"pool|exec|^ex$|loop", re.IGNORECASE)
GATHER = frozenset({"asyncio.gather", "asyncio.wait", "asyncio.as_completed"})
_TASKS = frozenset({"asyncio.create_task", "asyncio.ensure_future", *GATHER})


@query
def starts(file: File) -> tuple[tuple[ast.Call, str], ...]:
    """Return the calls of a file that start, or submit work to, "threads", "tasks" or "processes", by their places."""
    found = ((call, kind) for call in file.nodes(ast.Call) if (kind := _kind_of_start(file, call)) is not None)
    return tuple(sorted(found, key=lambda start: (start[0].lineno, start[0].col_offset)))


def _kind_of_start(file: File, call: ast.Call) -> str | None:
    name = file.resolve(call.func)
    if name in _TASKS or (isinstance(call.func, ast.Attribute) and call.func.attr == "create_task"):
        return "tasks"
    if name in _THREADS:
        return "threads"
    if name in PROCESSES:
        return "processes"
    match call.func:
        case ast.Attribute(value=owner, attr=attr) if attr in _HANDS_OVER:
            return _workers(file, owner)
    return _kind_of_object(file, name) if name is not None else None


def _workers(file: File, pool: ast.expr) -> str | None:
    """Return the workers of a pool; where its class is not known, its name must be that of a pool."""
    found = TypeInference.of(file).type_of(pool)
    if isinstance(found, ObjectInstance):
        if found.name in THREAD_POOLS:
            return "threads"
        return "processes" if found.name in PROCESS_POOLS else None
    match pool:
        case ast.Name(id=name) | ast.Attribute(attr=name) if "ThreadPool" in file.text and _POOL.search(name):
            return "threads"
    return None


def _kind_of_object(file: File, name: str) -> str | None:
    """Return "threads" or "processes" if a call makes an object of a class of the project that is one."""
    cls = class_named(file, canonical_name(file, name))
    bases = foreign_bases(cls) if cls is not None else ()
    if any(base in THREAD_CLASSES for base in bases):
        return "threads"
    return "processes" if any(base in PROCESSES for base in bases) else None
