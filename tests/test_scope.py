"""What is found in a file is the same whether it is named alone, with others, or all of its project is looked at."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from dbhygiene.checker import project_check
from dbhygiene.checker.project_check import RunOptions
from dbhygiene.checker.selection import selected_rules
from dbhygiene.cli import main
from dbhygiene.config.loading import root_of
from dbhygiene.config.settings import Declared, Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project.import_graph import ImportStatement, parse_imports
from dbhygiene.project.project import Project
from dbhygiene.source.records import replace

DRIVER = "import pymysql\n\n\ndef get_connection():\n    return pymysql.connect()\n"
LEAK = "\n\ndef report():\n    conn = {0}()\n    conn.ping()\n"
USER = "from app.db import get_connection" + LEAK.format("get_connection")
UNRELATED = "import pymysql\n\n\ndef {0}():\n    return pymysql.connect()\n"

# name of a tree -> its files; those whose names begin with `use` have one finding each, others none
TREES: dict[str, dict[str, str]] = {
    "a helper": {"app/__init__.py": "", "app/db.py": DRIVER, "use.py": USER},
    "a helper of a helper": {
        "app/__init__.py": "",
        "app/db.py": DRIVER,
        "app/pool.py": "from . import db\n\n\ndef a_connection():\n    return db.get_connection()\n",
        "use.py": "import app.pool" + LEAK.format("app.pool.a_connection"),
    },
    "a method that is inherited": {
        "base.py": "import pymysql\n\n\nclass Base:\n    def fresh(self):\n        return pymysql.connect()\n",
        "service.py": "from base import (\n    Base,  # a comment, too\n)\n\n\nclass Service(Base):\n    pass\n",
        "use.py": "from service import Service" + LEAK.format("Service().fresh"),
    },
    "an object that owns one": {
        "store.py": (
            "import pymysql\n\n\nclass Store:\n    def __init__(self):\n        self.conn = pymysql.connect()\n\n"
            "    def close(self):\n        self.conn.close()\n\n    def ping(self):\n        self.conn.ping()\n"
        ),
        "use.py": "from store import Store" + LEAK.format("Store"),
    },
    "a function that closes": {
        "app/__init__.py": "from app.db import get_connection, put_back\n",
        "app/db.py": DRIVER + "\n\ndef put_back(conn):\n    conn.close()\n",
        "fine.py": (
            "import app\n\n\ndef report():\n    conn = app.get_connection()\n    try:\n        conn.ping()\n"
            "    finally:\n        app.put_back(conn)\n"
        ),
        "use.py": "from app import *" + LEAK.format("get_connection"),
    },
    "a name that another file has, too": {
        "other.py": UNRELATED.format("open_it"),
        "db.py": "import pymysql\n\n\ndef db():\n    return pymysql.connect()\n",
        "quiet.py": "from db import db"
        + LEAK.format("db")
        + "    open_it = None\n",  # too short a name to be looked for
        "own.py": "def open_it():\n    return []" + LEAK.format("open_it"),
    },
    "a part with its own src": {
        "part/src/tools/db.py": DRIVER,
        "part/src/use.py": USER.replace("app.db", "tools.db"),
        "src/tools/db.py": "def get_connection():\n    return None\n",
    },
    "no package": {"jobs/db.py": DRIVER, "jobs/use.py": USER.replace("app.db", "db")},
    "a file that git does not know": {
        ".gitignore": "build/\n",
        "build/db.py": DRIVER,
        "quiet.py": USER.replace("app.db", "build.db"),
    },
    "in a function, after a backslash": {
        "app/__init__.py": "",
        "app/db.py": DRIVER,
        "use.py": "def report():\n    from app.db import \\\n        get_connection as made\n    made().ping()\n",
    },
}


def written(root: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def check(root: Path, files: Sequence[Path] | None = None, jobs: int = 1, **settings: object) -> list[Finding]:
    project = Project(root, replace(Settings(), **settings))  # type: ignore[arg-type]
    files = project.discover([root]).files if files is None else files
    return list(project_check.check(project, files, selected_rules(project.settings), how=RunOptions(None, jobs)))


def everything_alike(root: Path, **settings: object) -> list[Finding]:
    """The findings in a project; the same however its files are given."""
    found = check(root, **settings)
    files = Project(root).discover([root]).files
    for path in files:
        assert check(root, [path], **settings) == [each for each in found if each.path == path]
    mixed = random.Random(5).sample(files, len(files))
    halves = [*check(root, mixed[::2], **settings), *check(root, mixed[1::2], **settings)]
    assert sorted(halves, key=lambda f: (f.path, f.span)) == sorted(found, key=lambda f: (f.path, f.span))
    return found


@pytest.mark.parametrize("tree", TREES)
def test_a_file_alone_has_the_findings_that_it_has_in_its_project(tree: str, tmp_path: Path) -> None:
    found = everything_alike(written(tmp_path, TREES[tree]))
    assert [each.path.stem for each in found] == [Path(name).stem for name in TREES[tree] if "use" in name]


def test_a_file_that_cannot_be_parsed_is_told_of_only_where_it_would_be_looked_at(tmp_path: Path) -> None:
    """Whether it would be, a few files are asked themselves, and many their project."""
    broken = "from django.db import models\n\n\nclass Order(:\n    pass\n"
    asked = "from django.db import models\n\n\ndef run(:\n    input()\n"
    texts = {f"views_{number}.py": "from django.db import models\n" for number in range(20)}
    found = everything_alike(written(tmp_path, {**texts, "a_model.py": broken, "z_task.py": asked}))
    assert [(each.path.name, each.code) for each in found] == [("z_task.py", "HYG001")]


@pytest.mark.parametrize("length", [1, 2, 5, 9])
def test_a_connection_is_followed_through_any_number_of_files(length: int, tmp_path: Path) -> None:
    """Only the first of them names a driver."""
    texts = {"m0.py": DRIVER.replace("get_connection", "connection_0")}
    for n in range(1, length):
        helper = f"\n\ndef connection_{n}():\n    return connection_{n - 1}()\n"
        texts[f"m{n}.py"] = f"from m{n - 1} import connection_{n - 1}{helper}"
    last = f"connection_{length - 1}"
    texts["use.py"] = f"from m{length - 1} import {last}" + LEAK.format(last)
    assert [each.path.name for each in everything_alike(written(tmp_path, texts))] == ["use.py"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_many_files_draw_in_is_the_project(tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_check, "MANY", 1)
    monkeypatch.setattr(project_check, "WORTH_FORKING", 0)
    root = written(tmp_path, {**TREES["a helper of a helper"], "also.py": USER, "plain.py": ""})
    found = check(root, jobs=jobs)
    assert [each.path.name for each in found] == ["also.py", "use.py"]
    assert check(root, [root / "use.py", root / "plain.py"], jobs) == found[1:]


def test_a_question_that_leads_further_than_the_imports_is_followed(tmp_path: Path) -> None:
    """Who else closes a field is asked of all files that name it: what they are given, is then looked into."""
    texts = {
        "own.py": (
            "import pymysql\n\n\nclass Job:\n    def __init__(self):\n        self.link = pymysql.connect()\n\n"
            "    def run(self):\n        self.link.ping()\n"
        ),
        "db.py": DRIVER + "\n\ndef put_back(conn):\n    conn.close()\n",
        "end.py": "from db import put_back\n\n\ndef end(job):\n    put_back(job.link)\n",
    }
    everything_alike(written(tmp_path, texts))


def test_what_the_settings_say_helps_every_file(tmp_path: Path) -> None:
    root = written(tmp_path, {"use.py": "from far.away import make_conn" + LEAK.format("make_conn"), "plain.py": ""})
    functions = {"far.away.make_conn": Declared(returns="pymysql")}
    assert [each.path.name for each in everything_alike(root, functions=functions)] == ["use.py"]


def test_no_more_is_read_than_a_file_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without a leak; who calls a function that has one, is asked of all files."""
    texts = {**TREES["a helper"], "use.py": "from db import make\n\n\ndef use():\n    make().close()\n"}
    root = written(tmp_path, {**texts, "far.py": DRIVER, "plain.py": "import use\n"})
    read: list[str] = []
    real = Project.read
    monkeypatch.setattr(Project, "read", lambda self, path: (read.append(path.name), real(self, path))[1])
    assert not check(root, [root / "use.py"])
    assert "far.py" not in read
    assert "plain.py" not in read


def test_standard_input_is_a_file_of_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    monkeypatch.chdir(written(tmp_path, TREES["a helper"]))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(USER.encode())))
    assert main(["check", "-oconcise", "-q", "--stdin-filename", "new.py", "-"]) == 1
    assert capsys.readouterr().out.startswith("new.py:4:")


def test_the_root_is_the_same_for_a_file_and_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = written(tmp_path, {**TREES["a helper"], "setup.cfg": "", "part/setup.py": "", "part/use.py": USER})
    monkeypatch.chdir(root)
    assert {root_of(root / "part" / "use.py"), root_of(root)} == {root}


def test_imports_are_read_from_the_text() -> None:
    text = b"""
import os, app.db as db  # and more
from . import (a,  # one
    b as c, )
if True:
    from ..up.there import *; import gone
from \\
    lost import x
from .near import one, \\
    two
'import told'
important = from_here = 1
"""
    assert list(parse_imports(text)) == [
        ImportStatement("os"),
        ImportStatement("app.db"),
        ImportStatement(".", ("a", "b")),
        ImportStatement("..up.there", ()),
        ImportStatement(".near", ("one", "two")),
    ]
