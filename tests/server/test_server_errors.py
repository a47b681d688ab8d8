"""Programs that a server ends with an error, and that survive once they are fixed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from .mariadb import Server

PROGRAMS = Path(__file__).parents[2] / "fixtures" / "server_errors"


def fixed(program: Path, directory: Path) -> Path:
    """A copy of a program, after `dbhygiene fix`."""
    copy = Path(shutil.copy(program, directory))
    done = subprocess.run(
        [sys.executable, "-m", "dbhygiene", "fix", copy.name], cwd=directory, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


def test_1226(server: Server, tmp_path: Path) -> None:
    program, user = PROGRAMS / "import_orders.py", server.user(max_connections=3)
    assert server.run(program, user=user).raised(1226)
    server.execute(f"DELETE FROM {user}.imported")
    assert server.run(fixed(program, tmp_path), user=user).status == 0
    assert server.execute(f"SELECT shop FROM {user}.imported") == (("Aachen",), ("Bonn",), ("Gera",))
