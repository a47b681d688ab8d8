"""Persistent connections that Django keeps longer than the server's timeout.

If `CONN_MAX_AGE` is `None`, or not less than the server's idle timeout, a request may use a connection that the server
has already closed. It then fails with `(2006, 'Server has gone away')`. From Django 4.1 on, `CONN_HEALTH_CHECKS` tests
a connection before a request uses it.

```python
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": None,  # HYG310: forever
        "NAME": "shop",
    },
    "archive": {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": 86400,  # HYG310: 86400 s
    },
}
```

```python fixed unsafe
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": None,
        "NAME": "shop",
        "CONN_HEALTH_CHECKS": True,
    },
    "archive": {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": 86400,
        "CONN_HEALTH_CHECKS": True,
    },
}
```

The age is compared with the setting `server-timeout`. If that is not set, but a file of the repository gives a timeout,
`connection-outlives-server` reports the age instead. Otherwise, it is compared with MySQL's default, 28800 s. Except
under ASGI (see below), short ages, tested connections and other databases are not reported.

```python
DATABASES = {
    "default": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": 600},
    "checked": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True},
    "files": {"ENGINE": "django.db.backends.sqlite3", "CONN_MAX_AGE": None},
    "other": {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": None},
    "plain": {"ENGINE": "django.db.backends.mysql"},
}
```

An age that is set later, or beside a URL of dj_database_url, django-environ or environs, is reported if the URL, the
settings or the requirements name MySQL. If an environment variable gives the URL, its default counts, unless the
requirements name only drivers of other servers:

```python
import dj_database_url

DATABASES = {
    "default": {"ENGINE": "django.db.backends.mysql", "NAME": "shop"},
    "archive": dj_database_url.parse("mysql://archive/shop", conn_max_age=86400),  # HYG310: 86400 s
    "tested": dj_database_url.parse("mysql://test/shop", conn_max_age=86400, conn_health_checks=True),
}
DATABASES["default"]["CONN_MAX_AGE"] = None  # HYG310: forever
```

Under ASGI, each request may run in another thread, and its connection stays there. Django's documentation says to
disable persistent connections under ASGI. This rule reports them in settings that install `daphne`. If a file of the
repository says how the project is served, `persistent-connections-under-asgi` reports them instead:

```python
INSTALLED_APPS = ["daphne", "shop"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60},  # HYG310: under ASGI
    "plain": {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 0},
}
```

## Fix safety

Unsafe: before Django 4.1, `CONN_HEALTH_CHECKS` has no effect, and the fault stays. The test costs each request one
round trip.

## References

- [Django: CONN_HEALTH_CHECKS](https://docs.djangoproject.com/en/stable/ref/settings/#conn-health-checks)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import AddItem
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, Step, rule
from dbhygiene.diagnostics.quantities import closes_idle, seconds_text
from dbhygiene.gaps.asgi import site_may_use_own_threads
from dbhygiene.gaps.connection_ages import default_age, default_seconds
from dbhygiene.gaps.django_settings import AgeChange, ages_set, databases_in, runs_under_daphne, seconds_of
from dbhygiene.gaps.server_timeout import idle_number_of_site
from dbhygiene.gaps.servers import SQLITE, is_sqlite_only, verdict
from dbhygiene.gaps.serving import is_served_by_wsgi, request_threads
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.dialect_evidence import named_server
from dbhygiene.pools.sqlalchemy import MYSQL
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import UNKNOWN, Constant, Value, as_dict
from dbhygiene.source.file import File
from dbhygiene.source.nodes import written_items
from dbhygiene.source.records import Frozen


@rule("HYG310", on=File, imports={"CONN_MAX_AGE", "conn_max_age"})
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if not is_test_file(file) and runs_under_daphne(file):
        if request_threads(file) is None and site_may_use_own_threads(file):  # else `persistent-connections-under-asgi`
            yield from _under_asgi(file)
        return
    limit, is_default = file.project.settings.lifetime_limit, file.project.settings.server_timeout is None
    for age in ages(file):
        if idle_number_of_site(file, age.host) is None and age.seconds >= limit:
            yield report(age, limit, by_default=is_default)  # else `connection-outlives-server`


def ages(file: File) -> Iterator[Age]:
    """Yield the ages of untested connections to MySQL."""
    if request_threads(file) is not None:
        return  # the age itself is at fault: `persistent-connections-under-asgi`
    for literal in file.nodes(ast.Dict):
        yield from _check_literal(file, literal)
    for change in ages_set(file):
        seconds = default_age(file, change)
        if seconds is None or change.is_checked or is_test_file(file):
            continue
        if _is_mysql(file, change):
            fix = NoFix("the dict of the database is made elsewhere; set `CONN_HEALTH_CHECKS` beside `CONN_MAX_AGE`")
            yield Age(change.value, seconds, fix)


def _is_mysql(file: File, change: AgeChange) -> bool:
    """Whether a database is MySQL: by the URL that gives it, or else by the evidence for the whole site."""
    servers = {named_server(scheme) for scheme in change.database.schemes} if change.database is not None else set()
    if change.database is not None and servers and not change.database.is_default:
        return MYSQL in servers
    found = verdict(file)
    if servers - {SQLITE} and MYSQL not in servers and any(map(_names_mysql, databases_in(file).engines)):
        return False  # it is another one of the site's databases
    return found.server == MYSQL and not found.is_assumed


def _names_mysql(engine: str) -> bool:
    return named_server(engine) == MYSQL


class Age(Frozen):
    """An age that Django lets connections reach, and the fix that tests them; `host` is that of the database."""

    at: ast.expr
    seconds: float
    fix: Fix | NoFix
    host: Value = UNKNOWN


def _under_asgi(file: File) -> Iterator[Diagnostic]:
    """Report any age: each request may run in another thread, and leave its connection there."""
    ages = {change.value: change.seconds for change in ages_set(file)}
    for literal in file.nodes(ast.Dict):
        written = written_items(literal)
        if "ENGINE" in written and (age := written.get("CONN_MAX_AGE")) is not None:
            engine = evaluate(file, written["ENGINE"])
            if not (isinstance(engine, Constant) and "sqlite" in str(engine.value)):
                ages[age] = seconds_of(evaluate(file, age))
    for node, seconds in ages.items():
        if seconds and not is_sqlite_only(file):
            yield Diagnostic(
                node,
                "`CONN_MAX_AGE` leaves connections open under ASGI: a later request may use another thread",
                fix=NoFix("cannot tell whether production uses ASGI, too; set `CONN_MAX_AGE` to 0"),
                confidence=Confidence.POSSIBLE if is_served_by_wsgi(file) else Confidence.LIKELY,
                notes=("`daphne` in INSTALLED_APPS makes `runserver` use ASGI",),
                subject="CONN_MAX_AGE",
            )


def _check_literal(file: File, literal: ast.Dict) -> Iterator[Age]:
    written = written_items(literal)
    age = written.get("CONN_MAX_AGE")
    if age is None or "CONN_HEALTH_CHECKS" in written or "ENGINE" not in written or None in literal.keys:
        return
    database = as_dict(evaluate(file, literal)).items
    engine = database.get("ENGINE")
    if not (isinstance(engine, Constant) and isinstance(engine.value, str) and "mysql" in engine.value):
        return
    seconds = default_seconds(database.get("CONN_MAX_AGE", UNKNOWN))
    if seconds is None:
        return
    fix = Fix(
        "Turn on `CONN_HEALTH_CHECKS`: it tests connections before each request",
        (AddItem(file.span(literal), '"CONN_HEALTH_CHECKS"', "True"),),
        Safety.UNSAFE,
    )
    yield Age(age, seconds, fix, database.get("HOST", UNKNOWN))


def report(age: Age, limit: float, path: tuple[Step, ...] = (), *, by_default: bool = False) -> Diagnostic:
    """Return the finding at an age; `limit` is the server's timeout."""
    kept = "forever" if age.seconds == float("inf") else f"for {seconds_text(age.seconds)}"
    return Diagnostic(
        age.at,
        f"`CONN_MAX_AGE` keeps connections {kept}, but {closes_idle(limit, by_default=by_default, what='ones')}",
        path=((age.at, "set here"), *path) if path else (),
        fix=age.fix,
        confidence=Confidence.LIKELY,
        notes=("the first query of the next request then fails with error 2006, 2013 or 4031",),
        subject="CONN_MAX_AGE",
    )
