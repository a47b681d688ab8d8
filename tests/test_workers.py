"""Findings are the same with one process and with several, in any order of the files; one that dies costs one file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dbhygiene import cli
from dbhygiene.checker import project_check
from dbhygiene.checker.project_check import ProjectCheck, RunOptions
from dbhygiene.checker.selection import selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.cli import run
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project.project import Project
from dbhygiene.source.file import File
from tests.examples import examples
from tests.test_store import edit

HARD_CASES = Path(__file__).parents[1] / "fixtures" / "hard_cases"


def check(project: Project, files: list[Path], jobs: int, cache: Path | None = None) -> list[Finding]:
    how = RunOptions(cache, jobs)
    return list(project_check.check(project, files, selected_rules(Settings()), how=how))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_check, "SMALLEST", 1)
    monkeypatch.setattr(project_check, "WORTH_FORKING", 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a hundred hard cases, and of modules that help each other."""
    root = tmp_path_factory.mktemp("project")
    (root / "app").mkdir()
    (root / "app" / "__init__.py").touch()
    for page in sorted(HARD_CASES.glob("*.md")):
        for example in list(examples(page.read_text("utf-8")))[:5]:
            (root / f"{page.stem.replace('-', '_')}_{example.line}.py").write_text(example.code, "utf-8")
    dice = random.Random(7)
    for _ in range(30):
        edit(root, dice)
    return root


def test_two_processes_any_order_and_parts_find_the_same(root: Path, tmp_path: Path) -> None:
    def fresh() -> tuple[Project, list[Path]]:
        project = Project(root)
        return project, project.discover([root]).files

    project, files = fresh()
    expected = check(project, files, jobs=1)
    assert len(expected) > 50
    assert check(*fresh(), jobs=2) == expected
    assert check(*fresh(), jobs=3, cache=tmp_path / "c") == expected
    assert check(*fresh(), jobs=2, cache=tmp_path / "c") == expected
    shuffled = random.Random(1).sample(files, len(files))
    assert sorted(check(Project(root), shuffled, jobs=1), key=files_first) == sorted(expected, key=files_first)
    assert sorted(check(Project(root), shuffled, jobs=2), key=files_first) == sorted(expected, key=files_first)


def files_first(finding: Finding) -> tuple[str, tuple[int, ...], str]:
    return str(finding.path), finding.span, finding.code


def test_a_process_that_dies_costs_its_file_and_no_other(root: Path, tmp_path: Path, monkeypatch: Any) -> None:
    project = Project(root)
    files = project.discover([root]).files
    expected = check(project, files, jobs=2)
    victim = expected[len(expected) // 2].path
    real = project_check.check_file

    def fatal(file: File, *rest: Any) -> list[Finding]:
        if file.path == victim:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(file, *rest)

    monkeypatch.setattr(project_check, "check_file", fatal)
    again = Project(root)
    found = check(again, again.discover([root]).files, jobs=2, cache=tmp_path / "c")
    assert [f for f in found if f.path != victim] == [f for f in expected if f.path != victim]
    (lost,) = [f for f in found if f.path == victim]
    assert (lost.code, lost.message) == (
        "HYG000",
        "internal error: the worker checking this file was killed by signal 9",
    )
    assert not list((tmp_path / "c").glob("*.sqlite"))  # it would not know what that process saw


def test_an_interrupt_ends_all_processes_without_a_word(tmp_path: Path) -> None:
    leak = "\ndef f{}():\n    conn = pymysql.connect()\n    conn.ping()\n"
    closed = leak.replace("    conn.ping()\n", "    try:\n        conn.ping()\n    finally:\n        conn.close()\n")
    for number in range(16):  # the first fills the pipe's buffer, so that it is heard of while the others are looked at
        text = "".join((closed if number else leak).format(i) for i in range(200))
        (tmp_path / f"m{number:02}.py").write_text(f"import pymysql\n{text}")
    command = [sys.executable, "-m", "dbhygiene", "check", "--no-cache", "-j2", "-oconcise", str(tmp_path)]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # who runs in the background ignores it
    )
    assert running.stdout
    assert running.stdout.readline()
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert (running.returncode, err.strip()) == (130, b"")  # click ends the line that `^C` is on
    patience = time.monotonic() + 20
    while (is_left := _is_there(running.pid)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not is_left


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_where_the_system_does_not_tell_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    made = RunOptions
    monkeypatch.setattr(run, "RunOptions", lambda *given: (asked.append(given[1]), made(*given))[1])
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    (tmp_path / "app.py").write_text("")
    for jobs in (["--jobs=1"], []):
        cli.main(["check", "--no-cache", *jobs, str(tmp_path)])
    assert asked == [1, 4]


def test_one_package_is_shared_between_processes(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"m{number}.py").write_text("import pymysql\n" * (number + 1))
    project = Project(tmp_path)
    files = project.discover([tmp_path]).files
    run = ProjectCheck(project, files, [], set(), Analyses(project), RunOptions(jobs=2))
    run._distribute(loaded := [project.file(path) for path in files])
    load = [sum(len(file.text) for file in loaded if run.worker[file.path] == each) for each in range(2)]
    assert max(load) < 1.2 * min(load)
