"""`doctor --server` without a server: which one is meant, what an error is called, and what is saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.live.where import find_target, shows_secret
from dbhygiene.config.errors import UsageError
from dbhygiene.config.saving import with_values
from dbhygiene.project.project import Project
from dbhygiene.servers.live.failures import failure
from dbhygiene.servers.live.target import ServerTarget, parse_url

SECRET = "s3cr3t/p@ss"
QUOTED = "s3cr3t%2Fp%40ss"

# -- where ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "database", "place", "user", "name"),
    [
        (f"mysql+pymysql://shop:{QUOTED}@db/shop?charset=utf8mb4", "mysql", "db:3306", "shop", "shop"),
        (f"mariadb+mysqldb://shop:{QUOTED}@db:3307/", "mysql", "db:3307", "shop", ""),
        (f"mysql2://shop:{QUOTED}@[::1]:3307/shop", "mysql", "::1:3307", "shop", "shop"),
        (f"mysql://shop:{QUOTED}@/shop?unix_socket=/run/mysqld.sock", "mysql", "/run/mysqld.sock", "shop", "shop"),
        (f"postgres://shop:{QUOTED}@db.example.com/shop", "postgresql", "db.example.com:5432", "shop", "shop"),
        (f"postgresql+asyncpg://sh%40p:{QUOTED}@db:6432/shop", "postgresql", "db:6432", "sh@p", "shop"),
        (f"postgis://shop:{QUOTED}@%2Frun%2Fpostgresql/shop", "postgresql", "/run/postgresql", "shop", "shop"),
    ],
)
def test_urls(url: str, database: str, place: str, user: str, name: str) -> None:
    found = parse_url(url, "X")
    assert (found.database, found.place, found.user, found.name) == (database, place, user, name)
    assert found.password == SECRET
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "where",
    [
        f"sqlite:///{QUOTED}",
        f"mysql://shop:{QUOTED}@db:port/shop",
        f"mysql://shop:{QUOTED}@[db/shop",
        "NOT_SET",
        "no name",
        "./none.cnf",
        "django",
        "django:replica",
    ],
)
def test_wrong_places_are_one_line_without_the_secret(tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_target(where, Project(tmp_path))
    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_variable_and_an_option_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"mysql://shop:{QUOTED}@db/shop"
    monkeypatch.setenv("SHOP_DB", url)
    found = find_target("SHOP_DB", Project(tmp_path))
    assert (found.source, found.place, found.password) == ("SHOP_DB", "db:3306", SECRET)
    assert not shows_secret("SHOP_DB", found)
    assert shows_secret(url, found)
    file = tmp_path / "my.cnf"
    file.write_text(
        f"[mysqld]\nport = 1\n[client]\nuser = shop\npassword = '{SECRET}'\nhost = db\nport = 3307\nssl-ca = ca.pem\n"
        "[mysqldump]\nuser = other\n"
    )
    found = find_target(str(file), Project(tmp_path))
    assert (found.place, found.user, found.password, found.tls) == ("db:3307", "shop", SECRET, {"ssl_ca": "ca.pem"})


SETTINGS = """\
import os
import dj_database_url
import environ

