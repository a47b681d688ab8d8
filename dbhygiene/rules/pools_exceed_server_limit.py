"""Pools that may open more connections than the server accepts.

A server limits the connections of all its users (`max_connections`), and perhaps those of each user. Each process of a
program has a pool of its own. A process normally opens at most min(threads, `pool_size + max_overflow`) connections: a
synchronous worker of gunicorn opens one. With asyncio, only the pool counts.

The rule compares the sum over all processes with the limit in a file of the repository, or with the default of the
server's image: 151 for MySQL, 97 for PostgreSQL, which keeps 3 of its 100 for superusers.

```ini docker/mysql/shop.cnf
[mysqld]
max_user_connections = 50
```

```yaml compose.yaml
services:
  app:
    build: .
    command: gunicorn shop.main:app --workers 4 --worker-class uvicorn.workers.UvicornWorker
  db:
    image: mysql:8.4
    volumes:
      - ./docker/mysql/shop.cnf:/etc/mysql/conf.d/shop.cnf:ro
```

```python shop/main.py
from fastapi import FastAPI
from example import engine

app = FastAPI()
```

```python
from sqlalchemy import create_engine

engine = create_engine(
    "mysql+pymysql://shop@db/shop",
    pool_pre_ping=True,
    pool_size=10,  # HYG502: 4 processes open up to 80 connections
    max_overflow=10,
)
```

One pool alone may be too large:

```yaml compose.yaml
services:
  db:
    image: postgres:17
```

```python
from sqlalchemy import create_engine

engine = create_engine("postgresql://shop@db/shop", pool_size=50, max_overflow=100)  # HYG502: 150 connections
```

So may several pools in one process:

```yaml compose.yaml
services:
  db:
    image: postgres:17
```

```python
from sqlalchemy import create_engine

orders = create_engine("postgresql://shop@db/orders", pool_size=30, max_overflow=20)
stock = create_engine("postgresql://shop@db/stock", pool_size=40, max_overflow=20)  # HYG502: 2 engines open up to 110
```

Nothing is reported for synchronous workers that stay below the limit, or if a pooler is in between. The same holds if
an unknown variable or the number of cores decides how many processes run:

```yaml compose.yaml
services:
  app:
    build: .
    command: gunicorn shop.main:app --workers 4
  db:
    image: mysql:8.4
    command: --max-user-connections=50
```

```python shop/main.py
from example import engine
```

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True, pool_size=20, max_overflow=20)
```

## Fix safety

There is no fix: choose between fewer processes, smaller pools, and a higher limit.

## References

- [MySQL: too many connections](https://dev.mysql.com/doc/refman/8.4/en/too-many-connections.html)
- [SQLAlchemy: connection pools](https://docs.sqlalchemy.org/en/20/core/pooling.html#sqlalchemy.pool.QueuePool)
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.diagnostics.quantities import number_text
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.engine_escape import lasts
from dbhygiene.pools.engines import Engine, engines_in
from dbhygiene.pools.pool_size import Need, PoolSize, most_of_unknown_process, needs, pool_size
from dbhygiene.pools.recreated_engines import is_recreated
from dbhygiene.pools.server_limits import connection_number, database_of_engine
from dbhygiene.pools.sqlalchemy import UNKNOWN_DATABASE, in_migrations
from dbhygiene.servers.endpoints import ANYWHERE, endpoints
from dbhygiene.servers.model import Limit, Origin
from dbhygiene.servers.steps import connection_steps, step
from dbhygiene.source.file import File

_OF_POSTGRESQL = {
    "rolconnlimit": "FATAL: too many connections for role",
    "datconnlimit": "FATAL: too many connections for database",
}
_ROOM = 0.8  # of the limit, for the pools: the rest is for migrations, shells and deployments


@rule("HYG502", on=Engine, imports=SQLALCHEMY)
def check(file: File, made: Engine) -> Iterator[Diagnostic]:
    if is_test_file(file) or in_migrations(file) or not lasts(made):
        return
    size = pool_size(made)
    if size is None or size.most == inf or (limit := connection_number(made)) is None:
        return  # `pool-without-limit`
    if is_recreated(made):
        return
    need = needs(made, size.most)
    if _total(made, size, need) > limit.value:
        yield _diagnostic(file, made, size, need, limit)
    else:
        yield from _several(file, made, size, limit)


def _total(made: Engine, size: PoolSize, need: list[Need]) -> float:
    """Return how many connections all processes open through an engine at most."""
    return sum(each.total for each in need) if need else most_of_unknown_process(made, size.most)


def _several(file: File, made: Engine, size: PoolSize, limit: Limit) -> Iterator[Diagnostic]:
    """Report the last of the engines of a file whose pools exceed the limit of their server only together."""
    found = [(made, size)]
    for other in engines_in(file):
        if other.call is made.call or not lasts(other) or not _is_same_server(made, other, limit):
            continue
        other_size = pool_size(other)
        if other_size is None or is_recreated(other):
            continue
        if file.span(other.call) > file.span(made.call):
            return
        found.insert(-1, (other, other_size))
    totals = [_total(each, sized, needs(each, sized.most)) for each, sized in found]
    if len(found) < 2 or max(totals) > limit.value or sum(totals) <= limit.value:
        return
    is_sure = ANYWHERE not in endpoints(made.url) and len({each.is_async for each, _ in found}) == 1
    yield Diagnostic(
        size.at,
        f"the pools of {len(found)} engines open up to {number_text(sum(totals))} connections,"
        f" but the server accepts {_limit(limit)}",
        path=(
            *(
                (sized.at, f"up to {number_text(total)} connections")
                for (_, sized), total in zip(found, totals, strict=True)
            ),
            *connection_steps(file.project, limit),
        ),
        fix=NoFix(
            "cannot tell which pool may be smaller; make one of the pools smaller, or let the engines share one pool"
        ),
        confidence=Confidence.LIKELY if is_sure else Confidence.POSSIBLE,
        notes=(f"beyond that, the server refuses connections: {_error(made, limit)}",),
        subject="pool_size",
    )


def _is_same_server(made: Engine, other: Engine, limit: Limit) -> bool:
    return endpoints(made.url) == endpoints(other.url) and connection_number(other) == limit


def _diagnostic(file: File, made: Engine, size: PoolSize, need: list[Need], limit: Limit) -> Diagnostic:
    total = _total(made, size, need)
    processes = sum(each.command.replicas * each.command.processes for each in need) or 1
    one = max((each.each for each in need), default=total)
    opener = f"the pools of {processes} processes open" if processes > 1 else "the pool opens"
    room = max(1, int(limit.value * _ROOM / processes))
    return Diagnostic(
        size.at,
        f"{opener} up to {number_text(total)} connections, but the server accepts {_limit(limit)}",
        path=((size.at, f"each process opens up to {number_text(one)} connections"), *_steps(file, need, limit)),
        fix=NoFix(f"cannot tell which limit fits; for example, set `pool_size={room}, max_overflow=0`"),
        confidence=_confidence(made, size, need, limit),
        notes=(f"beyond that, the server refuses connections: {_error(made, limit)}",),
        subject="pool_size",
    )


def _limit(limit: Limit) -> str:
    """Return the limit, with its name if no step shows it: a live server and the settings have no line to show."""
    return number_text(limit.value) + (f" ({limit.source})" if limit.place is None else "")


def _steps(file: File, need: list[Need], limit: Limit) -> Iterator[Step]:
    for each in need:
        command = each.command
        containers = f" in each of {command.replicas} containers" if command.replicas > 1 else ""
        yield step(file.project, command.place, f"{command.program} starts {command.processes} of them{containers}")
    yield from connection_steps(file.project, limit)


def _error(made: Engine, limit: Limit) -> str:
    if database_of_engine(made) == "postgresql":
        return _OF_POSTGRESQL.get(limit.setting, "FATAL: remaining connection slots are reserved")
    if limit.setting == "max-connections":
        return "error 1040, 1203 or 1226"
    if limit.setting == "max_user_connections":  # in a file, that of the server; else it may be the account's
        return "error 1203" if limit.place else "error 1226 or 1203"
    return "error 1040"


def _confidence(made: Engine, size: PoolSize, need: list[Need], limit: Limit) -> Confidence:
    is_written = limit.origin is Origin.FILE and not size.is_default and UNKNOWN_DATABASE not in made.databases
    return Confidence.CERTAIN if is_written and len(need) == 0 else Confidence.LIKELY
