"""Entry points outside of requests: management commands, threads, tasks, scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from dbhygiene.gaps.callbacks import callbacks
from dbhygiene.gaps.endless_loops import is_endless
from dbhygiene.library.background import (
    CONSUMERS,
    HANDS_OVER,
    POOLED,
    RUNNERS,
    STARTS,
    STOPS,
    TASK_LIBRARIES,
)
from dbhygiene.library.event_callbacks import may_register
from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.arguments import argument
from dbhygiene.program.classes import foreign_bases, function_named, is_command
from dbhygiene.program.code import own_nodes
from dbhygiene.program.definitions import Definition
from dbhygiene.program.dispatch import functions
from dbhygiene.program.tasks import is_task
from dbhygiene.source.file import File, NoProject, ProjectView
from dbhygiene.source.nodes import FUNCTION, Code
from dbhygiene.source.queries import query

# One of these stands in every file that has an entry point; with what it is part of, where most who write it have none.
_WORDS = {
    "class Command(": "",
    "Command": r"\bclass\s+\w+\s*\([^)]*Command\b",
    "def run(": "",
    "django.setup": "",
    "while True": "",
    "while 1:": "",
    "while ": rf"(?i:\bwhile\b[^\n]*(?:is_?set|{STOPS}))",
    "Consumer": "",
    "Thread": r"Thread\b",
    "Process": r"Process\b",
    "Pool": r"Pool\b",
    "Executor": r"Executor\b",
    "Timer": r"\bTimer\b",
    "Greenlet": r"\bGreenlet\b",
    "spawn": r"\bspawn(?:_n)?\b",
    "start_new_thread": "",
    "asyncio": r"\basyncio\.run\b|\bfrom asyncio import[^\n]*\brun\b",
    "schedule": r"\bimport\b[^\n]*\bschedule\b|\bfrom schedule\b|\bschedule\s*\(",
    "task": r"@\s*[\w.]*task\b|\b(?:async|register)_task\b",
    "job": r"@\s*[\w.]*job\b",
    **{library: rf"\b{library}\b" for library in TASK_LIBRARIES},
    **{f".{name}": rf"\.{name}\b" for name in HANDS_OVER.keys() - POOLED},
}


def entry_points(project: ProjectView) -> Iterator[tuple[File, Code]]:
    """The functions with which a project's long-lived processes begin."""
    if not uses_django(project):
        return
    seen = set()
    for word in ("django", "models", "class Command("):
        for file in project.files_containing(word):
            if file.path not in seen and may_have_entry_points(file) and file.is_program:
                seen.add(file.path)
                yield from entry_points_of(file)


def uses_django(project: ProjectView) -> bool:
    """Whether any file of the project may import Django, by its text."""
    return isinstance(project, NoProject) or any(
        ("from django" in file.text or "import django" in file.text) and file.is_program
        for file in project.files_containing("django")
    )


@query
def may_have_entry_points(file: File) -> bool:
    """Whether a file may have an entry point, by its text."""
    text = file.text
    found = any(word in text and re.search(whole, text) for word, whole in _WORDS.items())
    return found or may_register(text)


@query
def entry_points_of(file: File) -> list[tuple[File, Code]]:
    """Those that a file has, or starts."""
    return [] if is_test_file(file) else list(_find_entry_points(file))


def _find_entry_points(file: File) -> Iterator[tuple[File, Code]]:
    for cls in _classes(file):
        yield from _methods(cls)
    for call in file.nodes(ast.Call):
        if (given := _started_function(file, call)) is not None:
            yield from functions_of(file, given)
    for function in file.functions:
        if isinstance(function, FUNCTION) and any(is_task(file, each) for each in function.decorator_list):
            yield file, function
    if any(is_endless(file, loop) for loop in file.nodes(ast.While)):
        for code in file.functions:
            if any(is_endless(file, node) for node in own_nodes(code)):
                yield file, code
    for callback, _ in callbacks(file):
        yield file, callback
    if _is_script(file):
        yield file, file.tree
    if file.path.parent.name == "scripts" and isinstance(run := file.scope.defined.get("run"), FUNCTION):
        yield file, run  # `manage.py runscript`


def _is_script(file: File) -> bool:
    """Whether a file is a program of its own, which sets Django up."""
    return "django.setup(" in file.text and any(file.resolve(c.func) == "django.setup" for c in file.nodes(ast.Call))


def _classes(file: File) -> Iterator[Definition]:
    for name, scope in file.classes.items():
        if isinstance(scope.node, ast.ClassDef) and scope.node.bases:
            yield Definition(file, scope.node, name)


def _methods(cls: Definition) -> Iterator[tuple[File, Code]]:
    names: Iterable[str] = ()
    if is_command(cls):  # a base class may call any of its methods, as `handle` does `handle_label`
        names = ("handle", *cls.file.classes[cls.name].defined)
    elif any(base in RUNNERS for base in foreign_bases(cls)):
        names = ("run",)
    elif any(base in CONSUMERS for base in foreign_bases(cls)):
        names = cls.file.classes[cls.name].defined
    for name in names:
        if (function := function_named(cls.file, f"{cls.dotted_name}.{name}")) is not None:
            yield function.file, function.node


def _started_function(file: File, call: ast.Call) -> ast.expr | None:
    """What a call hands to a thread, a pool or a scheduler."""
    if (name := file.resolve(call.func)) in STARTS:
        return argument(call, *STARTS[name])
    if isinstance(call.func, ast.Attribute) and call.func.attr in HANDS_OVER:
        return argument(call, *HANDS_OVER[call.func.attr])
    return None


def functions_of(file: File, given: ast.expr) -> Iterator[tuple[File, Code]]:
    """The function that is meant: by name, `partial(f)`, a call of a coroutine's, or what a lambda calls."""
    match given:
        case ast.Lambda(body=ast.Call(func=called)):
            yield from functions_of(file, called)
        case ast.Call(func=called, args=arguments):
            if file.resolve(called) == "functools.partial":
                yield from functions_of(file, arguments[0]) if arguments else ()
            elif isinstance(called, (ast.Name, ast.Attribute)):
                yield from functions_of(file, called)
        case ast.Constant(value=str(name)) if (named := function_named(file, name)) is not None:
            yield named.file, named.node
        case ast.Name() | ast.Attribute():
            yield from ((found.file, found.node) for found in functions(file, given))
