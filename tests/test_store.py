"""What is kept of a run is still true in the next one, whatever happened in between."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from dbhygiene.checker import project_check, store
from dbhygiene.checker.incremental import IncrementalCheck
from dbhygiene.checker.project_check import RunOptions
from dbhygiene.checker.selection import selected_rules
from dbhygiene.cli import main
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project import project as project_module
from dbhygiene.project.import_graph import ImportGraph
from dbhygiene.project.project import Project
from tests.checked_files import counted

HELPERS = [  # each opens, closes, keeps or borrows, or says nothing of it
    "import pymysql\n\ndef open_shop():\n    return pymysql.connect()\n",
    "import pymysql\n\ndef open_shop():\n    conn = pymysql.connect()\n    conn.close()\n",
    "import pymysql\n\ndef open_shop():\n    return pymysql.connect()\n\ndef close_shop(conn):\n    conn.close()\n",
    "def close_shop(conn):\n    print(conn)\n",
    "def open_shop():\n    return 1\n",
    "from app.base import open_shop, close_shop\n",
    "from app.base import *\n",
    "from app.base import open_shop as open_it\n\ndef open_shop():\n    return open_it()\n",
    "import sqlalchemy\n\nopen_shop = sqlalchemy.create_engine('mysql://db/app').connect\n",
    "def f(:\n",
]
USERS = [
    "from app.{0} import open_shop\n\ndef f():\n    conn = open_shop()\n    conn.ping()\n",
    "from app.{0} import open_shop, close_shop\n\ndef f():\n    c = open_shop()\n    c.ping()\n    close_shop(c)\n",
    "import pymysql\nfrom app.{0} import close_shop\n\ndef f():\n    conn = pymysql.connect()\n    close_shop(conn)\n",
    "import pymysql\n\nclass Shop:\n    def __init__(self):\n        self.kept = pymysql.connect()\n",
    "from app.{0} import Shop\n\ndef f():\n    shop = Shop()\n    shop.kept.close()\n",
    "from sqlalchemy import create_engine\n\ndef f():\n    return create_engine('mysql://db/app')\n",
    "from . import {0}\n\ndef f():\n    return {0}.open_shop()\n",
    "print('no database')\n",
    "import time\nfrom app.models import User\n\ndef f():\n    while True:\n        User.objects.count()\n"
    "        time.sleep(9999)\n",
    "from django.db import models\n\nclass User(models.Model):\n    pass\n",
]
NAMES = ["base", "db", "tools", "web", "jobs", "models", "cli", "admin"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_check, "SMALLEST", 1)
    monkeypatch.setattr(project_check, "LARGE_PART", 100)


def check(root: Path, directory: Path | None, *parts: str) -> list[Finding]:
    project = Project(root, Settings())
    below = {root / part for part in parts or (".",)}
    files = project.discover(below).files
    warnings: list[str] = []
    how = RunOptions(directory, 1, warn=warnings.append)
    found = list(project_check.check(project, files, selected_rules(project.settings), named=below, how=how))
    assert not warnings
    return found


def edit(root: Path, dice: random.Random) -> None:
    """Write, take away or touch a module, or write something that is none."""
    path = root / dice.choice(["app", "app", "jobs"]) / f"{dice.choice(NAMES)}.py"
    path.parent.mkdir(exist_ok=True)
    match dice.randrange(9):
        case 0:
            path.unlink(missing_ok=True)
        case 1:
            if path.exists():
                os.utime(path, ns=(dice.randrange(10**18), dice.randrange(10**18)))
        case 2:
            package = path.with_suffix("")
            if package.exists():
                shutil.rmtree(package)
            else:
                package.mkdir()
                (package / "__init__.py").write_text(dice.choice(HELPERS))
        case 3:
            (root / dice.choice(["README.md", "notes.txt", ".coverage", "app/data.json"])).write_text("import pymysql")
        case _:
            path.write_text(dice.choice(HELPERS + USERS).replace("{0}", dice.choice(NAMES)))
    for each in root.rglob("*.py"):  # long ago, or every file would be looked into
        if each.stat().st_mtime_ns > 10**18:
            os.utime(each, ns=(0, dice.randrange(10**17)))


def moved(parent: Path, name: str) -> tuple[Path, Path]:
    """Move a project together with its cache."""
    (there,) = parent.iterdir()
    there.rename(parent / name)
    return parent / name / "p", parent / name / "cache"


def touch(root: Path, time: int) -> None:
    """Give all files a new time, as a fresh checkout does."""
    for path in root.rglob("*"):
        os.utime(path, (time, time))


@pytest.mark.parametrize("seed", range(6))
def test_warm_is_cold_after_any_edits(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    root, directory = tmp_path / "at" / "p", tmp_path / "at" / "cache"
    (root / "app").mkdir(parents=True)
    (root / "jobs").mkdir()
    (root / "pyproject.toml").touch()
    (root / "app" / "__init__.py").touch()
    for _ in range(12):
        edit(root, dice)
    for number in range(25):
        edit(root, dice)
        if number % 8 == 7:
            root, directory = moved(tmp_path, f"moved_{number}")
            touch(root, number)
        files = sorted(str(path.relative_to(root)) for path in root.rglob("*.py"))
        parts = dice.choice([["."], ["app"], ["jobs"], dice.sample(files, 1), dice.sample(files, 2)])
        cold = check(root, None, *parts)
        assert list(map(repr, check(root, directory, *parts))) == list(map(repr, cold))
        assert list(map(repr, check(root, directory, *parts))) == list(map(repr, cold))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "p"
    root.mkdir()
    (root / "db.py").write_text(HELPERS[0])
    (root / "use.py").write_text(USERS[0].replace("app.{0}", "db"))
    (root / "other.py").write_text("import pymysql\n\ndef alone():\n    conn = pymysql.connect()\n    conn.ping()\n")
    for path in root.iterdir():
        os.utime(path, (1, 1))
    return root


def test_only_what_rests_on_a_change_is_checked_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = check(project, project / "c")
    assert [f.path.name for f in first] == ["other.py", "use.py"]
    names = counted(monkeypatch)
    assert check(project, project / "c") == first
    assert names == []
    (project / "db.py").write_text(HELPERS[0] + "\n\ndef more():\n    pass\n")
    assert check(project, project / "c") == first
    assert names == ["db.py", "use.py"]


def test_files_that_are_named_use_the_cache_and_leave_it_as_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check(project, project / "c")
    (stored,) = (project / "c").glob("*.sqlite")
    before = stored.read_bytes()
    (project / "use.py").write_text((project / "use.py").read_text() + "\n# an edit\n")
    searched = list[str]()
    imports = ImportGraph.transitive_imports
    monkeypatch.setattr(ImportGraph, "transitive_imports", lambda *a: searched.append("imports") or imports(*a))
    assert check(project, project / "c", "use.py") == [each for each in first if each.path.name == "use.py"]
    assert not searched
    assert stored.read_bytes() == before
    (project / "db.py").write_text(HELPERS[1])
    assert check(project, project / "c", "use.py") == []


def test_what_is_found_in_a_part_is_known_when_the_whole_is_checked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (project / name).mkdir()
        (project / name / "use.py").write_text(USERS[0].replace("app.{0}", "db"))
        os.utime(project / name / "use.py", (1, 1))
    cold = check(project, None)
    names = counted(monkeypatch)
    for _ in range(2):
        assert [finding.path for finding in check(project, project / "c", "one")] == [project / "one" / "use.py"]
    assert names == ["use.py"]
    assert [finding.path.parent.name for finding in check(project, project / "c", "one", "two")] == ["one", "two"]
    assert names == ["use.py", "use.py"]
    for _ in range(2):
        assert check(project, project / "c") == cold
    assert len(names) == 2 + 3
    assert check(project, project / "c", "two") == [each for each in cold if each.path.parent.name == "two"]
    assert len(names) == 2 + 3


def test_another_configuration_knows_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(project, project / "c")
    (project / "requirements.txt").write_text("pymysql==0.9\n")
    names = counted(monkeypatch)
    check(project, project / "c")
    assert len(names) == 3


@pytest.mark.parametrize("damage", [b"", b"no database at all", b"SQLite format 3\0" + bytes(4000)])
def test_a_damaged_cache_is_thrown_away(project: Path, damage: bytes) -> None:
    first = check(project, project / "c")
    (kept,) = (project / "c").glob("*.sqlite")
    kept.write_bytes(damage)
    for _ in range(2):
        how = RunOptions(project / "c", warn=lambda words: None)
        again = Project(project)
        files = again.discover([project]).files
        assert list(project_check.check(again, files, selected_rules(Settings()), how=how)) == first
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone()[0] >= 3


def test_a_directory_that_cannot_be_made_is_told_once_and_does_no_harm(project: Path) -> None:
    (project / "c").write_text("in the way")
    warnings: list[str] = []
    again = Project(project)
    files = again.discover([project]).files
    how = RunOptions(project / "c", warn=warnings.append)
    assert len(list(project_check.check(again, files, selected_rules(Settings()), how=how))) == 2
    assert len(warnings) == 1
    assert "cache not written" in warnings[0]


def test_a_run_that_read_before_somebody_wrote_writes_nothing(project: Path) -> None:
    check(project, project / "c")
    (kept,) = (project / "c").glob("*.sqlite")
    with sqlite3.connect(kept) as connection:
        key = connection.execute("SELECT value FROM facts WHERE name = 'key'").fetchone()[0]
    one, other = (store.Store(project / "c", "", store.RelativePaths(project)) for _ in range(2))
    for each in (one, other):
        each._path, each._key = kept, key
    before, same = one.read(), other.read()
    assert before.writes == same.writes == 1
    one.write({**before.facts, "words": "['first']"}, {}, [], before.writes)
    other.write({**before.facts, "words": "['second']"}, {}, [], same.writes)
    assert one.read().facts["words"] == "['first']"


def test_only_a_cache_is_removed(project: Path) -> None:
    check(project, project / "c")
    assert not store.clean(project)
    assert store.clean(project / "c")
    assert not (project / "c").exists()


OPENS = "import pymysql\n\ndef open_shop():\n    return pymysql.connect()\n"


def written(root: Path, **files: str) -> None:
    for name, text in files.items():
        (root / f"{name}.py").write_text(text)


def test_a_module_that_is_too_large_to_be_read_is_told_of_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_module, "LARGEST", 1000)
    root = tmp_path / "shop"
    root.mkdir()
    user = "import large\nfrom base import open_shop\n\ndef f():\n    conn = open_shop()\n    conn.ping()\n"
    written(root, base=OPENS, user=user, large="#" * (project_module.LARGEST + 1))
    assert check(root, tmp_path / "kept") == check(root, tmp_path / "kept") == check(root, None)


def test_a_module_that_was_missing_brings_a_helper(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    written(root, base=OPENS, user="from late import open_shop\n\ndef f():\n    conn = open_shop()\n    conn.ping()\n")
    assert check(root, tmp_path / "kept") == []
    written(root, late="from base import open_shop\n")
    assert [each.code for each in check(root, tmp_path / "kept")] == ["HYG101"]


def test_the_one_file_that_has_changed_is_helped(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    alone = "import sqlalchemy\n"
    written(root, base=f"{alone}{OPENS}", user=alone, other=alone)
    assert check(root, tmp_path / "kept") == []
    written(root, user="from base import open_shop\n\ndef f():\n    conn = open_shop()\n    conn.ping()\n")
    assert [each.code for each in check(root, tmp_path / "kept")] == ["HYG101"]


def test_what_git_tracks_may_be_gone(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    monkeypatch.chdir(project)

    def told() -> list[str]:
        assert main(["check", "-q", "-o", "concise"]) < 2
        return sorted({row.partition(":")[0] for row in capsys.readouterr().out.splitlines()})

    assert told() == told() == ["other.py", "use.py"]
    (project / "other.py").unlink()
    assert told() == told() == ["use.py"]
    (project / "db.py").unlink()
    assert told() == told() == []


def test_a_link_is_a_file_of_the_project_unless_it_leads_to_another_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere, link = project.parent / "elsewhere.py", project / "link.py"
    elsewhere.write_text((project / "other.py").read_text())
    os.utime(elsewhere, (1, 1))
    link.symlink_to(elsewhere)
    monkeypatch.chdir(project)

    def told() -> list[str]:
        assert main(["check", "-q", "-o", "concise"]) < 2
        return sorted({row.partition(":")[0] for row in capsys.readouterr().out.splitlines()})

    assert told() == told() == ["link.py", "other.py", "use.py"]
    link.unlink()
    link.symlink_to("other.py")
    assert told() == told() == ["other.py", "use.py"]


def test_who_looks_ahead_takes_nothing_that_was_written_since(project: Path) -> None:
    (project / "part").mkdir()
    (project / "part" / "use.py").write_text(USERS[0].replace("app.{0}", "db"))
    os.utime(project / "part" / "use.py", (1, 1))
    (project / "other.py").write_text("print()\n")
    os.utime(project / "other.py", (1, 1))
    check(project, project / "c")
    ahead = Project(project)
    memory = IncrementalCheck(ahead, selected_rules(Settings()), project / "c")
    assert len(memory.unchanged_files([project])) == 4
    (project / "other.py").write_text("import pymysql\n\ndef alone():\n    conn = pymysql.connect()\n    conn.ping()\n")
    os.utime(project / "other.py", (2, 2))
    check(project, project / "c", "part")
    how = RunOptions(project / "c", memories={project: memory})
    found = list(project_check.check(ahead, ahead.discover([project]).files, selected_rules(Settings()), how=how))
    assert found == check(project, None)


def test_who_asks_for_little_looks_at_few_times(project: Path) -> None:
    for number in range(300):
        (project / f"m{number}.py").write_text("print()\n")
        os.utime(project / f"m{number}.py", (1, 1))
    check(project, project / "c")
    memory = IncrementalCheck(Project(project), selected_rules(Settings()), project / "c")
    assert not memory.unchanged_files([project / "part"])
    assert len(memory.unchanged_files([project])) == 303


def test_a_change_of_how_the_server_runs_is_seen(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    pool = "from sqlalchemy import create_engine\n\nengine = create_engine('mysql://db/app', pool_recycle=3600)\n"
    written(root, pool=pool, other="import pymysql\n")
    kept = tmp_path / "kept"
    assert check(root, kept) == check(root, kept) == []
    (root / "my.cnf").write_text("[mysqld]\nwait_timeout = 600\n")
    assert [each.code for each in check(root, kept)] == ["HYG503"]
    (root / "README").write_text("text\n")
    assert [each.code for each in check(root, kept)] == ["HYG503"]
    (root / "my.cnf").write_text("[mysqld]\nwait_timeout = 900\n")
    (found,) = check(root, kept)
    assert "900 s" in found.message
    (root / "my.cnf").unlink()
    assert check(root, kept) == check(root, None) == []


def test_a_moved_project_whose_files_are_new_keeps_its_findings(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(project, project / "c")
    place = tmp_path / "elsewhere"
    project.rename(place)
    touch(place, 2)
    names = counted(monkeypatch)
    for _ in range(2):
        assert check(place, place / "c") == check(place, None)
    assert len(names) == 2 * 3  # those of the runs without a cache


def test_two_projects_may_share_a_directory(tmp_path: Path) -> None:
    for name, text in (("one", HELPERS[1]), ("two", "import pymysql\n\ndef f():\n    pymysql.connect()\n")):
        (tmp_path / name).mkdir()
        written(tmp_path / name, app=text.ljust(100))
        os.utime(tmp_path / name / "app.py", (1, 1))
    for _ in range(2):
        for name in ("one", "two"):
            assert check(tmp_path / name, tmp_path / "c") == check(tmp_path / name, None)


def is_settled(project: Path) -> bool:
    """Whether the next run only compares times and prints."""
    again = Project(project)
    memory = IncrementalCheck(again, selected_rules(Settings()), project / "c")
    memory.unchanged_files([project])
    return memory.unchanged_findings(again.everything, {project}) is not None


@pytest.mark.parametrize("name", ["README2.md", ".coverage", "NOTES.txt", "package.json", "data"])
def test_a_file_that_says_nothing_of_the_project_changes_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    first = check(project, project / "c")
    names = counted(monkeypatch)
    (project / name).write_text("pymysql")
    assert check(project, project / "c") == first
    assert is_settled(project)
    (project / name).unlink()
    assert check(project, project / "c") == first
    assert is_settled(project)
    assert names == []


@pytest.mark.parametrize("name", ["requirements.txt", "ruff.toml", "setup.cfg", "parts/tox.ini"])
def test_what_a_project_requires_counts_by_its_content(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text("# one")
    check(project, project / "c")
    names = counted(monkeypatch)
    os.utime(project / name, (5, 5))
    check(project, project / "c")
    assert names == []
    (project / name).write_text("# two")
    os.utime(project / name, (5, 5))
    check(project, project / "c")
    assert len(names) == 3


def in_child(act: Callable[[], object]) -> int:
    """Run something in a process of its own; return how that ended."""
    if (child := os.fork()) == 0:
        with suppress(BaseException):
            act()
        os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("place", range(4))
def test_a_run_that_is_killed_while_it_writes_leaves_the_cache_as_it_was(project: Path, place: int) -> None:
    first = check(project, project / "c")
    (project / "other.py").write_text("import pymysql\n")

    def killed() -> None:
        values = store.Store._values

        def some(self: store.Store, rows: Mapping[str, store.FileRecord]) -> Iterator[tuple[object, ...]]:
            for number, each in enumerate(values(self, rows)):
                if number == place:
                    break
                yield each
            os.kill(os.getpid(), signal.SIGKILL)

        store.Store._values = some  # type: ignore[method-assign, assignment]
        if place == 3:  # before anything is written
            store.Store.prepare = lambda self: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        check(project, project / "c")

    assert in_child(killed) == signal.SIGKILL
    for _ in range(2):
        assert check(project, project / "c") == first[1:] == check(project, None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_runs_at_the_same_time_leave_a_cache_that_is_true(project: Path) -> None:
    for number in range(4):
        (project / "other.py").write_text(f"import pymysql\n\nconn = pymysql.connect(port={number})\n")
        children = [os.fork() for _ in range(2)]
        if 0 in children:
            with suppress(BaseException):
                check(project, project / "c")
            os._exit(0)
        for child in children:
            os.waitpid(child, 0)
        assert check(project, project / "c") == check(project, None)


@pytest.mark.parametrize(("pragma", "words"), [("query_only = ON", "readonly"), ("max_page_count = 1", "full")])
def test_a_cache_that_cannot_be_written_is_reported_once_and_does_no_harm(
    project: Path, monkeypatch: pytest.MonkeyPatch, pragma: str, words: str
) -> None:
    check(project, project / "c")
    leaks = "".join(f"\n\ndef f_{n}():\n    conn = pymysql.connect()\n    conn.ping()\n" for n in range(30))
    (project / "long.py").write_text(f"import pymysql\n{leaks}")
    true = check(project, None)
    connect = store.Store._connect

    def limited(self: store.Store, mode: str) -> sqlite3.Connection:
        connection = connect(self, mode)
        connection.execute(f"PRAGMA {pragma}")
        return connection

    monkeypatch.setattr(store.Store, "_connect", limited)
    warnings: list[str] = []
    again = Project(project)
    how = RunOptions(project / "c", warn=warnings.append)
    found = project_check.check(again, again.discover([project]).files, selected_rules(Settings()), how=how)
    assert list(found) == true
    assert len(warnings) == 1
    assert words in warnings[0]
    monkeypatch.undo()
    monkeypatch.setattr(project_check, "SMALLEST", 1)
    assert check(project, project / "c") == true


COMMON = "import pymysql\n\ndef connect():\n    return pymysql.connect()\n"
USES_COMMON = "from common.db import connect\n\ndef f():\n    conn = connect()\n    conn.ping()\n"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_package_of_another_part_that_comes_or_goes_is_seen(tmp_path: Path) -> None:
    root, kept = tmp_path / "all", tmp_path / "kept"
    steps: list[Callable[[], object]] = [
        lambda: write(root, **{"services/api/main.py": USES_COMMON, "services/web/a.py": "x = 1\n"}),
        lambda: write(root, **{"libs/deep/one/common/db.py": COMMON, "libs/deep/one/common/__init__.py": ""}),
        lambda: write(root, **{"libs/two/src/common/db.py": "", "libs/two/src/common/__init__.py": ""}),  # two: none
        lambda: write(root, **{"services/api/requirements.txt": "-e ../../libs/deep/one\n"}),
        lambda: write(root, **{"services/api/requirements.txt": "-e ../../libs/two\n"}),
        lambda: shutil.rmtree(root / "libs/two"),
        lambda: write(root, **{"services/api/requirements.txt": "common==1.0\n"}),  # somebody else's
        lambda: write(root, **{"libs/deep/one/pyproject.toml": "[project]\nname = 'other'\n"}),
        lambda: write(root, **{f"libs/deep/x/common/common/{name}": COMMON for name in ("db.py", "__init__.py")}),
        lambda: write(root, **{"libs/deep/x/common/pyproject.toml": ""}),  # a distribution of this name
        lambda: shutil.rmtree(root / "libs"),
    ]
    sizes = []
    for step in steps:
        step()
        found = check(root, kept)
        assert found == check(root, None) == check(root, kept)
        sizes.append(len(found))
    assert sizes == [0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0]
