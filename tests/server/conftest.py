"""`server`: a MariaDB server, as new for each test; without one, the tests here are skipped by name."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("pymysql", reason="PyMySQL is not installed")

from .mariadb import MISSING, Server, install, started


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty server's data, made once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with (shared / "mariadb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "mariadb").exists():
            with ExitStack() as unless_installed:
                unless_installed.callback(shutil.rmtree, shared / "mariadb", ignore_errors=True)
                install(shared / "mariadb")
                unless_installed.pop_all()
    return shared / "mariadb"


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    """This worker's server: to copy the data and start takes 0.1 s."""
    if MISSING:
        pytest.skip(f"{MISSING[0]} is not installed")
    installed: Path = request.getfixturevalue("installed")
    with tempfile.TemporaryDirectory(prefix="mariadb-") as directory:
        shutil.copytree(installed, Path(directory, "data"))
        with started(Path(directory)) as server:
            yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """A server on which nobody but root has a name, and every limit is MariaDB's own."""
    yield running
    running.reset()
