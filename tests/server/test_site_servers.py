"""Code against the settings of servers, on real ones: HYG501, HYG502 and HYG504 happen, and are gone after the fix."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from . import postgresql
from .mariadb import Server, dbhygiene
from .processes import HOST, SECONDS, free_port

PAUSE = 0.2  # seconds for which each request holds its connection


def written(root: Path, **files: str) -> None:
    """Write files; `__` in a name stands for a slash, `_0` for a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_0", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))


@contextmanager
def serving(root: Path, *command: str, environment: dict[str, str]) -> Iterator[str]:
    """A web server in a directory; yields its URL."""
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in command]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            url = f"http://{HOST}:{port}/"
            end = time.monotonic() + SECONDS
            while status(f"{url}up") != 200:
                is_up = time.monotonic() < end and process.poll() is None
                assert is_up, (root / "log").read_text()
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(SECONDS)


def status(url: str) -> int:
    try:
        with urlopen(url, timeout=SECONDS) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except URLError:
        return 0


def ask(url: str, times: int, at_once: int) -> list[int]:
    """The statuses of so many requests."""
    with ThreadPoolExecutor(at_once) as clients:
        return list(clients.map(status, [url] * times))


def codes(root: Path) -> list[str]:
    found = dbhygiene("check", "--select", "HYG5", "-o", "concise", cwd=root, leaves=True)
    return [word for line in found.splitlines() for word in line.split() if word.startswith("HYG5")]


# -- HYG501 -----------------------------------------------------------------------------------------------

SITE = {
    "Procfile": "web: uvicorn shop.asgi:application\n",
    "shop/__init__.py": "",
    "shop/settings.py": """
        import os
        import pymysql

        pymysql.install_as_MySQLdb()
        SECRET_KEY = "not in use"
        ALLOWED_HOSTS = ["*"]
        ROOT_URLCONF = "shop.urls"
        DATABASES = {
            "default": {
                "ENGINE": "django.db.backends.mysql",
                "HOST": os.environ["DB_HOST"],
                "PORT": os.environ["DB_PORT"],
                "USER": os.environ["DB_USER"],
                "NAME": os.environ["DB_NAME"],
                "CONN_MAX_AGE": 60,
            }
        }
        """,
    "shop/asgi.py": """
        import os
        from django.core.asgi import get_asgi_application

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
        application = get_asgi_application()
        """,
    "shop/urls.py": """
        from django.db import connection
        from django.http import HttpResponse
        from django.urls import path

        def index(request):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return HttpResponse("ok")

        urlpatterns = [path("", index), path("up", lambda request: HttpResponse("up"))]
        """,
}


def test_a_connection_is_left_by_each_request_under_asgi(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    written(tmp_path, **{name.replace("/", "__"): text for name, text in SITE.items()})

    def left() -> int:
        user = server.user()
        command = ("uvicorn", "shop.asgi:application", "--port", "PORT", "--log-level", "error")
        with serving(tmp_path, *command, environment=server.environment(user)) as url:
            assert set(ask(url, times=30, at_once=5)) == {200}
            return server.connections(user)

    assert codes(tmp_path) == ["HYG501"]
    before = left()
    dbhygiene("fix", "--select", "HYG501", cwd=tmp_path)
    assert codes(tmp_path) == []
    after = left()
    assert before > 5 >= after, "more than clients; and after the fix, at most theirs"


# -- HYG502 -----------------------------------------------------------------------------------------------

SHOP = f"""
    import os
    import time
    from sqlalchemy import create_engine, text

    URL = "mysql+pymysql://{{DB_USER}}@{{DB_HOST}}:{{DB_PORT}}".format(**os.environ)
    engine = create_engine(URL, pool_pre_ping=True, pool_size=8, max_overflow=4)

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/":
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
                time.sleep({PAUSE})
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]
    """
OPTIONS = "[mysqld]\nmax_user_connections = 6\n"


def test_processes_with_threads_open_more_than_the_server_accepts(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    command = ("gunicorn", "shop:app", "-w", "2", "--threads", "6")
    written(tmp_path, Procfile=f"web: {' '.join(command)}\n", mysql__my_0cnf=OPTIONS, shop_0py=SHOP)

    def statuses() -> set[int]:
        environment = server.environment(server.user(max_connections=6))
        with serving(tmp_path, *command, "-b", f"{HOST}:PORT", environment=environment) as url:
            return set(ask(url, times=36, at_once=12))

    assert codes(tmp_path) == ["HYG502"]
    assert statuses() == {200, 500}
    assert "1226" in (tmp_path / "log").read_text()
    text = (tmp_path / "shop.py").read_text()
    (tmp_path / "shop.py").write_text(text.replace("pool_size=8, max_overflow=4", "pool_size=3, max_overflow=0"))
    assert codes(tmp_path) == []
    assert statuses() == {200}


def test_processes_without_threads_open_one_connection_each(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    command = ("gunicorn", "shop:app", "-w", "3")
    written(tmp_path, Procfile=f"web: {' '.join(command)}\n", mysql__my_0cnf=OPTIONS, shop_0py=SHOP)
    assert codes(tmp_path) == []
    environment = server.environment(server.user(max_connections=3))
    with serving(tmp_path, *command, "-b", f"{HOST}:PORT", environment=environment) as url:
        assert set(ask(url, times=12, at_once=12)) == {200}


# -- HYG504 -----------------------------------------------------------------------------------------------

QUERIES = """
    import asyncio
    import os
    import asyncpg

    async def main():
        pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=4)
        async with pool:
            answers = [pool.fetchval("SELECT $1::int + 1", number) for number in range(40)]
            print(sum(await asyncio.gather(*answers)))

    asyncio.run(main())
    """


def test_prepared_statements_get_lost_in_a_pooler(tmp_path: Path) -> None:
    for driver in ("asyncpg", "psycopg"):
        pytest.importorskip(driver)
    if name := postgresql.missing("initdb", "postgres", "pgbouncer"):
        pytest.skip(f"{name} is not installed")
    pooler = "[pgbouncer]\npool_mode = transaction\n"
    used = "DATABASE_URL=postgresql://boss@pgbouncer:6432/postgres\n"
    written(tmp_path, pgbouncer__pgbouncer_0ini=pooler, queries_0py=QUERIES, _0env_0example=used)
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-") as directory,
        postgresql.started(Path(directory)) as server,
        postgresql.pooled(server, "pool_mode=transaction", "default_pool_size=2") as port,
    ):

        def run() -> subprocess.CompletedProcess[str]:
            environment = os.environ | {"DATABASE_URL": f"postgresql://boss@{HOST}:{port}/postgres"}
            command = [sys.executable, "queries.py"]
            return subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS
            )

        assert codes(tmp_path) == ["HYG504"]
        before = run()
        assert before.returncode == 1
        assert "prepared statement" in before.stderr
        dbhygiene("fix", "--select", "HYG504", cwd=tmp_path)
        assert codes(tmp_path) == []
        after = run()
        assert (after.returncode, after.stdout) == (0, f"{sum(range(40)) + 40}\n"), after.stderr
