"""Session, or connection of an engine, that a function can leave open.

A session holds a connection of its engine's pool from its first query to `commit`, `rollback` or `close`; the result of
`engine.connect()` holds one until `close`. By default, a pool has 15 connections. When all are in use, the next caller
waits for 30 seconds and gets a `TimeoutError`. Neither `pool_pre_ping` nor `pool_recycle` helps: they apply when a
connection leaves the pool.

```python
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))

def orders(order):
    session = Session()  # HYG209: never closed
    for row in session.execute(select(order)):
        print(row)
```

```python fixed
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))

def orders(order):
    with Session() as session:
        for row in session.execute(select(order)):
            print(row)
```

If a query raises, a `close` at the end is not reached:

```python
from sqlalchemy import create_engine, text

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)

def touch():
    conn = engine.connect()  # HYG209: if `conn.execute` raises
    conn.execute(text("update orders set seen = 1"))
    conn.close()
```

```python fixed
from sqlalchemy import create_engine, text

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)

def touch():
    conn = engine.connect()
    try:
        conn.execute(text("update orders set seen = 1"))
    finally:
        conn.close()
```

A context manager that commits before it closes does not close the session if the commit fails:

```python
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))

class Work:
    def __enter__(self):
        self.session = Session()  # HYG209: if `self.session.commit` raises in `__exit__`
        return self.session

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.session.commit()
        self.session.close()
```

```python fixed
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))

class Work:
    def __enter__(self):
        self.session = Session()
        return self.session

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.session.commit()
        finally:
            self.session.close()
```

FastAPI resumes a dependency after the request only if it yields. A session that it returns is not closed:

```python
from fastapi import Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

app = FastAPI()
SessionLocal = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))

def get_db():
    session = SessionLocal()  # HYG209: returned
    return session

def get_session():
    session = SessionLocal()  # HYG209: never closed
    yield session

def get_closing():
    with SessionLocal() as session:
        yield session

@app.get("/orders")
def orders(a: Session = Depends(get_db), b: Session = Depends(get_session), c: Session = Depends(get_closing)):
    return []
```

If the same function makes the engine, `close` only returns the connection to a pool that ends with the function: the
finding is *possible*.

Nothing is reported if a connection is detached from its pool, or if the driver's connection that it wraps is returned:

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)

def detached():
    conn = engine.connect()
    conn.detach()
    return conn.connection.dbapi_connection

def raw():
    conn = engine.raw_connection()
    return conn.driver_connection
```

Nothing is reported either if the session is passed to other code, if it holds no connection after `commit` or
`rollback`, or if a registry (`scoped_session`) keeps it for its thread or request:

```python
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)
Session = sessionmaker(bind=engine)
Registry = scoped_session(Session)

def new():
    return Session()

def save(order):
    session = Session()
    session.add(order)
    session.commit()

def count(order):
    with Session() as session:
        return session.query(order).count()

def find(order):
    return Registry().query(order).first()
```

## Fix safety

Safe. The session or connection is closed after the last statement that needs it. If the existing code calls a helper
that does more than close the session, this call stays: closing twice is harmless. Blocks of more than 50 lines are
re-indented only with `--unsafe-fixes`.

There is no fix if objects that the session loaded, or that were added to it, are returned, stored or passed to other
code. After the session is closed, reading an attribute that is not loaded yet raises `DetachedInstanceError`. Plain
values are safe: columns of a mapped class, rows of columns, counts.

Unsafe if a test of the project replaces the function that opens the session, as by `@patch("jobs.connect")`. The
replacement may return a session of the test, which uses it later.

## References

- [When do I construct a Session, when do I commit it, and when do I close
  it?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#session-faq-whentocreate)
- [QueuePool limit of size <x> overflow <y> reached](https://docs.sqlalchemy.org/en/20/errors.html#error-3o7r)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Impact, NoFix, rule
from dbhygiene.library.prefilter import SESSIONS
from dbhygiene.library.sqlalchemy import SESSION_KINDS
from dbhygiene.lifetimes import Leak, Lifetime
from dbhygiene.lifetimes.enter_exit import fix_exit, leaking_exit
from dbhygiene.lifetimes.fastapi import is_dependency
from dbhygiene.lifetimes.leak_fixes import fix_leak
from dbhygiene.lifetimes.messages import cause_of, consequence, leak_notes, leak_steps, name_of_call
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function

if TYPE_CHECKING:
    from dbhygiene.lifetimes.session_fields import UnclosedSession

_WORDS = {
    Leak.NEVER_CLOSED: "is never closed",
    Leak.SOME_PATH: "is not closed on every path",
    Leak.SWALLOWED: "stays open when an exception is caught",
}


@rule("HYG209", on=Lifetime, imports=SESSIONS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    leak, function = life.leak, life.scope.node
    if life.resource.kind not in SESSION_KINDS or not isinstance(function, FUNCTION):
        return  # what a module keeps is another rule's matter
    if life.is_returned and is_dependency(file, function):
        yield _report_returned(file, life, function)
    elif leak is not None:
        yield _report_left_open(file, life, leak)
    elif (left := leaking_exit(life)) is not None:
        yield _report_exit(file, life, *left)
    elif life.fields:
        from dbhygiene.lifetimes.session_fields import unclosed_session  # few functions store one

        if (unclosed := unclosed_session(life)) is not None:
            yield _report_field(file, life, unclosed)


def _report_returned(file: File, life: Lifetime, function: Function) -> Diagnostic:
    name = function.name
    return Diagnostic(
        life.birth,
        f"{life.resource.noun} `{life.title}` is returned by a dependency, so it is not closed after the request",
        fix=NoFix(f"other callers of `{name}` would get a generator; let `{name}` yield the session within a `with`"),
        confidence=life.confidence,
        subject=life.title,
        impact=life.runs.impact,
    )


def _report_left_open(file: File, life: Lifetime, leak: Leak) -> Diagnostic:
    return Diagnostic(
        life.birth,
        f"{life.resource.noun} `{life.title}` {_WORDS.get(leak) or f'is left open {cause_of(life, life.culprit)}'}",
        path=tuple(leak_steps(life, leak)),
        fix=fix_leak(life, leak),
        confidence=life.confidence,
        notes=tuple(leak_notes(life, leak)),
        subject=life.title,
        impact=life.runs.impact,
    )


def _report_exit(file: File, life: Lifetime, leaving: Function, culprit: ast.Call) -> Diagnostic:
    return Diagnostic(
        life.birth,
        f"{life.resource.noun} `{life.title}` is left open if {name_of_call(file, culprit)} raises in `{leaving.name}`",
        path=((life.birth, "opened here"), (culprit, f"this raises before the {life.resource.noun} is closed")),
        fix=fix_exit(life, leaving, culprit),
        confidence=min(life.confidence, Confidence.LIKELY),
        notes=tuple(life.runs.notes(file)),
        subject=life.title,
        impact=life.runs.impact,
    )


def _report_field(file: File, life: Lifetime, unclosed: UnclosedSession) -> Diagnostic:
    cls, name = unclosed.field.cls.node.name, f"self.{unclosed.field.name}"
    stores = (
        (f"each call of `{unclosed.method.name}` stores a new {life.resource.noun}",)
        if unclosed.method is not None
        else ()
    )
    costs = not life.costs_nothing and life.runs.impact is not Impact.ONCE
    return Diagnostic(
        life.birth,
        f"{life.resource.noun} `{name}` is never closed, neither by `{cls}` nor by other code",
        path=(*life.runs.steps, (life.birth, "opened here and stored in the object")),
        fix=NoFix("cannot tell where it should be closed; add a `close` method and call it"),
        confidence=Confidence.LIKELY if costs and not unclosed.field.is_of_one_object() else Confidence.POSSIBLE,
        notes=(*stores, *consequence(life.resource, life.pool), *life.runs.notes(file)),
        subject=name,
        impact=life.runs.impact,
    )
