"""The Django site that a file belongs to: its settings, where the project has them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.flow.once import once
from dbhygiene.flow.reading import member
from dbhygiene.flow.values import Called, Constant, Dict, Value, as_dict, options
from dbhygiene.source import File

_USUAL = ("settings", "config.settings", "conf.settings", "project.settings", "core.settings")
_SERVERS = re.compile("postgres|postgis|mysql|mariadb|oracle|psycopg|mssql|cockroach|database_url", re.IGNORECASE)
_DRIVERS = (
    "mysqlclient PyMySQL mysql-connector-python psycopg psycopg2 psycopg2-binary oracledb cx_Oracle mssql-django "
    "dj-database-url"
).split()
_PARTS = ("base", "common", "production", "prod", "local", "dev", "default")


def settings_files(file: File) -> list[File]:
    """The files that hold the site's settings: the module that `manage.py` names, and those that it imports."""
    found = [file] if "DATABASES" in file.text and "DATABASES" in file.scope.bound else []
    for name in _names(file):
        if (settings := file.project.module(name, file)) is not None:
            _add(settings, found)
    return found


def _names(file: File) -> Iterator[str]:
    for script in ("manage", "wsgi"):
        manage = file.project.module(script, file)
        if manage is not None:
            yield from _named_by(manage)
    first = file.module.partition(".")[0]
    yield from (f"{first}.settings", *_USUAL)


def _named_by(manage: File) -> Iterator[str]:
    """`os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site.settings")`."""
    for call in manage.nodes(ast.Call):
        match call.args:
            case [ast.Constant(value="DJANGO_SETTINGS_MODULE"), ast.Constant(value=str(name))]:
                yield name


def _add(settings: File, found: list[File]) -> None:
    if settings in found or len(found) > 80:
        return
    found.append(settings)
    for star in settings.scope.stars:
        if (other := settings.project.module(star, settings)) is not None:
            _add(other, found)
    if settings.path.name == "__init__.py":
        for part in _PARTS:
            if (other := settings.project.module(f"{settings.module}.{part}", settings)) is not None:
                _add(other, found)


def _databases(file: File) -> list[Value] | None:
    """What the settings say of each of the site's databases, None where one of them cannot be told."""
    found: list[Value] = []
    for settings in settings_files(file):
        for option in options(member(settings, "DATABASES")) if "DATABASES" in settings.scope.bound else ():
            if not isinstance(option, Dict) or option.open or not option.items:
                return None
            found += option.items.values()
    return found


def engines(file: File) -> set[str] | None:
    """The `ENGINE`s of the site's databases, None where one of them cannot be told."""
    found: set[str] = set()
    for database in _databases(file) or ():
        for engine in options(as_dict(database).items.get("ENGINE", database)):
            if not (isinstance(engine, Constant) and isinstance(engine.value, str)):
                return None
            found.add(engine.value)
    return found or None


def is_sqlite_only(file: File) -> bool:
    """Whether every database of the site is a file, now and in production: no server, no timeout.

    Many a site is developed with SQLite and deployed with a server. So its settings are not believed where they name
    a server's engine too, for another environment or in a comment, nor where the project requires a server's driver.
    """
    known = engines(file)
    if known is None or not all("sqlite" in engine for engine in known):
        return False
    return not any(_SERVERS.search(settings.text) for settings in settings_files(file)) and not any(
        map(file.project.requires, _DRIVERS)
    )


@once
def age_of_connections(file: File) -> float | None:
    """How old a connection may get before `close_old_connections()` closes it, by `CONN_MAX_AGE`.

    0 where each is closed, and where health checks would find out; None where the settings do not tell.
    """
    ages: list[float] = []
    for database in _databases(file) or ():
        if (age := _age_in(database)) is None:
            return None
        ages.append(age)
    return max(0.0, *ages) if ages else None


def _age_in(database: Value) -> float | None:
    """The age of one database's connections: as a dict says it, or the arguments of `dj_database_url`."""
    if isinstance(database, Called):
        said, age, checks = database.keywords, "conn_max_age", "conn_health_checks"
    else:
        said, age, checks = as_dict(database), "CONN_MAX_AGE", "CONN_HEALTH_CHECKS"
    match said.items.get(age, Constant(0)), said.items.get(checks, Constant(False)):
        case _ if said.open:
            return None
        case _, Constant(value=True):
            return 0
        case Constant(value=None), Constant():
            return float("inf")
        case Constant(value=int() | float() as seconds), Constant():
            return seconds
    return None


def aliases(file: File) -> set[str]:
    """The names of the site's databases, as far as its settings say."""
    for settings in settings_files(file):
        if "DATABASES" in settings.scope.bound:
            return {alias for option in options(member(settings, "DATABASES")) for alias in as_dict(option).items}
    return set()
