"""`cost`: what one run of a command costs; and the commands that are compared."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.trees import PLACE

_REQUIREMENTS = Path(__file__).parent / "requirements.txt"


class Cost(NamedTuple):
    """Seconds of one run, and its largest process in MiB."""

    wall: float
    cpu: float
    memory: float


def ours() -> list[str]:
    return [sys.executable, "-m", "dbhygiene"]


def made_peers() -> Path:
    """Where the peers' programs lie, in an environment of their own."""
    place = PLACE / "peers"
    if not (place / "ready").exists():
        venv.create(place, with_pip=True)
        pip = [str(place / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(_REQUIREMENTS)], check=True)
        (place / "ready").touch()
    return place / "bin"


def cost(command: Sequence[str]) -> Cost:
    """What one run costs; whatever it finds is its own affair."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    running = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environment, cwd="/")  # in no project
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if running.returncode not in (0, 1) and "pylint" not in command[0]:
        raise SystemExit(f"ended with {running.returncode}: {' '.join(command)}")
    scale = 1024 if sys.platform != "darwin" else 1024**2
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / scale)
