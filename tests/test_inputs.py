"""Results are reused while their inputs are the same, and no longer: in Django projects, and by the mechanism."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.server import edits, write_project
from dbhygiene.checker import project_check
from dbhygiene.checker.project_check import RunOptions
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project.project import Project
from dbhygiene.source.inputs import Answer, Inputs, NoInputs, answer
from tests.checked_files import counted

SETTINGS = Settings(min_confidence=Confidence.POSSIBLE)


def check(root: Path, directory: Path | None, jobs: int = 1) -> Sequence[Finding]:
    """Return the findings of all confidences in a project, with a cache in a directory or without one."""
    project = Project(root, SETTINGS)
    files = project.discover([root]).files
    how = RunOptions(directory, jobs)
    return sorted(project_check.check(project, files, selected_rules(SETTINGS), how=how), key=repr)


def age(root: Path) -> None:
    """Give all files old times, which a cache trusts."""
    for path in root.rglob("*.py"):
        if path.stat().st_mtime_ns > 10**18:
            os.utime(path, ns=(0, path.stat().st_mtime_ns % 10**17))


@pytest.mark.parametrize("jobs", [1, 2])
def test_findings_after_an_edit_are_those_of_a_fresh_check(tmp_path: Path, jobs: int) -> None:
    root, kept, dice = tmp_path / "p", tmp_path / "kept", random.Random(jobs)
    root.mkdir()
    write_project(root, apps=4, functions=8)
    check(root, kept, jobs)
    paths = sorted(root.rglob("*.py"))
    texts = {path: edits(path.read_text(), seed) for seed, path in enumerate(paths)}
    for number in range(14):
        path = dice.choice(paths)
        path.write_text(next(texts[path]))
        age(root)
        assert check(root, kept, jobs) == check(root, None), f"edit {number} of {path.relative_to(root)}"


FILES = {
    "shop/models.py": "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n",
    "shop/work.py": "from shop.models import Order\n\n\ndef work():\n    Order.objects.get(pk=1)\n",
    "shop/rest.py": "import time\n\n\ndef rest():\n    time.sleep(40000)\n",
    "shop/views.py": "from shop.models import Order\n\n\ndef show(request):\n    return Order.objects.count()\n",
    "shop/management/commands/run.py": """from django.core.management.base import BaseCommand
from shop.rest import rest
from shop.work import work


class Command(BaseCommand):
    def handle(self, *args, **options):
        work()
        rest()
        work()
""",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "p"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for number in range(30):  # the cache is for projects that are not small
        (root / f"shop/plain_{number}.py").write_text("from django.http import HttpResponse\n")
    age(root)
    return root


def test_an_edit_that_changes_no_answer_spreads_no_further(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = shop.parent / "kept"
    before = check(shop, kept)
    assert [finding.code for finding in before] == ["HYG301"]
    names = counted(monkeypatch)
    (shop / "shop/views.py").write_text(FILES["shop/views.py"] + "\n\ndef more():\n    return 1\n")
    age(shop)
    assert check(shop, kept) == before
    assert names == ["views.py"]


def test_an_answer_that_changes_reaches_what_asks_for_it(shop: Path) -> None:
    kept = shop.parent / "kept"
    assert check(shop, kept)
    (shop / "shop/rest.py").write_text("def rest():\n    pass\n")
    age(shop)
    assert check(shop, kept) == check(shop, None) == []
    (shop / "shop/rest.py").write_text(FILES["shop/rest.py"])
    age(shop)
    assert check(shop, kept) == check(shop, None) != []


def test_a_new_entry_point_reaches_functions_of_other_files(shop: Path) -> None:
    kept = shop.parent / "kept"
    (shop / "shop/management/commands/run.py").write_text("")
    (shop / "shop/later.py").write_text(
        "from shop.rest import rest\nfrom shop.work import work\n\n\ndef later():\n    work()\n    rest()\n    work()\n"
    )
    age(shop)
    check(shop, kept)
    (shop / "shop/plain_1.py").write_text(
        "import threading\n\nfrom django.db import models\nfrom shop.later import later\n\n"
        "threading.Thread(target=later).start()\n"
    )
    age(shop)
    assert check(shop, kept) == check(shop, None) != []


def test_a_cache_names_no_code_that_is_run(shop: Path) -> None:
    kept = shop.parent / "kept"
    before = check(shop, kept)
    (stored,) = kept.glob("*.sqlite")
    with sqlite3.connect(stored) as connection:
        (text,) = connection.execute("SELECT value FROM facts WHERE name = 'inputs'").fetchone()
        written: list[list[Any]] = json.loads(text)
        for entry in written:
            if entry[0][0] == "effects_of_function":
                entry[0][0] = "os.system"
        connection.execute("UPDATE facts SET value = ? WHERE name = 'inputs'", (json.dumps(written),))
    connection.close()
    (shop / "shop/work.py").write_text(FILES["shop/work.py"] + "# an edit\n")
    age(shop)
    assert check(shop, kept) == before


# -- the mechanism ----------------------------------------------------------------------------------------


class Sums:
    """A project whose answers are sums of numbers."""

    def __init__(self, **numbers: int) -> None:
        self.inputs, self.numbers, self.asked = Inputs(), numbers, list[str]()


@answer
def total(project: Sums, *names: str) -> int:
    project.asked.append("total")
    return sum(half(project, name) for name in names)


@answer
def half(project: Sums, name: str) -> int:
    from dbhygiene.source.queries import consult

    project.asked.append(name)
    consult(project.inputs.bit("number", name))
    return project.numbers[name] // 2


ASKS = {"total": total, "half": half}


def again(before: Sums, *changed: str, **numbers: int) -> Sums:
    """Return the same with other numbers, of which these have changed."""
    after = Sums(**before.numbers | numbers)
    inputs = after.inputs
    inputs.reuse(
        before.inputs.keys,
        before.inputs.answers,
        lambda: sum(inputs.bit("number", name) for name in changed),
        lambda key: ASKS[str(key[0])](after, *key[1:]),
    )
    return after


def test_answers_with_the_same_inputs_are_reused() -> None:
    first = Sums(a=2, b=4)
    assert total(first, "a", "b") == 3
    second = again(first)
    assert total(second, "a", "b") == 3
    assert second.asked == []


def test_an_answer_that_stays_the_same_ends_the_search() -> None:
    first = Sums(a=2, b=4)
    total(first, "a", "b")
    second = again(first, "a", a=3)
    assert not second.inputs.have_changed(second.inputs.bit("total", "a", "b"))
    assert second.asked == ["a"]
    third = again(first, "b", b=6)
    assert third.inputs.have_changed(third.inputs.bit("total", "a", "b"))
    assert third.asked == ["b", "total"]
    assert total(third, "a", "b") == 4


def test_an_answer_that_fails_has_changed() -> None:
    first = Sums(a=2)
    half(first, "a")
    second = again(first, "a")
    del second.numbers["a"]
    assert second.inputs.have_changed(second.inputs.bit("half", "a"))


def test_what_depends_on_a_changed_input_is_forgotten() -> None:
    project = Sums(a=2, b=4)
    total(project, "a", "b")
    project.inputs.forget(project.inputs.bit("number", "a"))
    assert project.inputs.answers.keys() == {("half", "b")}
    assert project.inputs.answers["half", "b"] == Answer(2, project.inputs.bit("number", "b"))


def test_of_a_single_file_nothing_is_kept() -> None:
    inputs = NoInputs()
    assert inputs.answer(("kind",), lambda: 1) == 1
    assert inputs.answer(("kind",), lambda: 2) == 2
    assert inputs.bit("file", "a.py") == 0
