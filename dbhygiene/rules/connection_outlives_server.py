"""Pool that keeps connections for longer than the idle timeout that the repository's files set.

An option file, a flag in a compose file, a proxy or an image sets how long the server keeps an idle connection. If the
pool keeps its connections for as long, or longer, it lends connections that the server has already closed.

```ini deploy/mysql/my.cnf
[mysqld]
wait_timeout = 600
```

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=3600)  # HYG503: after 600 s
```

```python fixed
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=580)
```

MariaDB's official image before 10.5 closes connections after 600 s by itself. Flask-SQLAlchemy keeps connections to
`mysql` URLs for 7200 s:

```yaml compose.yaml
services:
  db:
    image: mariadb:10.3
```

```python
from flask import Flask

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "mysql+pymysql://shop@db/shop"  # HYG503: after 600 s
app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
```

The same holds for Django's `CONN_MAX_AGE`:

```yaml compose.yaml
services:
  db:
    image: mysql:8.4
    command: --wait-timeout=60
```

```python
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "HOST": "db",
        "CONN_MAX_AGE": 120,  # HYG503: after 60 s
    }
}
```

Nothing is reported if the pool tests its connections. A flag or an option file counts more than the default of an
image. If the repository describes several such servers, the longest timeout counts. If `server-timeout` is set, the
rules `pool-recycle-too-long`, `flask-engine-without-protection` and `connection-lives-too-long` compare with that
instead.

```yaml compose.yaml
services:
  db:
    image: mariadb:10.3
    command: --wait-timeout=28800
```

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=3600)
```

## Fix safety

Safe for `pool_recycle` if the URL is known to be that of a server: the pool only replaces connections at a younger age,
a little below the server's timeout. For Flask's settings, the fix is that of `flask-engine-without-protection`. The fix
for `CONN_MAX_AGE` is unsafe: it adds `CONN_HEALTH_CHECKS`. Before Django 4.1, this has no effect, and the fault stays.

## References

- [Setting pool recycle](https://docs.sqlalchemy.org/en/20/core/pooling.html#setting-pool-recycle)
- [MariaDB: `wait_timeout` of the image](https://github.com/MariaDB/mariadb-docker/issues/113)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.diagnostics.quantities import closes_idle
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.engine_escape import lasts
from dbhygiene.pools.engines import Engine, engines_in
from dbhygiene.pools.flask import IMPLICIT_RECYCLE, URI
from dbhygiene.pools.server_limits import confidence_of, idle_number_of_engine
from dbhygiene.rules import pool_recycle_too_long
from dbhygiene.servers.model import Limit
from dbhygiene.servers.steps import idle_steps
from dbhygiene.source.file import File
from dbhygiene.source.records import replace


@rule("HYG503", on=File, imports={"pool_recycle", "SQLALCHEMY_DATABASE_URI", "CONN_MAX_AGE", "conn_max_age"})
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file) or file.project.settings.server_timeout is not None:
        return
    for made in engines_in(file):
        yield from _engine(file, made)
    if "SQLALCHEMY_DATABASE_URI" in file.text:
        from dbhygiene.rules.flask_engine_without_protection import findings

        yield from (_flask(file, known, found) for known, found in findings(file) if known is not None)
    if "CONN_MAX_AGE" in file.text or "conn_max_age" in file.text:
        yield from _ages(file)


def _ages(file: File) -> Iterator[Diagnostic]:
    from dbhygiene.gaps.server_timeout import idle_number_of_site  # only Django's settings need these
    from dbhygiene.rules.connection_lives_too_long import ages, report

    for age in ages(file):
        number = idle_number_of_site(file, age.host) if age.seconds else None
        if number is not None and age.seconds >= number.value:
            yield report(age, number.value, idle_steps(file.project, number))


def _engine(file: File, made: Engine) -> Iterator[Diagnostic]:
    seconds = pool_recycle_too_long.kept_seconds(made)
    if seconds > 0 and lasts(made) and (number := idle_number_of_engine(made)) is not None and seconds >= number.value:
        path = idle_steps(file.project, number)
        yield pool_recycle_too_long.report(made, seconds, closes_idle(number.value), confidence_of(made, number), path)


def _flask(file: File, number: Limit, found: Diagnostic) -> Diagnostic:
    message = found.message
    if found.subject == URI:
        said = f"the default `pool_recycle` is {IMPLICIT_RECYCLE} s"
        message = f"{said}, but {closes_idle(number.value)}"
    return replace(
        found,
        message=message,
        path=((found.at, "set here"), *idle_steps(file.project, number)),
        confidence=Confidence.LIKELY,
    )
