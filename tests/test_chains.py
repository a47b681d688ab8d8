"""A chain of variables or functions is answered as one link is; a cycle ends, and a diamond takes linear time."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dbhygiene.dataflow.cfg import build
from dbhygiene.gaps.call_durations import seconds
from dbhygiene.gaps.close_calls import may_stream
from dbhygiene.gaps.concurrency import run_for_future
from dbhygiene.gaps.database_aliases import alias_of
from dbhygiene.gaps.duration import FOR_EVER
from dbhygiene.gaps.lazy_fields import loads_related_row
from dbhygiene.gaps.loops import _most_items, cycles, rounds
from dbhygiene.gaps.quick_commands import is_quick
from dbhygiene.lifetimes.dropped_writes import _sql
from dbhygiene.pools.health_views import query_by
from dbhygiene.program.callees import receiver_class
from dbhygiene.program.callers import calls_that_lead_to
from dbhygiene.program.chosen import chosen_functions
from dbhygiene.program.classes import foreign_bases
from dbhygiene.program.definitions import find_definition
from dbhygiene.program.dispatch import definitions
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.names import canonical_name
from dbhygiene.program.types import TypeInference
from dbhygiene.program.values import UNKNOWN, Constant
from dbhygiene.project.project import Project
from dbhygiene.recovery.conditions import number_comparison
from dbhygiene.recovery.errors import classes_in
from dbhygiene.recovery.guards import _ends_soon
from dbhygiene.recovery.handles import handle_of
from dbhygiene.recovery.wrong_error import _is_text_of
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION

HEAD = """
import os
import pymysql
from django.db import connections, models
from shop.models import Order

class Job: ...
class Author(models.Model): ...
class Book(models.Model):
    author = models.ForeignKey(Author)
