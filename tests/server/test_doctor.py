"""`dbhygiene doctor --server` against real servers: what it says, what it leaves alone, and what it never shows."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pymysql
import pytest

from . import postgresql
from .mariadb import Run, Server
from .processes import HOST

PASSWORD = "s3cr3t/p@ss"
QUOTED = "s3cr3t%2Fp%40ss"
CODE = """\
from sqlalchemy import create_engine

engine = create_engine("{scheme}://shop@127.0.0.1/shop", pool_recycle=3600, pool_size=20)
"""


def doctor(project: Path, url: str, *options: str) -> Run:
    """A run of `doctor --server` with the URL in a variable; no output may have the password."""
    done = subprocess.run(
        [sys.executable, "-m", "dbhygiene", "doctor", "--server", "DATABASE_URL", *options],
        cwd=project,
        env=os.environ | {"DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
    )
    assert PASSWORD not in done.stdout
    assert QUOTED not in done.stdout
    assert "Traceback" not in done.stdout
    return Run(done.returncode, done.stdout)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\n\n[tool.other]\n# kept\nkey = 1\n")
    (tmp_path / "db.py").write_text(CODE.format(scheme="mysql+pymysql"))
    return tmp_path


def account(server: Server, **limits: int) -> tuple[str, str]:
    """A new user with a password, and the URL of the server for this user."""
    user = server.user(**limits)
    server.execute(f"SET PASSWORD FOR {user} = PASSWORD(%s)", PASSWORD)
    return user, f"mysql+pymysql://{user}:{QUOTED}@{HOST}:{server.port}/{user}"


def opened(server: Server, user: str) -> Any:
    return closing(pymysql.connect(host=HOST, port=server.port, user=user, password=PASSWORD))


# -- MariaDB ----------------------------------------------------------------------------------------------


def test_an_ordinary_account_is_compared_with_the_code(server: Server, project: Path) -> None:
    user, url = account(server, max_connections=10)
    server.set(wait_timeout=600, interactive_timeout=900, max_allowed_packet=1048576)
    with opened(server, user), opened(server, user):
        run = doctor(project, url)
    assert run.status == 1
    assert f"at {HOST}:{server.port}, as `{user}`; no pooler in between; nothing was changed" in run.output
    assert "600 s (`wait_timeout`, by `SET GLOBAL`); `interactive_timeout`, 900 s, holds" in run.output
    assert "one statement may have up to 1,048,576 bytes (`max_allowed_packet`)" in run.output
    assert "db.py:3 `pool_recycle` is 3600 s, but the server closes idle connections after 600 s" in run.output
    assert "db.py:3 the pool opens up to 30 connections, but the server accepts 10" in run.output
    assert "2 of 10 of this account are open (`max_user_connections`)" in run.output
    assert "the connections of this account only" in run.output


def test_an_administrator_sees_all_accounts(server: Server, project: Path) -> None:
    user, _ = account(server)
    with opened(server, user):
        run = doctor(project, f"mysql:///?unix_socket={server.socket}&user=root", "--output-format", "json")
    found = json.loads(run.output)
    assert found["server"]["sees"] == "all accounts"
    assert user in {each["user"] for each in found["idle"]}
    assert found["facts"]["max-connections"]["from"] == "@@global.max_connections"
    assert [each["rule"] for each in found["remarks"] if "rule" in each] == []  # 151, and 28800 s


def test_idle_connections_are_grouped(server: Server, project: Path) -> None:
    user, url = account(server)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(opened(server, user))
        sleep(1.1)
        found = json.loads(doctor(project, url, "--output-format", "json").output)
    (group,) = found["idle"]
    assert (group["user"], group["host"], group["idle"]) == (user, HOST, 3)
    assert group["longest"] >= 1


def test_nothing_is_changed(server: Server, project: Path) -> None:
    _, url = account(server)
    counters = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_insert', 'Com_update', 'Com_create_table', 'Com_grant',"
    counters += " 'Com_show_grants', 'Com_kill', 'Handler_write', 'Aborted_clients')"
    settings = "SELECT @@global.wait_timeout, @@global.max_connections, @@global.tx_read_only"
    (before, were) = server.execute(counters), server.execute(settings)
    doctor(project, url)
    after, are = server.execute(counters), server.execute(settings)
    changed = {name for (name, old), (_, new) in zip(before, after, strict=True) if old != new}
    assert changed <= {"Handler_write"}  # of tables in memory, for the answers
    assert were == are


def test_the_limits_are_saved(server: Server, project: Path) -> None:
    _, url = account(server, max_connections=10)
    server.set(wait_timeout=600)
    doctor(project, url, "--save")
    saved = (project / "pyproject.toml").read_text()
    assert saved.startswith("[project]\nname = 'shop'\n\n[tool.other]\n# kept\nkey = 1\n\n[tool.dbhygiene]\n")
    assert "server-timeout = 600  # 20" in saved
    assert "max-connections = 10  # 20" in saved
    assert "the server of DATABASE_URL\n" in saved
    server.set(wait_timeout=700)
    assert "`server-timeout = 700`" in doctor(project, url, "--save").output
    assert (project / "pyproject.toml").read_text() == saved.replace("= 600", "= 700")


# -- failures: one line each --------------------------------------------------------------------------------


def one_line(run: Run) -> str:
    assert run.status == 1
    (line,) = run.output.splitlines()
    assert line.startswith("problem  server  ")
    return line


def test_a_wrong_password(server: Server, project: Path) -> None:
    user, url = account(server)
    assert f"refuses `{user}` (1045" in one_line(doctor(project, url.replace("s3cr3t", "other")))


def test_at_the_limit(server: Server, project: Path) -> None:
    user, url = account(server, max_connections=1)
    with opened(server, user):
        assert "(1226" in one_line(doctor(project, url))


def test_a_server_without_tls(server: Server, project: Path) -> None:
    _, url = account(server)
    assert "by TLS" in one_line(doctor(project, f"{url}?ssl=true"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"mysql://shop:{QUOTED}@127.0.0.1:1/shop", "nothing listens at 127.0.0.1:1 (connection refused)"),
        (f"mysql://shop:{QUOTED}@host.invalid/shop", "the name of the host `host.invalid` is not known"),
        (f"mysql://shop:{QUOTED}@/shop?unix_socket=/nowhere/mysqld.sock", "there is no socket /nowhere/mysqld.sock"),
        (f"postgresql://shop:{QUOTED}@127.0.0.1:1/shop", "nothing listens at 127.0.0.1:1 (connection refused)"),
        (f"postgresql://shop:{QUOTED}@host.invalid/shop", "the name of the host `host.invalid` is not known"),
    ],
)
def test_servers_that_are_not_there(project: Path, url: str, words: str) -> None:
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    assert words in one_line(doctor(project, url))


class Listener:
    """A server that accepts connections, and then does as it is told: nothing, or close."""

    def __init__(self, closes: bool, relays_to: int = 0, after: int = 0) -> None:
        self.socket = socket.create_server((HOST, 0))
        self.port = self.socket.getsockname()[1]
        self._closes, self._relays_to, self._after = closes, relays_to, after
        self._held: list[socket.socket] = []
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            if self._relays_to:
                Thread(target=self._relay, args=(client,), daemon=True).start()
            elif self._closes:
                client.close()
            else:
                self._held.append(client)

    def _relay(self, client: socket.socket) -> None:
        """Pass on what both sides say, and cut the connection after so many messages of the client."""
        server = socket.create_connection((HOST, self._relays_to))
        Thread(target=self._pass, args=(server, client), daemon=True).start()
        for _ in range(self._after):
            data = client.recv(65536)
            if not data:
                break
            server.sendall(data)
        client.recv(65536)  # the one that is not answered
        client.shutdown(socket.SHUT_RDWR)
        server.close()

    @staticmethod
    def _pass(server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        self.socket.close()
        for each in self._held:
            each.close()


@pytest.fixture
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    with closing(Listener(request.param)) as found:
        yield found


@pytest.mark.parametrize("listener", [False], indirect=True)
@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_a_server_that_hangs(listener: Listener, project: Path, scheme: str) -> None:
    pytest.importorskip("pymysql" if scheme == "mysql" else "psycopg")
    assert "does not answer" in one_line(doctor(project, f"{scheme}://shop:{QUOTED}@{HOST}:{listener.port}/shop"))


@pytest.mark.parametrize("listener", [True], indirect=True)
@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_a_server_that_closes_at_once(listener: Listener, project: Path, scheme: str) -> None:
    pytest.importorskip("pymysql" if scheme == "mysql" else "psycopg")
    assert "closed the connection" in one_line(doctor(project, f"{scheme}://shop:{QUOTED}@{HOST}:{listener.port}/shop"))


@pytest.mark.parametrize("messages", [1, 2, 4, 8])
def test_a_connection_that_is_cut_in_the_middle(server: Server, project: Path, messages: int) -> None:
    _, url = account(server)
    with closing(Listener(False, server.port, messages)) as relay:
        run = doctor(project, url.replace(str(server.port), str(relay.port)))
    assert "closed the connection" in one_line(run)


# -- PostgreSQL, PgBouncer ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres() -> Iterator[postgresql.Server]:
    pytest.importorskip("psycopg")
    if name := postgresql.missing("initdb", "postgres"):
        pytest.skip(f"{name} is not installed")
    with tempfile.TemporaryDirectory(prefix="postgresql-") as directory:
        limits = ("max_connections=20", "idle_session_timeout=600s", "idle_in_transaction_session_timeout=90s")
        with postgresql.started(Path(directory), *limits) as server:
            server.execute(f"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 5")
            yield server


def url_of(port: int, user: str = "shop", password: str = QUOTED) -> str:
    return f"postgresql+psycopg://{user}:{password}@{HOST}:{port}/postgres"


def test_a_role_of_postgresql(postgres: postgresql.Server, project: Path) -> None:
    (project / "db.py").write_text(CODE.format(scheme="postgresql+psycopg"))
    with closing(postgres.connect("shop", PASSWORD)), closing(postgres.connect()):
        run = doctor(project, url_of(postgres.port))
    assert run.status == 1
    assert "as `shop`; no pooler in between" in run.output
    assert "600 s (`idle_session_timeout`, by the command line)" in run.output
    assert "idle in a transaction is closed after 90 s" in run.output
    assert "but the server closes idle connections after 600 s" in run.output
    assert "the pool opens up to 30 connections, but the server accepts 5 (`rolconnlimit`)" in run.output
    assert "1 of 5 of this account are open (`rolconnlimit`)" in run.output


def test_a_superuser_of_postgresql(postgres: postgresql.Server, project: Path) -> None:
    with closing(postgres.connect("shop", PASSWORD)):
        found = json.loads(doctor(project, url_of(postgres.port, "boss"), "--output-format", "json").output)
    assert found["server"]["sees"] == "all accounts"
    assert found["facts"]["max-connections"] == {"value": 20, "from": "max_connections", "server": 20}
    assert "shop" in {each["user"] for each in found["idle"]}


def test_failures_of_postgresql(postgres: postgresql.Server, project: Path) -> None:
    assert "refuses `shop`" in one_line(doctor(project, url_of(postgres.port, password="other")))
    assert "has no such database" in one_line(doctor(project, f"{url_of(postgres.port, 'boss')}x"))
    assert "by TLS" in one_line(doctor(project, f"{url_of(postgres.port)}?sslmode=require"))
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(closing(postgres.connect("shop", PASSWORD)))
        assert "too many connections for role" in one_line(doctor(project, url_of(postgres.port)))


def test_a_pooler_in_between(postgres: postgresql.Server, project: Path) -> None:
    if name := postgresql.missing("pgbouncer"):
        pytest.skip(f"{name} is not installed")
    (project / "db.py").write_text(CODE.format(scheme="postgresql+psycopg"))
    with postgresql.pooled(postgres, "pool_mode=transaction", "default_pool_size=1") as port:
        run = doctor(project, url_of(port), "--save")
        assert "a pooler such as PgBouncer is in between" in run.output
        assert "not saved" in run.output
        assert "db.py" not in run.output
        with closing(postgres.connect(port=port)) as other:  # in the same session of the server
            assert other.execute("SHOW statement_timeout").fetchone() == ("0",)
            assert other.execute("SHOW transaction_read_only").fetchone() == ("off",)
