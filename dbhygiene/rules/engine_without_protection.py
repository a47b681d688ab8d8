"""Engine whose pool may lend connections that the server has already closed.

MySQL and MariaDB close a connection that has been idle for `wait_timeout` seconds: 28800 by default, often 300 with
hosted servers. SQLAlchemy's pool does not notice. It lends the dead connection to the next caller, whose query fails
with error 2006 ("MySQL server has gone away"), 2013 or 4031.

Either of two options prevents it: `pool_pre_ping=True` tests each connection as it leaves the pool, and
`pool_recycle=N` replaces it when it is older than N seconds. By default both are off.

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", echo=False)  # HYG201: neither
```

```python fixed
from sqlalchemy import create_engine

engine = create_engine(
    "mysql+pymysql://shop@db/shop",
    echo=False,
    pool_pre_ping=True,
    pool_recycle=280,
)
```

dbhygiene evaluates URLs that are built from variables, f-strings, formats and `URL.create`, also in other modules, and
options that are passed with `**`:

```python
import os
from sqlalchemy import URL, create_engine

USER = os.environ["DB_USER"]
DATABASE_URL = f"mysql://{USER}@db/shop"
OPTIONS = {"echo": False}

engine = create_engine(DATABASE_URL)  # HYG201
reports = create_engine(URL.create("mariadb+mariadbconnector", host="db"), **OPTIONS)  # HYG201
```

```python fixed
import os
from sqlalchemy import URL, create_engine

USER = os.environ["DB_USER"]
DATABASE_URL = f"mysql://{USER}@db/shop"
OPTIONS = {"echo": False, "pool_pre_ping": True, "pool_recycle": 280}

engine = create_engine(DATABASE_URL, pool_pre_ping=True, pool_recycle=280)
reports = create_engine(URL.create("mariadb+mariadbconnector", host="db"), **OPTIONS)
```

With an asynchronous driver only `pool_recycle` is added: before SQLAlchemy 2.0.50 the test of aiomysql's and asyncmy's
connections may itself fail.

```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("mysql+asyncmy://shop@db/shop")  # HYG201
```

```python fixed
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("mysql+asyncmy://shop@db/shop", pool_recycle=280)
```

APScheduler makes an engine for its job store. The engine is idle between two jobs:

```python
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

URL = "mysql+pymysql://shop@db/shop"

def set_up(scheduler):
    store = SQLAlchemyJobStore(URL)  # HYG201: job store has neither
    scheduler.add_jobstore(store)
    scheduler.add_jobstore("sqlalchemy", url=URL, engine_options={})  # HYG201
```

```python fixed
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

URL = "mysql+pymysql://shop@db/shop"

def set_up(scheduler):
    store = SQLAlchemyJobStore(URL, engine_options={"pool_pre_ping": True, "pool_recycle": 280})
    scheduler.add_jobstore(store)
    scheduler.add_jobstore("sqlalchemy", url=URL, engine_options={"pool_pre_ping": True, "pool_recycle": 280})
```

Nothing is reported if either option is set or the options are unknown, if the engine has no pool, or if the database is
not MySQL or MariaDB. Nor is an engine reported that one function creates, uses and discards:

```python
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

URL = "mysql+pymysql://shop@db/shop"
engines = [
    create_engine(URL, pool_pre_ping=True),
    create_engine(URL, pool_recycle=1800),
    create_engine(URL, poolclass=NullPool),
    create_engine("sqlite:///shop.db"),
    create_engine("postgresql://shop@db/shop"),
]

def connect(url, **options):
    return create_engine(url, **options)

def export(frame):
    engine = create_engine(URL)
    frame.to_sql("orders", engine)
```

The engine of a script that does its work and ends is not reported either. If only such scripts import the module with
the engine, the finding is *possible*.

```python
from sqlalchemy import create_engine, text

engine = create_engine("mysql+pymysql://shop@db/shop")

def connect():
    return engine.connect()

def add_column():
    with connect() as conn:
        conn.execute(text("alter table orders add column paid int"))

add_column()
```

A crawl of Scrapy uses the engine for each item, and the process ends with the crawl. For the engine of a spider, of a
pipeline, or of a module that only these use, the finding is only *possible*, too, unless a server starts the crawls:

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop")

class Store:
    def process_item(self, item, spider):
        with engine.begin() as connection:
            connection.exec_driver_sql("insert into items values (%s)", (item["name"],))
        return item
```

If the database is unknown, the finding is *likely*, and the fix adds only `pool_pre_ping`. If the project mentions
another database, or if nothing calls the function that returns the engine, it is *possible*, and reported only with
`min-confidence = "possible"`:

```python
import os
from sqlalchemy import create_engine

engine = create_engine(os.environ["DATABASE_URL"])  # HYG201: on MySQL, it may lend closed connections
```

```python fixed
import os
from sqlalchemy import create_engine

engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True)
```

```python
import os
from sqlalchemy import create_engine

engine = create_engine(os.getenv("DATABASE_URL", "sqlite:///shop.db"))

def engine_of(url):
    return create_engine(url)
```

Nothing is reported if a name shows that the database is not MySQL: a name or an option in the call, or the name of the
class, the function or the module.

```python
import os
from sqlalchemy import create_engine

engine = create_engine(os.environ["POSTGRES_URL"])
reports = create_engine(os.environ["REPORTS_URL"], connect_args={"sslmode": "require"})

class SqliteStore:
    def __init__(self, url):
        self.engine = create_engine(url)
```

## Fix safety

Safe: every pool and every dialect accepts both options from SQLAlchemy 1.2 on. A test costs one short round trip for
each checkout. `pool_recycle` is a little below the setting `server-timeout`, or 280 if that is not set. An option is
not added if a mapping or a configuration file may already contain it: a keyword that is passed twice raises a
`TypeError`. An option that is turned off explicitly stays off.

If the URL is not known to be that of a server, the fix adds only `pool_pre_ping`: tests may use an SQLite database in
memory, which lives as long as its connection. With `pool_recycle`, the pool replaces the connection, and the tables are
lost. A test of the connection changes nothing there. For an asynchronous engine with such a URL, the fix adds only
`pool_recycle` (the test may fail before SQLAlchemy 2.0.50), and is unsafe.

## References

- [Dealing with disconnects](https://docs.sqlalchemy.org/en/20/core/pooling.html#dealing-with-disconnects)
- [MySQL server has gone away, in APScheduler's store of jobs](https://github.com/agronholm/apscheduler/issues/228)
- [Connection timeouts and disconnects](https://docs.sqlalchemy.org/en/20/dialects/mysql.html#connection-timeouts-and-disconnects)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.pools.dialect_evidence import suggests_mysql
from dbhygiene.pools.engine_escape import ends_with_crawl, lasts, only_short_scripts_use
from dbhygiene.pools.engine_fixes import protect
from dbhygiene.pools.engines import Engine, rivals, timeout_confidence
from dbhygiene.pools.recreated_engines import has_no_caller, is_recreated
from dbhygiene.pools.sqlalchemy import CLOSES_IDLE, MYSQL
from dbhygiene.source.file import File


@rule("HYG201", on=Engine, imports=SQLALCHEMY)
def check(file: File, made: Engine) -> Iterator[Diagnostic]:
    if made.is_protected or not lasts(made) or (confidence := timeout_confidence(made)) is None:
        return
    if is_recreated(made) or _serves_one_object(made):
        return  # each is too young to have lost a connection: `engine-per-call`
    if confidence < Confidence.CERTAIN and any(other.is_protected for other in rivals(made)):
        return  # the other branch sets it: leaving it out here is on purpose
    if MYSQL not in made.databases and has_no_caller(made):
        confidence = Confidence.POSSIBLE  # neither its URL is known, nor whether anything keeps it
    if only_short_scripts_use(file) or ends_with_crawl(made):
        confidence = Confidence.POSSIBLE  # each process ends before the server loses patience
    yield Diagnostic(made.call, _message(made), fix=protect(made), confidence=confidence, notes=tuple(_notes(made)))


def _serves_one_object(made: Engine) -> bool:
    """Whether an object that is made for one use keeps the engine."""
    from dbhygiene.lifetimes.engine_owners import recreation  # which looks for callers

    found = recreation(made)
    return found is not None and found.is_brief


def _message(made: Engine) -> str:
    has = f"{'job store' if made.has_owner else 'engine'} has neither `pool_pre_ping` nor `pool_recycle`"
    if MYSQL in made.databases:
        return f"{has}: it may lend closed connections"
    return f"{has}: on MySQL, it may lend closed connections"


def _notes(made: Engine) -> Iterator[str]:
    if made.has_owner:
        yield "APScheduler makes the engine of a job store, by `create_engine(url, **engine_options)`"
    if MYSQL in made.databases:
        yield CLOSES_IDLE
    elif suggests_mysql(made.file):
        yield "the URL is unknown here, but the project has a MySQL driver"
    else:
        yield "the URL is unknown here; to name the databases of the project, set `databases`"