def work(): ...
"""


class Question(NamedTuple):
    """The first value of the chain, the expression at its end, with `LAST`, and the answer."""

    ask: Callable[[File, Any], object]
    first: str
    last: str
    answer: object


def _names(found: Any) -> list[str]:
    return [each.name for each in found]


VARIABLES = {
    "resolve": Question(lambda f, e: f.resolve(e), "os.path", "LAST.join", "os.path.join"),
    "value": Question(evaluate, "'db'", "LAST", Constant("db")),
    "class": Question(lambda f, e: _names([receiver_class(f, e)]), "Job()", "LAST", ["Job"]),
    "type": Question(lambda f, e: type(TypeInference.of(f).type_of(e)).__name__, "Order.objects", "LAST", "QuerySet"),
    "table, surely": Question(lambda f, e: _names(chosen_functions(f, e)), "{'a': work}", "LAST[x]", ["work"]),
    "table, perhaps": Question(lambda f, e: _names(definitions(f, e)), "{'a': work}", "LAST[x]", ["work"]),
    "handle": Question(lambda f, e: handle_of(f, e).kind, "pymysql.connect()", "LAST", "connection"),  # type: ignore[union-attr]
    "stream": Question(may_stream, "Order.objects.iterator()", "LAST", True),
    "future": Question(lambda f, e: len(run_for_future(f, e)), "pool.submit(work, 1)", "LAST", 1),
    "future of a list": Question(
        lambda f, e: len(run_for_future(f, e.elt)), "[pool.submit(work, 1)]", "[each for each in LAST]", 1
    ),
    "command": Question(lambda f, e: is_quick(f, e, ()), "'ls -l'", "os.system(LAST)", True),
    "alias": Question(alias_of, "connections['replica']", "LAST.cursor()", "replica"),
    "related": Question(loads_related_row, "Book.objects.get(pk=1)", "LAST.author", True),
    "items": Question(_most_items, "rows[:5]", "LAST", 5),
    "seconds": Question(lambda f, e: seconds(f, e).least, "max(600, 700)", "LAST", 600),
    "long": Question(lambda f, e: seconds(f, e).likely, "delta.total_seconds()", "LAST", FOR_EVER),
    "errors": Question(
        lambda f, e: _names(classes_in(f, e)), "(pymysql.Error, KeyError)", "LAST", ["Error", "KeyError"]
    ),
    "numbers": Question(
        lambda f, e: number_comparison(f, e, "error").numbers,  # type: ignore[union-attr]
        "(2006, 2013)",
        "error.args[0] in LAST",
        (2006, 2013),
    ),
    "number": Question(
        lambda f, e: number_comparison(f, e, "error").numbers,  # type: ignore[union-attr]
        "error.args[0]",
        "LAST == 2006",
        (2006,),
    ),
}
FUNCTIONS = {name: VARIABLES[name] for name in ("value", "class", "type", "handle", "stream", "items")} | {
    "query": Question(lambda f, e: query_by(f, e) is not None, "db.execute('SELECT 1')", "LAST", True),
    "called function": Question(lambda f, e: _names(definitions(f, e)), "work", "LAST", ["work"]),
}


def asked(root: Path, text: str) -> tuple[File, Any]:
    """Return a file, and the expression in its last line."""
    (root / "program.py").write_text(HEAD + text)
    file = Project(root).file(root / "program.py")
    last = file.tree.body[-1]
    last = last.body[-1] if isinstance(last, FUNCTION) else last
    assert isinstance(last, ast.Expr)
    return file, last.value


@pytest.mark.parametrize("length", range(1, 14))
@pytest.mark.parametrize("name", VARIABLES)
def test_variables(name: str, length: int, tmp_path: Path) -> None:
    question = VARIABLES[name]
    links = [f"v0 = {question.first}", *(f"v{n} = v{n - 1}" for n in range(1, length))]
    last = question.last.replace("LAST", f"v{length - 1}")
    file, expr = asked(tmp_path, "def f(x, error, rows, delta, pool):\n    " + "\n    ".join([*links, last]))
    assert question.ask(file, expr) == question.answer


@pytest.mark.parametrize("length", [1, 2, 9, 14, 200])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, length: int, tmp_path: Path) -> None:
    question = FUNCTIONS[name]
    head = f"def h0():\n    return {question.first}\n"
    links = "".join(f"def h{n}():\n    return h{n - 1}()\n" for n in range(1, length))
    file, expr = asked(tmp_path, head + links + question.last.replace("LAST", f"h{length - 1}()"))
    is_cut_off = name == "value" and length == 200  # a bounded number of steps, then it is unknown
    assert question.ask(file, expr) == (UNKNOWN if is_cut_off else question.answer)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in {"value", "type"}])
def test_a_diamond_of_functions_is_linear(name: str, tmp_path: Path) -> None:
    question = FUNCTIONS[name]
    head = f"def h0():\n    return {question.first}\n"
    links = "".join(
        f"def h{n}():\n    if x:\n        return h{n - 1}()\n    return h{max(0, n - 2)}()\n" for n in range(1, 60)
    )
    file, expr = asked(tmp_path, head + links + question.last.replace("LAST", "h59()"))
    assert question.ask(file, expr) == question.answer


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize("name", VARIABLES)
def test_a_cycle_of_variables_ends_and_no_variable_of_it_knows_more(name: str, size: int, tmp_path: Path) -> None:
    question = VARIABLES[name]
    links = [f"v{n} = v{(n - 1) % size}" for n in range(size)]
    answers = []
    for n in range(size):
        last = question.last.replace("LAST", f"v{n}")
        file, expr = asked(tmp_path, "def f(x, error, rows, delta, pool):\n    " + "\n    ".join([*links, last]))
        try:
            answers.append(question.ask(file, expr))
        except AttributeError:  # the answer is None
            answers.append(None)
    assert all(answer == answers[0] for answer in answers)
    assert question.answer not in answers or name == "long"


@pytest.mark.parametrize("length", [1, 2, 9, 30])
def test_classes_and_modules(length: int, tmp_path: Path) -> None:
    (tmp_path / "m0.py").write_text("from elsewhere import Base\nclass C0(Base):\n    def work(self): ...\n")
    for n in range(1, length):
        (tmp_path / f"m{n}.py").write_text(
            f"from m{n - 1} import *\nfrom m{n - 1} import C0, C{n - 1}\nclass C{n}(C{n - 1}): ...\n"
        )
    file = Project(tmp_path).file(tmp_path / f"m{length - 1}.py")
    assert canonical_name(file, f"m{length - 1}.C0") == "m0.C0"
    cls = find_definition(file, f"m{length - 1}.C{length - 1}")
    assert cls is not None
    assert foreign_bases(cls) == ("elsewhere.Base",)
    assert find_definition(file, f"{cls.dotted_name}.work") is not None


@pytest.mark.parametrize("length", [1, 2, 9, 200])
def test_calls_that_lead_to_a_function(length: int, tmp_path: Path) -> None:
    links = "".join(f"def h{n}():\n    return h{n - 1}()\n" for n in range(1, length + 1))
    file, _ = asked(tmp_path, "def h0():\n    pass\n" + links + "0")
    first = next(node for node, scope in file.functions.items() if scope.name == "h0")
    assert isinstance(first, FUNCTION)
    assert len([*calls_that_lead_to(file, first)]) == length


@pytest.mark.parametrize("line", ["sql = sql + ' limit 3'", "sql = other\n    other = sql", "sql = '{}'.format(sql)"])
def test_a_text_may_be_made_of_itself(line: str, tmp_path: Path) -> None:
    file, expr = asked(tmp_path, f"def f(sql):\n    {line}\n    sql")
    assert _sql(file, expr) in (None, "{}")
    assert not _is_text_of(file, expr, "error")


@pytest.mark.parametrize(
    "text", ["from own.x import x\n", "from own import *\n", "import own.x as x\n", "import own\n"]
)
def test_a_module_may_import_from_itself(text: str, tmp_path: Path) -> None:
    """Such as a script that has the name of the package that it uses."""
    (tmp_path / "own.py").write_text(text)
    file = Project(tmp_path).file(tmp_path / "own.py")
    for name in ("own.x", "own.x.y", "own.own.x"):
        assert canonical_name(file, name).startswith("own.")
        assert find_definition(file, name) is None


@pytest.mark.parametrize("length", [1, 2, 3, 9, 60])
@pytest.mark.parametrize(("made_in", "ends"), [("    top = C{0}()\n    top.part", True), ("    return C{0}()", False)])
def test_an_object_ends_with_the_object_that_keeps_it(made_in: str, ends: bool, length: int, tmp_path: Path) -> None:
    classes = [
        "class C0: ...",
        *(f"class C{n}:\n    def __init__(self):\n        self.part = C{n - 1}()" for n in range(1, length + 1)),
    ]
    (tmp_path / "program.py").write_text("\n".join([*classes, "def work():", made_in.format(length), ""]))
    file = Project(tmp_path).file(tmp_path / "program.py")
    first = find_definition(file, "program.C0")
    assert first is not None
    assert _ends_soon(first) is ends


def test_objects_that_keep_each_other_are_not_known_to_end(tmp_path: Path) -> None:
    text = "".join(f"class {a}:\n    def __init__(self):\n        self.other = {b}()\n" for a, b in ("AB", "BA"))
    (tmp_path / "program.py").write_text(text)
    file = Project(tmp_path).file(tmp_path / "program.py")
    for name in ("program.A", "program.B"):
        found = find_definition(file, name)
        assert found is not None
        assert not _ends_soon(found)


@pytest.mark.parametrize("length", [1, 2, 5, 40])
def test_a_counter_is_found_in_a_long_test(length: int, tmp_path: Path) -> None:
    other = "go" + ".on()" * length
    text = f"def work(go, tries=0):\n    while {other} and tries < 3:\n        tries += 1\n        go()\n"
    (tmp_path / "program.py").write_text(text)
    file = Project(tmp_path).file(tmp_path / "program.py")
    function = next(code for code in file.functions if isinstance(code, FUNCTION))
    (cycle,) = cycles(build(function)).values()
    assert rounds(file, cycle).most == 3
