"""Thread, job or worker that queries through a `scoped_session`, and does not remove its session at the end.

A registry (`scoped_session`, Flask-SQLAlchemy's `db.session`) keeps one session for each thread. The session takes a
connection at its first query, and keeps it until `commit`, `rollback`, `close` or `remove`. Web frameworks end it after
each request. In a thread of your own, only your code can do so.

The threads of a pool do not end. Each of them keeps a connection in an open transaction between two jobs, for hours if
there is no other job. With more threads than connections in the engine's pool, a job waits for 30 seconds and gets
"QueuePool limit of size 5 overflow 10 reached". If the server closes the idle connection, the next job in this thread
fails with error 2006 or 2013: `pool_pre_ping` does not help, since the connection never leaves the session. The jobs
also see old rows: on MySQL, a transaction reads the state of its first query.

```python
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

Session = scoped_session(sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)))
pool = ThreadPoolExecutor(20)


def resize(number):
    print(Session.execute(text("select path from images")).all(), number)


def add(number):
    pool.submit(resize, number)  # HYG212
```

The same is true of the jobs of a scheduler, of Celery's tasks, and of the threads of an event loop:

```python
import asyncio

from apscheduler.schedulers.background import BackgroundScheduler
from fastapi import FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

Session = scoped_session(sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)))
app = FastAPI()


def count():
    return Session.execute(text("select count(*) from orders")).scalar()


def remind():
    for row in Session.execute(text("select name from users")):
        print(row)


scheduler = BackgroundScheduler()
scheduler.add_job(remind, "interval", hours=6)  # HYG212


@app.get("/orders")
async def orders():
    return await asyncio.to_thread(count)  # HYG212
```

An endless loop keeps the transaction of its first query open until the process ends:

```python
import time

from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

Session = scoped_session(sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)))


def watch():
    while True:  # HYG212
        print(Session.execute(text("select count(*) from orders")).scalar())
        time.sleep(60)
```

If the thread ends with its work, a finding is only *possible*. Its connection goes back to the pool when Python's
garbage collector frees the session, not when the thread ends: many threads in a short time use up the pool.

```python possible
import threading

from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

Session = scoped_session(sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)))


def resize(number):
    print(Session.execute(text("select path from images")).all(), number)


def add(number):
    threading.Thread(target=resize, args=(number,)).start()  # HYG212
```

A job that ends its transaction on some paths only is reported, too. If only an exception leaves the session open, the
finding is *possible*: the next job in this thread gets `PendingRollbackError`, or "Can't reconnect until invalid
transaction is rolled back".

```python possible
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

Session = scoped_session(sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)))
pool = ThreadPoolExecutor(20)


def send(number):
    row = Session.execute(text("select path from images where sent = 0")).first()
    if row is None:
        return
    Session.execute(text("update images set sent = 1"))
    Session.commit()


def mark(number):
    try:
        Session.execute(text("update images set seen = 1"))
        Session.commit()
    except Exception as error:
        print(error)


def add(number):
    pool.submit(send, number)  # HYG212: may end
    pool.submit(mark, number)  # HYG212: after an exception
```

Nothing is reported if the thread ends the transaction or the session on each path, or if it opens Flask's application
context, which removes the session of Flask-SQLAlchemy when it ends:

```python
from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

app = Flask(__name__)
db = SQLAlchemy(app)
Session = scoped_session(sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)))
pool = ThreadPoolExecutor(20)


def resize(number):
    try:
        print(Session.execute(text("select path from images")).all(), number)
    finally:
        Session.remove()


def count():
    with app.app_context():
        print(db.session.execute(text("select count(*) from images")).scalar())


def add(number):
    pool.submit(resize, number)
    pool.submit(count)
```

Nor is anything reported if other code may run after each task: a signal such as Celery's `task_postrun`, a base class
of tasks, a listener of the scheduler.

## Fix safety

There is no fix: other code in the same thread may still use the objects that the session loaded. Wrap the body of the
function that the thread runs in `try: ... finally: Session.remove()`.

## References

- [Contextual/thread-local sessions](https://docs.sqlalchemy.org/en/20/orm/contextual.html#thread-local-scope)
- [QueuePool limit of size <x> overflow <y> reached](https://docs.sqlalchemy.org/en/20/errors.html#error-3o7r)
- [Flask-SQLAlchemy: manual contexts](https://flask-sqlalchemy.readthedocs.io/en/stable/contexts/#manual-contexts)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Impact, NoFix, Step, rule
from dbhygiene.library.prefilter import LASTING, SESSIONS
from dbhygiene.recovery.kept_sessions import IN_LOOP, KeptSession, kept_sessions
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located


@rule("HYG212", on=File, imports=LASTING, also=SESSIONS)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for kept in kept_sessions(file):
        start, registry = kept.start, kept.kept.asked.registry
        name, runs = start.function.name, kept.runs
        if registry.pool.costs_nothing:
            continue
        is_likely = start.lasts and runs.impact is not Impact.ONCE and not kept.kept.by_exception
        yield Diagnostic(
            start.node,
            _message(kept),
            path=tuple(_steps(file, kept)),
            fix=NoFix(f"other code in this thread may use the objects that the session loaded; {_advice(kept)}"),
            confidence=Confidence.LIKELY if is_likely else Confidence.POSSIBLE,
            notes=tuple(_notes(kept)),
            subject=name,
            impact=runs.impact,
        )


def _message(kept: KeptSession) -> str:
    """Return the message of a finding: the function, where it runs, and on which paths the session stays open."""
    start, how = kept.start, kept.kept
    name, missing = start.function.name, f"without `{how.asked.registry.title}.remove()`"
    if start.loop is not None and how.end is None:
        return f"`{name}` has an endless loop {missing}"
    where = f"`{name}` runs {start.words} and" if start.loop is None else f"a round of the endless loop in `{name}`"
    if how.end is None or how.by_exception:
        return f"{where} ends {missing}{' after an exception' if how.by_exception else ''}"
    return f"{where} may end {missing}"


def _advice(kept: KeptSession) -> str:
    """Return where the session should be removed."""
    remove = f"{kept.kept.asked.registry.title}.remove()"
    if kept.start.loop is not None:
        return f"call `{remove}` at the end of each round of the loop, in a `finally`"
    return f"wrap the body of `{kept.start.function.name}` in `try: ... finally: {remove}`"


def _steps(file: File, kept: KeptSession) -> Iterator[tuple[Located, str] | Step]:
    start, asked = kept.start, kept.kept.asked
    made = asked.registry
    yield Step(made.file.path, made.file.span(made.call), "this registry keeps one session for each thread")
    if start.words != IN_LOOP:
        yield start.node, f"runs `{start.function.name}` {start.words}"
    if start.loop is not None:
        yield Step(start.owner.path, start.owner.span(start.loop.test), "this loop does not end")
    yield Step(asked.file.path, asked.file.span(asked.node), "takes a connection, and begins a transaction")
    end = kept.kept.end
    if end is None and start.loop is None:
        end = start.function.body[-1]
    if isinstance(end, (ast.stmt, ast.expr)):
        yield Step(start.owner.path, start.owner.span(end), "after this, the session keeps its connection")


def _notes(kept: KeptSession) -> Iterator[str]:
    if kept.start.loop is not None:
        yield "the transaction of the first query never ends: the server may close its connection"
    elif kept.start.lasts:
        yield "the thread lives on: until the next run, its connection stays in an open transaction, and may be lost"
    else:
        yield "the connection returns to the pool when the session is garbage-collected, not when the thread ends"
    if lines := [str(each.node.lineno) for each in kept.others]:
        one = len(lines) == 1
        which = f"line {lines[0]} also runs" if one else f"lines {', '.join(lines[:-1])} and {lines[-1]} also run"
        yield f"{which} `{kept.start.function.name}`"
