"""`Root`: an entry point outside of requests, such as a management command, a thread, a task or a script.

class Command(BaseCommand):          # in shop/management/commands/load.py
    def handle(self, **options): ... # `entry_points_of` returns it
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Any

from dbhygiene.gaps.callbacks import callbacks
from dbhygiene.gaps.django_use import uses_django
from dbhygiene.library.background import (
    CONSUMERS,
    ENQUEUES,
    HANDS_OVER,
    POOLED,
    PROCESS_POOLS,
    RUNNERS,
    RUNS_IN,
    STARTED_IN,
    STARTS,
    STOPS,
    TASK_CLASSES,
    THREAD_POOLS,
    WORKERS,
)
from dbhygiene.library.event_callbacks import may_register
from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.arguments import argument
from dbhygiene.program.callees import receiver_class
from dbhygiene.program.classes import FunctionAt, foreign_bases, function_named, is_command
from dbhygiene.program.code import own_nodes
from dbhygiene.program.definitions import Definition, find_definition, find_method
from dbhygiene.program.dispatch import functions
from dbhygiene.program.endless_loops import is_endless
from dbhygiene.program.entry_point import EntryPoint, task
from dbhygiene.program.tasks import is_task
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.file import File, ProjectView, file_query, readable_file, with_others
from dbhygiene.source.inputs import answer
from dbhygiene.source.nodes import FUNCTION, Code
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

_PASSES = HANDS_OVER | ENQUEUES

# Each file with an entry point contains one of these words; for common words, with their usual context.
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
    "to_thread": "",
    "run_in_threadpool": "",
    "deferToThread": "",
    "tasks.loop": "",
    "schedule": r"\bimport\b[^\n]*\bschedule\b|\bfrom schedule\b|\bschedule\s*\(",
    "task": r"@\s*[\w.]*task\b|\b(?:async|register)_task\b",
    "job": r"@\s*[\w.]*job\b",
    **{library: rf"\b{library}\b" for library in WORKERS},
    **{f".{name}": rf"\.{name}\b" for name in _PASSES.keys() - POOLED},
}

_CALLBACK, _ENDLESS = "as a callback", "in a long-lived process"
VAGUE = (_CALLBACK, _ENDLESS)  # used only if there is no other reason


class Root(Record):
    """A function with which a long-lived process begins, and the reason."""

    file: File
    code: Code
    entry: EntryPoint


_IN_FILES = ("django", "models", "class Command(")  # each file with an entry point contains one of these


def entry_functions(project: ProjectView) -> dict[str, list[list[Any]]]:
    """Return the functions with which a project's long-lived processes begin, by the files that say so.

    Each is the path of its own file, and its number there.
    """
    if not uses_django(project):
        return {}
    paths = dict.fromkeys(str(path) for word in _IN_FILES for path in project.paths_containing(word))
    return {path: found for path in paths if (found := entry_functions_in(project, path))}


@answer
def entry_functions_in(project: ProjectView, path: str) -> list[list[Any]]:
    """Return the functions that a file makes entry points."""
    file = readable_file(project, path)
    if file is None or is_test_file(file) or not may_have_entry_points(file) or not file.is_program:
        return []
    return [[str(root.file.path), root.file.numbers_of_functions[root.code]] for root in entry_points_of(file)]


def is_searched_for_entry_points(file: File) -> bool:
    """Whether the entry points of a file, if it has any, are among those of its project."""
    return any(word in file.text for word in _IN_FILES)


@file_query
def may_have_entry_points(file: File) -> bool:
    """Whether a file may have an entry point, by its text."""
    text = file.text
    found = any(word in text and re.search(whole, text) for word, whole in _WORDS.items())
    return found or may_register(text)


@query
def entry_points_of(file: File) -> list[Root]:
    """Return the entry points that a file defines or starts; the plainest reason for a function first."""
    return [] if is_test_file(file) else list(_find_entry_points(file))


def _find_entry_points(file: File) -> Iterator[Root]:
    for cls in _classes(file):
        yield from _methods(cls)
    for call in file.nodes(ast.Call):
        if (started := _started_function(file, call)) is not None:
            given, words = started
            for owner, code in functions_of(file, given):
                yield Root(owner, code, EntryPoint(words, file, call))
    for function in file.functions:
        for decorator in function.decorator_list if isinstance(function, FUNCTION) else ():
            if is_task(file, decorator):
                yield Root(file, function, task(file, decorator))
    for callback, place in callbacks(file):
        yield Root(file, callback, EntryPoint("at each event", file, place))
    if (setup := _django_setup(file)) is not None:
        yield Root(file, file.tree, EntryPoint("in a script", file, setup))
    if file.path.parent.name == "scripts" and isinstance(run := file.scope.defined.get("run"), FUNCTION):
        yield Root(file, run, EntryPoint("in a script", file, run))  # `manage.py runscript`
    yield from _endless_functions(file)


def _endless_functions(file: File) -> Iterator[Root]:
    if any(is_endless(file, loop) for loop in file.nodes(ast.While)):
        for code in file.functions:
            loop = next((node for node in own_nodes(code) if is_endless(file, node)), None)
            if isinstance(loop, ast.While):
                yield Root(file, code, EntryPoint(_ENDLESS, file, loop))


def _django_setup(file: File) -> ast.Call | None:
    """Return the call by which a file, a program of its own, sets Django up."""
    calls = file.nodes(ast.Call) if "django.setup(" in file.text else ()
    return next((call for call in calls if file.resolve(call.func) == "django.setup"), None)


def _classes(file: File) -> Iterator[Definition]:
    for name, scope in file.classes.items():
        if isinstance(scope.node, ast.ClassDef) and scope.node.bases:
            yield Definition(file, scope.node, name)


def _is_mentioned(cls: Definition) -> bool:
    """Whether the program may make objects of a class: a name or a string may stand for it, or others may import it."""
    file, name = cls.file, cls.name.rpartition(".")[2]
    others = file.project.files_mentioning_all(name)
    if others is None or file.project.root is None or file.project.is_distributed:
        return True  # there may be files that we do not see
    return any(_mentions(each, cls, name) for each in with_others(file, others))


def _mentions(file: File, cls: Definition, name: str) -> bool:
    """Whether a file has a name that may stand for a class: not one that stands for another class."""
    texts = (each.value for each in file.nodes(ast.Constant) if isinstance(each.value, str))
    if any(text == name or text.endswith(f".{name}") for text in texts):
        return True
    named = [each for each in file.nodes(ast.Name) if each.id == name and isinstance(each.ctx, ast.Load)]
    owned = [each for each in file.nodes(ast.Attribute) if each.attr == name and isinstance(each.ctx, ast.Load)]
    for read in (*named, *owned):
        found = find_definition(file, file.resolve(read) or "")
        if found is None or found.is_same(cls):
            return True
    imported = (said for scope in file.scopes for said in scope.imports.values() if said.rpartition(".")[2] == name)
    return any((found := find_definition(file, said)) is None or found.is_same(cls) for said in imported)


def _methods(cls: Definition) -> Iterator[Root]:
    assert isinstance(cls.node, ast.ClassDef)
    names: Iterable[str] = ()
    words = ""
    if is_command(cls):  # a base class may call any of its methods, as `handle` does `handle_label`
        names, words = ("handle", *cls.file.classes[cls.name].defined), "in a management command"
    elif runner := next((base for base in foreign_bases(cls) if base in RUNNERS), None):
        if runner not in TASK_CLASSES and not _is_mentioned(cls):
            return  # nothing starts it
        names, words = ("run",), STARTED_IN[runner]
    elif any(base in CONSUMERS for base in foreign_bases(cls)):
        names, words = cls.file.classes[cls.name].defined, "in a Channels consumer"
    for name in names:
        if (function := function_named(cls.file, f"{cls.dotted_name}.{name}")) is not None:
            yield Root(function.file, function.node, EntryPoint(words, cls.file, cls.node))


def _started_function(file: File, call: ast.Call) -> tuple[ast.expr, str] | None:
    """Return the function that a call passes to a thread, a pool or a scheduler, and where it then runs."""
    if (name := file.resolve(call.func)) in STARTS:
        given, words = argument(call, *STARTS[name]), STARTED_IN[name]
    elif isinstance(call.func, ast.Attribute) and call.func.attr in _PASSES:
        given, words = argument(call, *_PASSES[call.func.attr]), _place_title(file, call.func)
    else:
        return None
    return (given, words) if given is not None else None


def _place_title(file: File, method: ast.Attribute) -> str:
    """Return where a pool or a scheduler runs its functions; its class may not be known."""
    owner = TypeInference.of(file).type_of(method.value)
    name = owner.name if isinstance(owner, ObjectInstance) else ""
    if name in THREAD_POOLS:
        return "in a thread of a pool"
    if name in PROCESS_POOLS:
        return "in a process of a pool"
    return RUNS_IN.get(method.attr, _CALLBACK)


def functions_of(file: File, given: ast.expr) -> Iterator[tuple[File, Code]]:
    """Return the functions that an expression means: by name, `partial(f)`, a coroutine's call, or a lambda."""
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
            yield from ((found.file, found.node) for found in functions(file, given) or _methods_of_object(file, given))


def _methods_of_object(file: File, given: ast.expr) -> Iterator[FunctionAt]:
    """Return the method of an object whose class is known that an expression means."""
    owner = receiver_class(file, given.value) if isinstance(given, ast.Attribute) else None
    if owner is not None and isinstance(given, ast.Attribute):
        method = find_method(owner, given.attr)
        if method is not None and isinstance(method.node, FUNCTION):
            yield FunctionAt(method.file, method.node)
