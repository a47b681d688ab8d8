"""A MariaDB server of one's own: private directory, socket and port, gone when its owner is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import pymysql

from .processes import HOST, SECONDS, free_port, program, running

NEEDED = ("mariadbd", "mariadb-install-db")
PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin"
MISSING = [name for name in NEEDED if shutil.which(name, path=PLACES) is None]
SMALL = (
    *("--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0"),
    *("--key-buffer-size=1M", "--aria-pagecache-buffer-size=1M", "--performance-schema=OFF"),
)
PLAIN = ("--skip-name-resolve", "--skip-log-bin", "--skip-slow-query-log", f"--bind-address={HOST}")
GONE = ("(2006, ", "(2013, ", "(4031, ")  # how drivers tell of a connection that is dead
AT_ONCE = 10  # programs: most of their time, they wait


@dataclass(frozen=True)
class Run:
    """What came of a program."""

    status: int
    output: str  # of both streams

    @property
    def errors(self) -> set[int]:
        """The numbers of the errors that it tells of, the server's and the driver's."""
        return {int(number) for number in re.findall(r"Error[:)] \((\d{4}), ", self.output)}


@dataclass
class Server:
    """A server that is up. What is made and set through it is taken back by `reset`."""

    socket: Path
    port: int
    root: Any  # a connection that no limit and no timeout touches
    _lock: Lock = field(default_factory=Lock)
    _names: Iterator[int] = field(default_factory=count)
    _users: list[str] = field(default_factory=list)
    _set: dict[str, Any] = field(default_factory=dict)

    def execute(self, sql: str, *arguments: object) -> tuple[tuple[Any, ...], ...]:
        """The rows that a statement gives, as root."""
        with self._lock, self.root.cursor() as cursor:
            cursor.execute(sql, arguments or None)
            return tuple(cursor.fetchall())

    def user(self, *, max_connections: int = 0) -> str:
        """A new user, who may have this many connections (0: any number), and a database of the same name."""
        name = f"user{next(self._names)}"
        self._users.append(name)
        self.execute(f"CREATE DATABASE {name}")
        self.execute(f"CREATE USER {name} WITH MAX_USER_CONNECTIONS {max_connections}")
        self.execute(f"GRANT ALL ON {name}.* TO {name}")
        return name

    def load(self, file: Path, user: str) -> None:
        """Execute the statements of a file in a user's database."""
        self.execute(f"USE {user}")
        for statement in file.read_text("utf-8").split(";\n"):
            if statement.strip():
                self.execute(statement)

    def set(self, **variables: object) -> None:
        """Give connections made from now on other limits: `server.set(wait_timeout=2)`."""
        for name, value in variables.items():
            ((old,),) = self.execute(f"SELECT @@GLOBAL.{name}")
            self._set.setdefault(name, old)
            self.execute(f"SET GLOBAL {name} = %s", value)

    def connections(self, user: str) -> int:
        """How many connections a user has."""
        ((number,),) = self.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s", user)
        return int(number)

    def environment(self, user: str) -> dict[str, str]:
        """How a program is told where its database is."""
        return os.environ | {
            "DB_HOST": HOST,
            "DB_PORT": str(self.port),
            "DB_USER": user,
            "DB_NAME": user,
        }

    def run(self, program: Path, *arguments: str, user: str) -> Run:
        """Run a program as this user, in its own directory, with the interpreter that runs the tests."""
        done = subprocess.run(
            [sys.executable, program.name, *arguments],
            cwd=program.parent,
            env=self.environment(user),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        return Run(done.returncode, done.stdout)

    def run_all(self, programs: dict[str, Path], *, max_connections: int = 0) -> dict[str, Run]:
        """Run programs side by side, each as a user of its own, by the name that the caller has for it."""
        users = {name: self.user(max_connections=max_connections) for name in programs}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            runs = pool.map(lambda name: self.run(programs[name], user=users[name]), programs)
            return dict(zip(programs, runs, strict=True))

    def reset(self) -> None:
        """Take back what was set, and drop every user with their databases and connections."""
        for name, value in self._set.items():
            self.execute(f"SET GLOBAL {name} = %s", value)
        for name in self._users:
            self.execute(f"KILL USER {name}")
            self.execute(f"DROP USER {name}")
            self.execute(f"DROP DATABASE {name}")
        self._set.clear()
        self._users.clear()


def dbhygiene(*arguments: str, cwd: Path, leaves: bool = False) -> str:
    """What `dbhygiene` prints for these arguments in a directory; it may leave findings only where that is said."""
    done = subprocess.run([sys.executable, "-m", "dbhygiene", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode in ((0, 1) if leaves else (0,)), done.stdout + done.stderr
    return done.stdout


def install(directory: Path) -> None:
    """Make the data directory of a server that has seen nothing."""
    ways = ("--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db")
    done = subprocess.run(
        [program("mariadb-install-db", PLACES), *ways, f"--datadir={directory}", *_as_user(), *SMALL],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout


@contextmanager
def started(directory: Path) -> Iterator[Server]:
    """A server whose data lie in `directory/data`; the path must be short, since a socket's is limited."""
    path, port, log = directory / "socket", free_port(), directory / "log"
    own = (f"--datadir={directory / 'data'}", f"--pid-file={directory / 'pid'}", f"--socket={path}", f"--port={port}")
    command = [program("mariadbd", PLACES), "--no-defaults", *own, *_as_user(), *SMALL, *PLAIN]
    with running(command, log), closing(_connected(path, log)) as root:
        with root.cursor() as cursor:
            cursor.execute("SET SESSION wait_timeout = 28800")
        yield Server(path, port, root)


def _connected(path: Path, log: Path) -> Any:
    """A connection as root, as soon as the server gives one."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return pymysql.connect(unix_socket=str(path), user="root", autocommit=True)
        except pymysql.OperationalError:
            if time.monotonic() > end:
                raise AssertionError(f"mariadbd does not answer:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.01)


def _as_user() -> tuple[str, ...]:
    return ("--user=root",) if os.geteuid() == 0 else ()
