"""Session, or connection of an engine, that several threads or tasks use at once.

A session uses one connection. Two threads that use the session at the same time mix their queries and results: rows get
lost, a commit contains half of the other thread's work, and the driver fails with "Packet sequence number wrong" or
error 2013, "Lost connection to MySQL server during query". SQLAlchemy does not prevent this; with asynchronous sessions
it sometimes raises `IllegalStateChangeError`.

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

Nothing is reported if each thread opens its own session, if there is only one thread, or if a registry gives each
thread its own session:

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

There is no fix: each thread needs its own session, and dbhygiene cannot tell which objects belong to which.

## References

- [Is the Session thread-safe?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes import Lifetime
from dbhygiene.pools.sessions import SESSION_KINDS
from dbhygiene.pools.thread_sharing import sharing
from dbhygiene.source.file import File


@rule("HYG211", on=Lifetime, imports=SQLALCHEMY)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    name = _name(file, life.birth) if life.resource.kind in SESSION_KINDS and not is_test_file(file) else None
    if name is None:
        return
    shared = sharing(file, life.scope, name, life.birth, tasks=life.resource.is_async)
    if shared is not None:
        those = "tasks" if life.resource.is_async else "threads"
        yield Diagnostic(
            life.birth,
            f"{life.resource.noun} `{name}` is used by several {those} at once",
            path=((life.birth, "opened here, once"), (shared, f"passed to several {those}")),
            fix=NoFix(f"cannot tell which objects belong to it; open one in each {those[:-1]}"),
            confidence=Confidence.LIKELY,
            subject=name,
        )


def _name(file: File, birth: ast.Call) -> str | None:
    """The variable that is given what a call opens."""
    around = file.parents.get(birth)
    if isinstance(around, ast.Await):
        around = file.parents.get(around)
    match around:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.withitem(optional_vars=ast.Name(id=name)):
            return name
    return None
