"""What decides by its words alone whether a file is looked into lets through whatever would be found there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config.settings import Settings
from dbhygiene.gaps.entry_points import entry_points_of, may_have_entry_points
from dbhygiene.library.background import CONSUMERS, HANDS_OVER, RUNNERS, STARTS, TASKS, WORKERS
from dbhygiene.library.django import COMMANDS
from dbhygiene.library.waits import WAITS, WaitKind
from dbhygiene.project.project import Project
from dbhygiene.source.file import File

WORK = "\n\ndef work():\n    pass\n\n\n"
POOLED = ("map", "imap", "imap_unordered", "starmap", "apply_async")  # which need the word of the pool


def texts() -> Iterator[str]:
    for name, (position, keyword) in STARTS.items():
        module, _, word = name.rpartition(".")
        given = ", ".join([*["None"] * position, "work"])
        yield f"import {module}{WORK}{name}({given})\n"
        yield f"from {module} import {word} as begin{WORK}begin({keyword}=work)\n"
    for method, (position, _) in HANDS_OVER.items():
        given = ", ".join([*["None"] * position, "work"])
        pool = "make_pool()" if method not in POOLED else "ThreadPool()"
        yield f"from app import make_pool, ThreadPool{WORK}{pool}.{method}({given})\n"
    for library in WORKERS:
        for word in sorted(TASKS):
            yield f"from {library} import {word}\n\n@{word}\ndef work():\n    pass\n"
            yield f"from {library} import {word} as later\n\n@ later(1)\ndef work():\n    pass\n"
    for base in sorted({*RUNNERS, *CONSUMERS, *COMMANDS}):
        module, _, word = base.rpartition(".")
        bodies = "".join(f"    def {name}(self):\n        pass\n" for name in ("run", "handle", "receive"))
        yield f"from {module} import {word}\n\nclass Worker({word}):\n{bodies}"
        yield f"import {module}\n\nclass Worker(Mixin, {base}):\n{bodies}"
    yield "from app import queue\n\n@queue.task\ndef work():\n    pass\n"


@pytest.mark.parametrize("text", [*texts()])
def test_a_file_with_an_entry_point_has_one_of_its_words(text: str) -> None:
    file = File(Path("app.py"), text)
    assert entry_points_of(file), "the example is none"
    assert may_have_entry_points(file)


MODEL = "from django.db import models\n\n\nclass User(models.Model):\n    pass\n"
GAP = "def work():\n    User.objects.count()\n    {}\n    User.objects.count()\n"
SLEEPS = sorted(name for name, wait in WAITS.items() if wait.kind is WaitKind.SLEEP)
PEOPLE = ("getpass.getpass", "click.prompt", "click.pause", "rich.prompt.Prompt.ask")


def waits() -> Iterator[str]:
    for name in (*SLEEPS, *PEOPLE):
        module, _, word = name.rpartition(".")
        if not module[module.rfind(".") + 1 :][0].isupper():
            yield f"from {module} import {word} as stay\n{GAP.format('stay(99999)')}"
        top = name.partition(".")[0] if name.count(".") == 1 else module
        if name.count(".") == 1:
            yield f"import {top}\n{GAP.format(f'{name}  (99999)')}"
    yield f"import time\nnap = time.sleep\n{GAP.format('nap(99999)')}"


@pytest.mark.parametrize("text", [*waits()])
def test_who_waits_as_no_request_does_is_looked_at_by_whatever_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(MODEL)
    for number in range(20):  # more than are looked at one by one
        (tmp_path / f"view{number}.py").write_text("from models import User\n\n\nUser.objects.count()\n")
    (tmp_path / "work.py").write_text(f"from models import User\n{text}")
    project = Project(tmp_path)
    found = check(project, project.discover([tmp_path]).files, selected_rules(Settings()))
    assert [(each.path.name, each.code) for each in found] == [("work.py", "HYG301")]
