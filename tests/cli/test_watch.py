"""`check --watch`: what counts as a change, and a real process that is edited under."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from dbhygiene.cli import main, watch

LEAK = "import pymysql\n\ndef target():\n    conn = pymysql.connect()\n    conn.ping()\n"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PAUSE", 0.001)


def changed(directory: Path, before: watch.Snapshot) -> list[str]:
    names, _ = watch._next_change([str(directory)], before)
    return [os.path.relpath(name, directory) for name in names]


@pytest.mark.usefixtures("quick")
def test_new_changed_and_removed_files_are_changes(tmp_path: Path) -> None:
    for name in ("changed.py", "removed.py", "same.py"):
        (tmp_path / name).write_text("x = 1\n")
    before = watch._snapshot([str(tmp_path)])
    (tmp_path / "changed.py").write_text("x = 22\n")
    (tmp_path / "removed.py").unlink()
    (tmp_path / "new").mkdir()
    assert changed(tmp_path, before) == ["changed.py", "new", "removed.py"]


def test_what_no_check_reads_is_no_change(tmp_path: Path) -> None:
    before = watch._snapshot([str(tmp_path)])
    (tmp_path / ".dbhygiene_cache").mkdir()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / ".edited.py.swp").write_text("x")
    (tmp_path / "link.py").symlink_to("nowhere")
    (tmp_path / "check.txt").write_text("what the shell writes: dbhygiene check --watch > check.txt")
    assert watch._snapshot([str(tmp_path)]) == before
    assert watch._snapshot([str(tmp_path / "gone")]) == {}


@pytest.mark.parametrize(
    "name", ["requirements.txt", "dev-requirements.txt", "requirements/dev.txt", "Pipfile", "compose.yaml", "setup.cfg"]
)
def test_files_that_settings_come_from_are_watched(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    before = watch._snapshot([str(path.parent)])
    path.write_text("pymysql\n")
    assert watch._snapshot([str(path.parent)]).keys() - before.keys() == {str(path)}


@pytest.mark.parametrize("options", [["--fix"], ["--diff"], ["--add-ignore"], ["--update-baseline"], ["-"]])
def test_watching_changes_nothing(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--watch", *options]) == 2
    assert "--watch only reports" in capsys.readouterr().err


def test_a_mistake_ends_the_first_check_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--watch", str(tmp_path / "missing")]) == 2
    assert "no such file" in capsys.readouterr().err


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that watches a directory with one file, and writes two reports and a cache into it."""
    (tmp_path / "orders.py").write_text(LEAK)
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-u", "-m", "dbhygiene", "check", "--watch", "-o", "concise", "-q"]
    command += ["-o", "json:out/report.json", "--cache-dir", "cache"]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=here,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    ) as process:
        yield process
        process.kill()


def until_watching(out: IO[str] | None) -> list[str]:
    """The lines of one check."""
    assert out is not None
    lines: list[str] = []
    for line in out:
        if "watching for changes" in line:
            break
        lines.append(line.partition("] ")[2].strip() if line.startswith("[") else line.strip())
    return lines


def test_each_change_is_checked_once(watched: subprocess.Popen[str], tmp_path: Path) -> None:
    """A finding comes, a broken setting is one line, the finding goes; a check that writes files causes no other."""
    assert [line.partition(" connection")[0] for line in until_watching(watched.stdout)] == [
        "orders.py:4:12: HYG101 [*]"
    ]
    (tmp_path / "pyproject.toml").write_text("[tool.dbhygiene]\nselect = 1\n")
    assert watched.stdout is not None
    assert "changed: pyproject.toml" in watched.stdout.readline()
    assert "pyproject.toml" in watched.stdout.readline()
    (tmp_path / "pyproject.toml").unlink()
    assert len(until_watching(watched.stdout)) == 2
    (tmp_path / "orders.py").write_text(LEAK.replace("ping", "close"))
    assert until_watching(watched.stdout) == ["changed: orders.py"]
    watched.send_signal(signal.SIGINT)
    assert watched.wait(60) == 130
    assert watched.stdout.read().strip() == ""
