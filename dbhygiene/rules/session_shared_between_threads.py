"""Session or connection that several threads, tasks or processes use at the same time.

A session uses one connection. Two threads that use the session at the same time mix their queries and results. Rows get
lost, a commit contains half of the other thread's work, and the driver fails with "Packet sequence number wrong" or
error 2013, "Lost connection to MySQL server during query". SQLAlchemy does not prevent this. Version 2 sometimes raises
`IllegalStateChangeError`, most often with asynchronous sessions.

```python
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))

def count(session, table):
    return session.execute(text(f"select count(*) from {table}")).scalar()

def count_all(tables):
    with Session() as session, ThreadPoolExecutor() as pool:  # HYG211
        jobs = [pool.submit(count, session, table) for table in tables]
        return [job.result() for job in jobs]
```

```python
import asyncio
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

Session = async_sessionmaker(create_async_engine("mysql+asyncmy://shop@db/shop", pool_recycle=280))

async def load(session, query):
    return await session.execute(query)

async def load_all(orders, names):
    async with Session() as session:  # HYG211
        return await asyncio.gather(load(session, orders), load(session, names))
```

The same is true of a driver's own connection, unless the driver makes threads and tasks wait for each other. MySQL's
drivers do not, and asyncpg and aiopg raise an error instead. Processes that are forked share the socket of their
parent.

```python
import threading
import pymysql

def store(conn, row):
    with conn.cursor() as cursor:
        cursor.execute("insert into prices values (%s)", row)

def store_all(rows):
    conn = pymysql.connect(host="db")  # HYG211: used by several threads at the same time
    threads = [threading.Thread(target=store, args=(conn, row)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    conn.close()
```

Bots and web servers run an asynchronous handler once for each event, each in a task of its own:

```python
import aiomysql
from fastapi import FastAPI

app = FastAPI()

class Store:
    async def open(self):
        self.conn = await aiomysql.connect(host="db")  # HYG211

    async def names(self):
        async with self.conn.cursor() as cursor:
            await cursor.execute("select name from users")
            return await cursor.fetchall()

store = Store()

@app.get("/names")
async def names():
    return await store.names()
```

Nothing is reported if each thread opens its own session, if there is only one thread, or if a registry
(`scoped_session`) gives each thread its own session:

```python
import threading
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))
Registry = scoped_session(Session)

def count(table):
    with Session() as session:
        return session.execute(text(f"select count(*) from {table}")).scalar()

def count_all(tables):
    with ThreadPoolExecutor() as pool:
        return list(pool.map(count, tables))

def watch(session, stop):
    while not stop.wait(5):
        session.execute(text("select 1"))
        session.commit()

def start(stop):
    session = Session()
    thread = threading.Thread(target=watch, args=(session, stop))
    thread.start()
    return thread

def save(order):
    Registry.add(order)
    Registry.commit()

def save_all(orders):
    with ThreadPoolExecutor() as pool:
        for order in orders:
            pool.submit(save, order)
```

## Fix safety

There is no fix: each thread needs its own session or connection, and dbhygiene cannot tell which objects belong to
which thread. A pool gives each task its own connection: `async with pool.acquire() as conn:`.

## References

- [Is the Session thread-safe?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.library.background import CONCURRENT
from dbhygiene.library.prefilter import CONNECTIONS
from dbhygiene.library.sqlalchemy import SESSION_KINDS
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes import Lifetime
from dbhygiene.source.file import File, file_query
from dbhygiene.source.nodes import Located


@rule("HYG211", on=Lifetime, imports=CONNECTIONS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    if not (life.resource.kind in SESSION_KINDS or life.resource.clashing):
        return
    if not is_test_file(file) and (shared := _find_sharing(file, life)) is not None:
        name, kind, steps = shared
        yield Diagnostic(
            life.birth,
            f"{life.resource.noun} `{name}` is used by several {kind} at the same time",
            path=((life.birth, "opened here, once"), *steps),
            fix=NoFix(_ADVICE[kind]),
            confidence=Confidence.LIKELY,
            notes=(_effect(life, kind),),
            subject=name,
        )


@file_query
def _may_start_threads(file: File) -> bool:
    return CONCURRENT.search(file.text) is not None


def _find_sharing(file: File, life: Lifetime) -> tuple[str, str, tuple[tuple[Located, str] | Step, ...]] | None:
    """Return the name of a shared connection or session, what uses it at the same time, and the steps that show it."""
    may_start = _may_start_threads(file)
    if not may_start and not life.resource.is_async:
        return None
    from dbhygiene.lifetimes.concurrent_use import shared_use  # most programs do one thing at a time
    from dbhygiene.lifetimes.value_users import title_of

    if may_start and (shared := shared_use(life)) is not None:
        return title_of(life), shared.kind, shared.steps
    if life.resource.is_async:
        from dbhygiene.gaps.event_sharing import handler_on_one_connection

        if (found := handler_on_one_connection(life)) is not None:
            step = Step(found.file.path, found.file.span(found.function), "each event runs this in a task of its own")
            used = () if found.use is None else ((found.use, "used here by each of the tasks"),)
            return title_of(life), "tasks", (step, *used)
    return None


def _effect(life: Lifetime, kind: str) -> str:
    """Return what comes of the shared use."""
    if kind == "processes":
        return "forked processes use one socket: each may read the answers to the other's queries"
    if life.resource.kind == "session":
        return f"{kind} that use a session at the same time lose rows, and one commits the half-done work of another"
    if life.resource.when_shared:
        return f"{kind} that use it at the same time get {life.resource.when_shared}"
    return (
        f"{kind} that use it at the same time may get each other's rows, and one commits the half-done work of another"
    )


_ADVICE = {
    "threads": "cannot tell which objects belong to which thread; use a separate one in each thread",
    "tasks": "cannot tell which objects belong to which task; use a separate one in each task",
    "processes": "cannot tell which objects belong to which process; use a separate one in each process",
}
