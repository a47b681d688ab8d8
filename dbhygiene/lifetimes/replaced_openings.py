"""`replaced_opening`: the test that replaces a function which opens a resource, or passes it on.

def count():
    conn = connect()         # a test returns its own connection here, and uses it later
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain

from dbhygiene.lifetimes.effects import FunctionSummaries
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.openings import Opening, definitions_of, openings
from dbhygiene.lifetimes.state import dotted_path
from dbhygiene.program.definitions import Definition
from dbhygiene.program.names import is_imported
from dbhygiene.program.origins import values_of
from dbhygiene.program.replaced import Named, Replacement, looked_up_by, replacements
from dbhygiene.source.file import File, function_around


def replaced_opening(life: Lifetime) -> Replacement | None:
    """Return the test that replaces a name by which a resource is opened, here or in a function that returns it."""
    summaries, file = life.analysis.effects.summaries, life.file
    first, *behind = openings(life)
    looked_up = dict.fromkeys(_looked_up(summaries, first))
    here = {file.module.rpartition(".")[2], _class_around(*first)}
    own = [each for each in looked_up if each[0] in here]  # replaced in this module, for no other
    others = [each for each in looked_up if each[0] not in here]
    others += dict.fromkeys(each for opening in behind for each in _looked_up(summaries, opening) if each not in own)
    by_others = (each for each in replacements(file, others) if _may_run(each.file, file))
    return next(chain(replacements(file, own), by_others), None)


def _may_run(test: File, file: File) -> bool:
    """Whether a test, or another one that uses it, may run code of a file: Django finds views by their names."""
    if test.path == file.path or test.path.stem == "conftest" or "django" in test.imported_packages:
        return True
    if any(word in test.text for word in _IMPORTING):
        return True
    return is_imported(test) or file.project.imports_any(test, [file.path])


_IMPORTING = ("importlib", "import_module", "import_string", "__import__", "runpy")  # of modules by their names


def _looked_up(summaries: FunctionSummaries, opening: Opening) -> Iterator[Named]:
    file, call = opening
    yield from _named_in(summaries, opening)
    if isinstance(call.func, ast.Attribute):  # `engine.connect()`: a test may replace `create_engine`
        for made in values_of(file, call.func.value):
            if isinstance(made.expr, ast.Call):
                yield from _named_in(summaries, Opening(made.file, made.expr))


def _named_in(summaries: FunctionSummaries, opening: Opening) -> Iterator[Named]:
    file, call = opening
    if (path := dotted_path(call.func)) is not None:
        yield from looked_up_by(file, path, _class_around(file, call))
    name = file.resolve(call.func)
    for full in (*((name,) if name is not None else ()), *map(_full_name, definitions_of(summaries, opening))):
        owner, _, last = full.rpartition(".")
        yield owner.rpartition(".")[2], last


def _full_name(function: Definition) -> str:
    return f"{function.file.module}.{function.name}"


def _class_around(file: File, node: ast.AST) -> str | None:
    function = function_around(file, node)
    scope = file.functions[function].class_scope if function is not None else None
    return scope.name.rpartition(".")[2] if scope is not None else None
