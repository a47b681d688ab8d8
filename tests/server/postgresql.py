"""A PostgreSQL server and a PgBouncer of one's own: private directory and port, gone when their owner is."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from .processes import HOST, SECONDS, free_port, program, running

PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *sorted(glob("/usr/lib/postgresql/*/bin"))[::-1]])
SMALL = ("shared_buffers=1MB", "fsync=off", "synchronous_commit=off", "wal_level=minimal", "max_wal_senders=0")


def missing(*names: str) -> str:
    """The first of these programs that is not installed; empty if all are."""
    return next((name for name in names if shutil.which(name, path=PLACES) is None), "")


@dataclass
class Server:
    """A server that is up; `boss` is its superuser."""

    port: int
    directory: Path

    def connect(self, user: str = "boss", password: str = "", port: int = 0) -> Any:
        import psycopg

        return psycopg.connect(
            host=HOST, port=port or self.port, user=user, password=password, dbname="postgres", autocommit=True
        )

    def execute(self, *statements: str) -> None:
        with closing(self.connect()) as connection:
            for statement in statements:
                connection.execute(statement)


@contextmanager
def started(directory: Path, *settings: str) -> Iterator[Server]:
    """A server with these settings, whose data lie in the directory."""
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if owner:
        shutil.chown(directory, "postgres", "postgres")
    data, port = directory / "data", free_port()
    init = [program("initdb", PLACES), "-D", str(data), "-U", "boss", "--auth=trust", "--no-sync", "--no-instructions"]
    done = subprocess.run(init, capture_output=True, text=True, timeout=SECONDS, cwd=directory, **owner)
    assert done.returncode == 0, done.stderr
    (data / "pg_hba.conf").write_text("host all boss 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    given = (*SMALL, f"port={port}", f"listen_addresses={HOST}", f"unix_socket_directories={directory}", *settings)
    options = [word for each in given for word in ("-c", each)]
    server = Server(port, directory)
    with running([program("postgres", PLACES), "-D", str(data), *options], directory / "log", directory, owner):
        _until_up(server, port)
        yield server


@contextmanager
def pooled(server: Server, *settings: str) -> Iterator[int]:
    """A PgBouncer before a server: yields its port. Its users are those of the server, without passwords."""
    directory, port = server.directory, free_port()
    file = directory / "pgbouncer.ini"
    own = (f"listen_addr={HOST}", f"listen_port={port}", "auth_type=any", f"unix_socket_dir={directory}", *settings)
    target = f"host={HOST} port={server.port} dbname=postgres user=boss"
    file.write_text("\n".join(("[databases]", f"postgres={target}", "[pgbouncer]", *own, "")))
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with running([program("pgbouncer", PLACES), "-q", str(file)], directory / "pgbouncer.log", directory, owner):
        _until_up(server, port)
        yield port


def _until_up(server: Server, port: int) -> None:
    import psycopg

    end = time.monotonic() + SECONDS
    while True:
        try:
            server.connect(port=port).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)
