"""What a fix does is found out once: the cache keeps it with the finding, and forgets it with the file."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dbhygiene.checker import project_check
from dbhygiene.checker.store import Store
from dbhygiene.cli import main
from dbhygiene.diagnostics.text_edits import TextChange, difference, with_difference
from dbhygiene.fixes import preview

LEAK = "import pymysql\n\ndef target():\n    conn = pymysql.connect()\n    conn.ping()\n"
BODIES = (
    LEAK,
    LEAK.replace("ping", "close"),
    LEAK.replace("conn.ping()", "with conn:\n        conn.ping()"),
    LEAK.replace("conn.ping()", "return conn.cursor()"),
    f'import time\n{LEAK}\nfrom sqlalchemy import create_engine\n\nengine = create_engine("mysql://db/app")\n',
    "from a import target as other\n\ndef caller():\n    conn = other()\n    conn.ping()\n",
    "import pymysql\n\ndef target():\n    return pymysql.connect()\n",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(project_check, "SMALLEST", 1)
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        write(tmp_path / f"{name}.py", LEAK)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, (1, len(text)))  # long ago, or the file may change again without a new time


def report(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["check", "-j1", *options]) in (0, 1)
    return capsys.readouterr().out


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of which fixes are tried."""
    names: list[str] = []
    real = preview.FixPreviews.after
    monkeypatch.setattr(
        preview.FixPreviews, "after", lambda self, finding: names.append(finding.path.name) or real(self, finding)
    )
    return names


def test_fixes_are_tried_once(project: Path, tried: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    first = report(capsys)
    assert tried == ["a.py", "b.py", "c.py"]
    assert report(capsys) == first
    assert json.loads(report(capsys, "-o", "json"))[0]["fix"]["edits"]
    assert tried == ["a.py", "b.py", "c.py"]


def test_a_changed_file_is_tried_again(project: Path, tried: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    report(capsys)
    tried.clear()
    write(project / "b.py", LEAK.replace("conn ", "other ").replace("conn.p", "other.p"))
    second = report(capsys)
    assert "b.py" in tried
    assert "closing(pymysql.connect()) as other" in second


def test_a_change_elsewhere_and_a_touched_file_try_nothing_again(
    project: Path, tried: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(project / "d.py", "print()\n")
    first = report(capsys)
    tried.clear()
    write(project / "d.py", "print(1)\n")
    os.utime(project / "a.py", (5, 5))
    assert [report(capsys), report(capsys)] == [first, first]
    assert tried == []


@pytest.mark.parametrize("seed", range(6))
def test_kept_fixes_are_those_of_a_fresh_run(project: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(seed)
    for _ in range(8):
        write(project / f"{dice.choice('abc')}.py", dice.choice(BODIES))
        form = dice.choice(("full", "json", "html"))
        assert report(capsys, "-o", form) == report(capsys, "-o", form, "--no-cache")


def test_a_warm_run_imports_no_libcst(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(capsys)
    code = "import sys\nfrom dbhygiene.checker import project_check\nproject_check.SMALLEST = 1\n"
    code += "from dbhygiene.cli import main\nmain(['check'])\nprint('libcst' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.count("with closing(") == 3
    assert done.stdout.endswith("False\n")


def test_what_another_run_has_written_since_is_kept(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The outcomes of a run are of the files as it saw them: they are dropped if another run has stored other ones."""
    report(capsys, "-o", "concise")
    (cache,) = (project / ".dbhygiene_cache").glob("*.sqlite")

    def fixes() -> int:
        with closing(sqlite3.connect(cache)) as connection:
            return int(connection.execute("SELECT count(*) FROM fixes").fetchone()[0])

    real = Store.add_fixes

    def late(self: Store, outcomes: dict[tuple[str, str], str]) -> None:
        with closing(sqlite3.connect(cache)) as connection, connection:
            connection.execute("UPDATE facts SET value = value + 1 WHERE name = 'writes'")
        real(self, outcomes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "add_fixes", late)
        report(capsys)
    assert fixes() == 0
    report(capsys)
    assert fixes() == 3


@pytest.mark.parametrize(
    ("old", "new"), [("", ""), ("a\nb\n", "a\nb\n"), ("aa", "aaa"), ("x\ny\n", "x\n  y\n"), ("abc", ""), ("", "abc")]
)
def test_a_difference_gives_the_new_text_back(old: str, new: str) -> None:
    assert with_difference(old, difference(TextChange(old, new))) == new


def test_a_run_over_a_part_keeps_no_fix_of_a_file_that_is_stored_otherwise(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").touch()
    (project / "part").mkdir()
    path = project / "part" / "d.py"
    write(path, LEAK)
    report(capsys)
    fresh = report(capsys, "--no-cache")
    write(path, '"""Doc."""\n\nimport os\n\n' + LEAK)
    monkeypatch.setattr(project_check, "SMALLEST", 20)
    report(capsys, "part")
    write(path, LEAK)
    monkeypatch.setattr(project_check, "SMALLEST", 1)
    assert report(capsys) == fresh
