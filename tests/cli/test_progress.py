"""How far a run is: told on a terminal and wiped before anything else is, and told nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")

DEMO = Path(__file__).parents[2] / "fixtures" / "demo"
IMPATIENT = """
import sys
from dbhygiene.cli import main, progress
progress._PATIENCE = progress._PAUSE = 0.0
sys.argv = ["dbhygiene", "check", "--isolated", "--no-cache", "-o", "concise", "--color", "never", *sys.argv[1:]]
sys.exit(main())
"""
COMMAND = [sys.executable, "-c", IMPATIENT, str(DEMO)]
QUIET = {name: value for name, value in os.environ.items() if name not in ("CI", "PRE_COMMIT")}


def on_terminal(**environment: str) -> str:
    """What the command writes to a terminal that both of its outputs are."""
    ours, its = pty.openpty()
    running = subprocess.Popen(COMMAND, stdout=its, stderr=its, env={**QUIET, "TERM": "xterm", **environment})
    os.close(its)
    told = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # so Linux says that nobody writes there any more
            data = b""
        if not data:
            break
        told += data
    assert running.wait() == 1
    os.close(ours)
    return told.decode()


def test_a_terminal_is_told_and_left_clean() -> None:
    told = on_terminal()
    counted, wiped, findings = told.rpartition("\r\x1b[K")
    assert "of 8 files" in counted
    assert wiped
    assert "so far" not in findings
    assert "6 findings (2 errors, 4 warnings) in 8 files" in findings


@pytest.mark.parametrize("environment", [{"CI": "1"}, {"PRE_COMMIT": "1"}, {"TERM": "dumb"}])
def test_nobody_watches_there(environment: dict[str, str]) -> None:
    assert "so far" not in on_terminal(**environment)


def test_a_pipe_is_not_told() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, env={**QUIET, "TERM": "xterm"})
    assert done.returncode == 1
    assert "so far" not in done.stdout + done.stderr
