"""Pool that keeps its connections longer than the server does.

`pool_recycle` helps only if it is less than the server's `wait_timeout`: the pool then lends no connection that the
server has closed for being idle. With a larger number, the pool lends connections that are already closed, as if the
option were not set.

The number is compared with the setting `server-timeout`. If that is not set, but a file of the repository gives a
timeout, `connection-outlives-server` reports the number instead. Otherwise, it is compared with 28800 s, MySQL's
default.

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=10 * 60 * 60)  # HYG204: 36000 s
```

```python fixed
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=280)
```

Nothing is reported if each connection is tested:

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=3600)
tested = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=86400, pool_pre_ping=True)
other = create_engine("postgresql://shop@db/shop", pool_recycle=86400)
```

## Fix safety

Safe: the pool only replaces connections at a younger age: a little below `server-timeout`, or 280 s if that is not set.
Unsafe if the URL is not known to be that of a server: an SQLite database in memory, for example in tests, is lost when
its connection is replaced.

## References

- [Setting pool recycle](https://docs.sqlalchemy.org/en/20/core/pooling.html#setting-pool-recycle)
- [`wait_timeout`](https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_wait_timeout)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Step, rule
from dbhygiene.diagnostics.quantities import closes_idle, seconds_text
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.pools.engine_escape import lasts
from dbhygiene.pools.engine_fixes import RECYCLE, rewrite, unsafe_in_memory
from dbhygiene.pools.engines import Engine, option_expression, timeout_confidence
from dbhygiene.pools.server_limits import idle_number_of_engine, settings_with_timeout_of
from dbhygiene.program.values import least_number
from dbhygiene.source.file import File


@rule("HYG204", on=Engine, imports=SQLALCHEMY)
def check(file: File, made: Engine) -> Iterator[Diagnostic]:
    if (seconds := kept_seconds(made)) < file.project.settings.gap_limit or idle_number_of_engine(made) is not None:
        return  # if the repository's files say how long the server waits: `connection-outlives-server`
    limit = file.project.settings.lifetime_limit
    if seconds < limit or not (confidence := timeout_confidence(made)) or not lasts(made):
        return
    is_default = file.project.settings.server_timeout is None
    yield report(made, seconds, closes_idle(limit, by_default=is_default), confidence)


def kept_seconds(made: Engine) -> float:
    """Return the seconds for which a pool keeps a connection without a test, at least; -1 where that is not known."""
    if made.options.open or made.sets("pool_pre_ping") or RECYCLE not in made.options.items or not made.has_pool:
        return -1.0
    return least_number(made.options.items[RECYCLE])


def report(
    made: Engine, seconds: float, closes: str, confidence: Confidence, path: tuple[Step, ...] = ()
) -> Diagnostic:
    """Return the finding at the option; `closes` is the clause about the server's timeout."""
    message = f"`pool_recycle` is {seconds_text(seconds)}, but {closes}"
    fix = unsafe_in_memory(rewrite(made, RECYCLE, str(settings_with_timeout_of(made).safe_lifetime)), made.databases)
    at = option_expression(made, RECYCLE) or made.call
    return Diagnostic(at, message, path=((at, "set here"), *path) if path else (), fix=fix, confidence=confidence)