env = environ.Env()
HOST = os.getenv("SHOP_HOST", "db")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "HOST": HOST,
        "PORT": os.environ.get("SHOP_PORT") or 3307,
        "USER": f"shop_{env('SHOP_STAGE', default='dev')}",
        "PASSWORD": os.environ["SHOP_PASSWORD"],
        "OPTIONS": {"ssl": {"ca": "ca.pem"}, "charset": "utf8mb4"},
    },
    "replica": dj_database_url.config("REPLICA_URL", default="postgres://shop@replica/shop"),
    "named": env.db("NAMED_URL"),
    "file": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"},
}
"""


def django(tmp_path: Path, alias: str) -> ServerTarget:
    (tmp_path / "manage.py").write_text('import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n')
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "settings.py").write_text(SETTINGS)
    return find_target(alias, Project(tmp_path))


def test_a_database_of_django_is_filled_in_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", SECRET)
    monkeypatch.setenv("SHOP_STAGE", "live")
    found = django(tmp_path, "django")
    assert (found.database, found.place, found.user, found.password) == ("mysql", "db:3307", "shop_live", SECRET)
    assert (found.tls, found.source) == ({"ssl_ca": "ca.pem"}, "django:default")


def test_other_databases_of_django(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = django(tmp_path, "django:replica")
    assert (found.database, found.place, found.user) == ("postgresql", "replica:5432", "shop")
    monkeypatch.setenv("NAMED_URL", f"mysql://shop:{QUOTED}@named/shop")
    assert find_target("django:named", Project(tmp_path)).place == "named:3306"
    for alias, words in [("default", "`PASSWORD` is not known here"), ("file", "neither MySQL nor PostgreSQL")]:
        with pytest.raises(UsageError, match=words):
            find_target(f"django:{alias}", Project(tmp_path))


# -- failures ---------------------------------------------------------------------------------------------


class DriverError(Exception):
    """As drivers raise it."""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1045, "Access denied for user 'shop'@'x' (using password: YES)"), "refuses `shop` (1045: Access denied"),
        ((1203, "User shop already has more than 'max_user_connections' active connections"), "are open (1203"),
        ((1040, "Too many connections"), "are open (1040"),
        (
            (2003, "Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)"),
            "nothing listens at db:3306",
        ),
        ((2003, "Can't connect to MySQL server on 'db' (timed out)"), "db:3306 does not answer"),
        ((2013, "Lost connection to MySQL server during query (timed out)"), "db:3306 does not answer"),
        ((2013, "Lost connection to MySQL server during query"), "closed the connection before it had answered"),
        ((3159, "Connections using insecure transport are prohibited"), "no connection to db:3306 by TLS"),
        (("'cryptography' package is required for caching_sha2_password",), "no connection to db:3306 by TLS"),
        (('connection failed: FATAL:  password authentication failed for user "shop"\n',), "refuses `shop` (password"),
        (({"C": "28P01", "M": "password authentication failed"},), "refuses `shop` (28P01"),
        (("connection timeout expired",), "does not answer"),
        ((f"weird: {SECRET} and {QUOTED}\nmore",), "DriverError: weird: ... and ..."),
    ],
)
def test_errors_of_drivers_are_one_line_without_the_secret(arguments: tuple[object, ...], words: str) -> None:
    found = failure(DriverError(*arguments), parse_url(f"mysql://shop:{QUOTED}@db/shop", "X"))
    assert words in found.message
    assert "\n" not in found.message
    assert "s3cr3t" not in found.message


# -- saving -------------------------------------------------------------------------------------------------

LIMITS = {"server-timeout": 600, "max-connections": 50}
COMMENT = "2026-01-31: the server of X"
LINES = f"server-timeout = 600  # {COMMENT}\nmax-connections = 50  # {COMMENT}\n"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pyproject.toml", "", f"[tool.dbhygiene]\n{LINES}"),
        ("pyproject.toml", "[a]\nb = 1 # c\n", f"[a]\nb = 1 # c\n\n[tool.dbhygiene]\n{LINES}"),
        ("pyproject.toml", "[a]\nb = 1", f"[a]\nb = 1\n\n[tool.dbhygiene]\n{LINES}"),
        (
            "pyproject.toml",
            '[tool.dbhygiene]  # ours\nselect = [\n  "HYG1", # x\n]\n\n# the next\n[tool.ruff]\n',
            f'[tool.dbhygiene]  # ours\nselect = [\n  "HYG1", # x\n]\n{LINES}\n# the next\n[tool.ruff]\n',
        ),
        ("pyproject.toml", "[tool.dbhygiene]", f"[tool.dbhygiene]\n{LINES}"),
        ("pyproject.toml", "[tool.dbhygiene]\n[a]\n", f"[tool.dbhygiene]\n{LINES}[a]\n"),
        (
            "pyproject.toml",
            "[tool.dbhygiene]\nserver-timeout = 9  # 2025-01-01: the server of X\nignore = []\n",
            f"[tool.dbhygiene]\nserver-timeout = 600  # {COMMENT}\nignore = []\nmax-connections = 50  # {COMMENT}\n",
        ),
        (
            "pyproject.toml",
            "[tool.dbhygiene]\n  server-timeout=9 # ask Ann\nmax-connections = 1\n",
            f"[tool.dbhygiene]\n  # ask Ann\n  server-timeout = 600  # {COMMENT}\nmax-connections = 50  # {COMMENT}\n",
        ),
        ("dbhygiene.toml", "", LINES),
        ("dbhygiene.toml", "[functions]\n", f"{LINES}[functions]\n"),
        ("dbhygiene.toml", "ignore = []\n\n[functions]\n", f"ignore = []\n{LINES}\n[functions]\n"),
    ],
)
def test_only_the_values_are_changed(name: str, old: str, new: str) -> None:
    assert with_values(Path(name), old, LIMITS, COMMENT) == new
    windows = old.replace("\n", "\r\n")
    assert "\n" not in old or with_values(Path(name), windows, LIMITS, COMMENT) == new.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "old",
    [
        "[tool]\ndbhygiene = {server-timeout = 7}\n",
        "tool.dbhygiene.server-timeout = 7\n",
        '[a]\nb = """\n[tool.dbhygiene]\n"""\n',
        "[tool.dbhygiene]\nserver-timeout = 7_0\n",
    ],
)
def test_what_is_not_written_line_by_line_is_left_alone(old: str) -> None:
    with pytest.raises(UsageError, match="set `server-timeout = 600`, `max-connections = 50`"):
        with_values(Path("pyproject.toml"), old, LIMITS, COMMENT)


def test_a_text_that_looks_like_a_table_is_left_alone() -> None:
    old = '[tool.dbhygiene]\nbaseline = """\n[x]\n"""\n'
    with pytest.raises(UsageError):
        with_values(Path("pyproject.toml"), old, LIMITS, COMMENT)
