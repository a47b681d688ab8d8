"""Connection that is left open after an error, or by one method although other methods close it.

Every query can raise. Close the connection in a `finally`, or with a `with` block that closes it. The headline names
the most likely cause: a `raise` of the program itself, else a query, else any other call.

```python
import pymysql

def touch(host):
    conn = pymysql.connect(host=host)  # HYG102: if `cursor.execute` raises
    cursor = conn.cursor()
    cursor.execute("update t set n = n + 1")
    conn.commit()
    conn.close()
```

```python fixed
import pymysql

def touch(host):
    conn = pymysql.connect(host=host)
    try:
        cursor = conn.cursor()
        cursor.execute("update t set n = n + 1")
        conn.commit()
    finally:
        conn.close()
```

A function that prepares a connection for its caller must close it if the preparation fails: the caller never gets it.
If only a statement such as `SET` or `PRAGMA` may raise, the finding is *possible*: few programs leak in this way.
Either the statement fails on every connection, and the program never works, or the connection is dead and leaks
nothing.

```python possible
import psycopg2

def connect(dsn):
    conn = psycopg2.connect(dsn)  # HYG102
    conn.cursor().execute("set time zone 'UTC'")
    return conn
```

```python fixed
import psycopg2

def connect(dsn):
    conn = psycopg2.connect(dsn)
    try:
        conn.cursor().execute("set time zone 'UTC'")
    except BaseException:
        conn.close()
        raise
    return conn
```

We assume that these do not raise: `close`, `cursor`, logging, building strings, setting attributes.

```python
import logging
import sqlite3

def vacuum(path):
    conn = sqlite3.connect(path)
    logging.info("opened %s", path)
    cursor = conn.cursor()
    try:
        cursor.execute("vacuum")
    finally:
        cursor.close()
        conn.close()
```

With an SQLite file, an exception leaves the write transaction open: other writers get "database is locked" until
CPython closes the connection. Since Python 3.11, only the garbage collector closes it; before, CPython closes it once
the exception has been handled. Without a write, the file is only open for longer.

```python
import sqlite3

def add(path, name):
    conn = sqlite3.connect(path)  # HYG102: if `conn.execute` raises
    conn.execute("insert into names values (?)", (name,))
    conn.commit()
    conn.close()

def names(path):
    conn = sqlite3.connect(path)  # HYG102: if `conn.execute` raises
    rows = conn.execute("select name from names").fetchall()
    conn.close()
    return rows
```

An `await` also raises if its task is cancelled: by a timeout, or because the program ends. `except Exception` does not
catch that, so a `close` in such a handler is not enough. A `finally` is.

```python
import asyncpg

async def count(dsn):
    conn = await asyncpg.connect(dsn)  # HYG102: if `conn.fetchval` is cancelled
    try:
        number = await conn.fetchval("select count(*) from orders")
    except Exception:
        await conn.close()
        raise
    await conn.close()
    return number
```

A constructor that stores the connection in its object and then fails is not reported. Strictly speaking it leaks: no
caller gets the object, so no code can close the connection. But most classes are written like this, and constructors
fail mostly at the start of a program, and the program then ends.

```python
import pymysql

class Shop:
    def __init__(self, host):
        self.conn = pymysql.connect(host=host)
        self.conn.cursor().execute("set time_zone = '+00:00'")

    def close(self):
        self.conn.close()
```

## Fix safety

Safe. The existing `close` moves, with its comments, into a `finally` around the statements after the opening. So does
an `if` around it that only tests whether the connection exists and is open. Other calls of `close` are removed, because
a second one raises with some drivers (`connection-closed-twice`). Blocks of more than 50 lines are re-indented only
with `--unsafe-fixes`. There is no fix if the connection is closed under another condition, or may not be open yet. The
finding gives the reason.

Unsafe if a test of the project replaces the function that opens the connection, as by `@patch("jobs.connect")`. The
replacement may return a connection of the test, which uses it later.

## References

- [PEP 249, `Connection.close`](https://peps.python.org/pep-0249/#Connection.close)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Impact, NoFix, Step, rule
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Leak, Lifetime
from dbhygiene.lifetimes.messages import cause_of, consequence, leak_notes, leak_steps, name_of_call
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located


@rule("HYG102", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    if life.resource.kind != "connection":
        return
    if life.leak is not Leak.RAISED:
        yield from _report_user_of_field(file, life)
        return
    left = "not given back" if life.resource.is_pooled else "left open"
    from dbhygiene.lifetimes.leak_fixes import fix_leak  # most files need none

    yield Diagnostic(
        life.opening,
        f"connection `{life.title}` is {left} {cause_of(life, life.culprit)}",
        path=tuple(leak_steps(life, Leak.RAISED)),
        fix=fix_leak(life, Leak.RAISED),
        confidence=life.confidence,
        notes=tuple(leak_notes(life, Leak.RAISED)),
        subject=life.title,
        impact=life.runs.impact,
    )


def _report_user_of_field(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    """Report a field's connection that a method of the object opens and closes, itself or by calls of other methods."""
    if not any(each.startswith("self.") for each in life.names):
        return
    from dbhygiene.lifetimes.opened_by_methods import leaking_user  # few functions store one

    if (user := leaking_user(life)) is None:
        return
    where, name = user.method.file, user.method.last_name
    from dbhygiene.lifetimes.impact import runs

    how_often = runs(where, user.opening, by_exception=user.culprit is not None)
    opener = life.scope.name.rpartition(".")[2]
    close = f"call `{user.closer}` in a `finally`"
    fix = NoFix(f"the change belongs in `{name}`; {close}")
    others: tuple[str, ...] = ()
    called: tuple[Step, ...] = ()
    raised: tuple[Step, ...] = ()
    if user.opening is not life.birth:
        called = (_step(where, user.opening, f"`{name}` calls `{opener}`"),)
    if user.culprit is None:
        cause = f"open: `{name}` never closes it"
        others = (f"other methods call `{user.closer}` at their end; `{name}` does not",)
    else:
        cause = f"open if {name_of_call(where, user.culprit)} raises in `{name}`"
        raised = (_step(where, user.culprit, f"this raises in `{name}`, before `{user.closer}` closes it"),)
        if called:
            fix = NoFix(f"several methods may need the change; {close} in each method that calls `{opener}`")
    yield Diagnostic(
        life.birth,
        f"connection `{user.path}` is left {cause}",
        path=(
            *how_often.steps,
            *called,
            (life.birth, f"opened here, in `{opener}`"),
            *raised,
        ),
        fix=fix,
        confidence=Confidence.POSSIBLE if how_often.impact is Impact.ONCE else Confidence.LIKELY,
        notes=(*others, *consequence(life.resource, life.pool), *how_often.notes(where)),
        subject=user.path,
        impact=how_often.impact,
    )


def _step(file: File, node: Located, words: str) -> Step:
    return Step(file.path, file.span(node), words)
