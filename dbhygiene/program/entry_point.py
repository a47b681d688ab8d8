"""`EntryPoint`: how code comes to run, as a note of a finding: in a worker, a thread, a request, a command or a loop.

@shared_task          # line 8 of shop/tasks.py
def nightly():
    load()

# the note of a finding in `load`: "runs in a Celery worker: `@shared_task`, shop/tasks.py:8"
"""

from __future__ import annotations

import ast

from dbhygiene.library.background import TASKS, WORKERS
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Located, last_name, short_name, without_arguments
from dbhygiene.source.records import Record

_LONGEST = 40  # characters of code in a note


class EntryPoint(Record):
    """The code that makes other code run: a decorator, a call, a class or a loop.

    `words` follow "runs", as in "runs in a thread".
    """

    words: str
    file: File
    node: Located

    def note(self, near: File) -> str:
        """Return the note of a finding in the file `near`."""
        return f"runs {self.words}: `{_code(self.file, self.node)}`, {place(self.file, self.node, near)}"


def place(file: File, node: Located, near: File) -> str:
    """Return the line of a node; with its file, relative to the project, if that is another one."""
    if file.path == near.path:
        return file.line_name(node.lineno)
    return f"{file.relative_name}:{file.line_label(node.lineno)}"


def _code(file: File, node: Located) -> str:
    """Return the part of the code that shows what it is, such as `@shared_task` or `for path in paths`."""
    around = file.parents.get(node)
    called = node.func if isinstance(node, ast.Call) else node
    match called:
        case ast.ClassDef(name=name):
            return f"class {name}"
        case ast.While(test=test):
            return _short(f"while {_source(file, test)}", "while ...")
        case (
            ast.For(target=target, iter=items)
            | ast.AsyncFor(target=target, iter=items)
            | ast.ListComp(generators=[ast.comprehension(target=target, iter=items), *_])
            | ast.SetComp(generators=[ast.comprehension(target=target, iter=items), *_])
            | ast.DictComp(generators=[ast.comprehension(target=target, iter=items), *_])
            | ast.GeneratorExp(generators=[ast.comprehension(target=target, iter=items), *_])
        ):
            loop = f"for {_source(file, target)} in"
            return _short(f"{loop} {_source(file, items)}", f"{loop} ...")
        case ast.Assign(targets=[target, *_]):
            return short_name(target)
        case ast.expr() if isinstance(around, (*FUNCTION, ast.ClassDef)) and node in around.decorator_list:
            return f"@{short_name(called)}"
        case ast.expr():
            return short_name(called)
    return file.segment(node).partition("\n")[0][:_LONGEST]


def _source(file: File, node: Located) -> str:
    return " ".join(file.segment(node).split())


def _short(whole: str, otherwise: str) -> str:
    return whole if len(whole) <= _LONGEST else otherwise


def loop_step(loop: ast.AST) -> tuple[Located, str] | None:
    """Return the step of a finding for the loop that is its reason."""
    match loop:
        case ast.While(test=shown) | ast.For(iter=shown) | ast.AsyncFor(iter=shown):
            return shown, "in each round of this loop"
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return loop.generators[0].iter, "in each round of this loop"
    return None


def registration(file: File, decorator: ast.expr) -> EntryPoint:
    """Return the entry point of a function with this decorator: a task, or a handler of requests or events."""
    called = without_arguments(decorator)
    if last_name(called) in TASKS:
        return task(file, decorator)
    return EntryPoint("in each request or event", file, decorator)


def task(file: File, decorator: ast.expr) -> EntryPoint:
    """Return the entry point of a function with this decorator: a task of a queue, or of a scheduler."""
    called = without_arguments(decorator)
    return EntryPoint(WORKERS.get(task_library(file, called) or "", "in a worker"), file, decorator)


def task_library(file: File, called: ast.expr) -> str | None:
    """Return the library of tasks that a decorator is of: by its own name, or by the app whose method it is."""
    name = canonical_name(file, file.resolve(called) or "")
    if (package := name.partition(".")[0]) in WORKERS:
        return package
    if not isinstance(called, ast.Attribute):
        return None
    app = canonical_name(file, file.resolve(called.value) or f"{file.module}.{last_name(called.value)}")
    found = find_module(file, app)
    if found is None or len(found[1]) != 1:
        return None
    owner, (variable,) = found
    made = {_package_of(owner, value) for value in owner.scope.aliases.get(variable, ())}
    library = made.pop() if len(made) == 1 else None
    return library if library in WORKERS else None


def _package_of(file: File, value: ast.expr) -> str | None:
    """Return the package of the class or function that a value is the result of."""
    name = file.resolve(value.func) if isinstance(value, ast.Call) else None
    return canonical_name(file, name).partition(".")[0] if name else None
