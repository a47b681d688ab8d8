"""Connection that a function can leave open although it ends without raising.

A connection that is not closed holds a session of the server until it is garbage-collected. The number of sessions is
limited: MySQL refuses further clients with error 1226 (`max_user_connections`) or 1040 (`Too many connections`).

```python
import pymysql

def count(host):
    conn = pymysql.connect(host=host)  # HYG101: never closed
    cur = conn.cursor()
    cur.execute("select count(*) from t")
    return cur.fetchone()[0]
```

```python fixed
from contextlib import closing

import pymysql

def count(host):
    with closing(pymysql.connect(host=host)) as conn:
        cur = conn.cursor()
        cur.execute("select count(*) from t")
        return cur.fetchone()[0]
```

An early return can skip the `close`, and so can an exception that the function catches:

```python
import MySQLdb

def archive(options, dry_run):
    conn = MySQLdb.connect(**options)  # HYG101: not closed on every path
    if dry_run:
        return 0
    done = conn.cursor().execute("call archive()")
    conn.close()
    return done
```

```python
import mysql.connector

def touch(options):
    try:
        conn = mysql.connector.connect(**options)  # HYG101: when an exception is caught
        conn.cursor().execute("update t set n = n + 1")
        conn.close()
    except mysql.connector.Error as error:
        print(error)
```

```python fixed
import mysql.connector

def touch(options):
    try:
        conn = mysql.connector.connect(**options)
        try:
            conn.cursor().execute("update t set n = n + 1")
        finally:
            conn.close()
    except mysql.connector.Error as error:
        print(error)
```

If a helper returns a new connection, its caller must close it. A connection that an object keeps is not reported here
if its class can close it:

```python
import psycopg2

def connect(dsn):
    return psycopg2.connect(dsn)

class Store:
    def __init__(self, dsn):
        self.conn = psycopg2.connect(dsn)

    def close(self):
        self.conn.close()

def careful(dsn):
    conn = None
    try:
        conn = connect(dsn)
        conn.cursor().execute("select 1")
    finally:
        if conn is not None:
            conn.close()
```

A web framework closes no connection of a driver. In Flask, close it in a function with `@app.teardown_appcontext`; in
FastAPI, after the `yield` of a dependency:

```python
import pymysql
from flask import g

def connection():
    g.db = pymysql.connect(host="db")  # HYG101: not closed at the end of the request
    return g.db
```

```python
import pymysql
from flask import Flask, g

app = Flask(__name__)

def connection():
    g.db = pymysql.connect(host="db")
    return g.db

@app.teardown_appcontext
def close_connection(error):
    db = g.pop("db", None)
    if db is not None:
        db.close()
```

```python
import pymysql

def connection():
    conn = pymysql.connect(host="db")
    try:
        yield conn
    finally:
        conn.close()
```

A connection of a pool must be given back to it. With some pools, its own `close` does so; psycopg2's pool needs
`putconn`: it counts a connection as lent even after its `close`. When `maxconn` connections are lent, `getconn` raises
PoolError:

```python
import psycopg2.pool

pool = psycopg2.pool.ThreadedConnectionPool(1, 10, "dbname=shop")

def clear():
    conn = pool.getconn()  # HYG101: never given back
    try:
        conn.cursor().execute("delete from carts")
    finally:
        conn.close()

def count():
    conn = pool.getconn()
    try:
        conn.cursor().execute("select count(*) from carts")
    finally:
        pool.putconn(conn)
```

If the code runs once and the process then ends, or if nothing in an application calls this code, the finding is only
*possible*: it needs `min-confidence = "possible"`.

No server holds the connection of an SQLite file. If only the function refers to it, CPython closes it when the garbage
collector runs; before Python 3.11, when the function ends. So the leak is *likely*, not *certain*. Python 3.13 and
newer warn about it: "ResourceWarning: unclosed database".

```python
import sqlite3

def count(path):
    conn = sqlite3.connect(path)  # HYG101: never closed
    return conn.execute("select count(*) from t").fetchone()[0]

def add(path, name):
    conn = sqlite3.connect(path)  # HYG101: never closed
    conn.execute("insert into t values (?)", (name,))
    conn.commit()

def copy(path, others):
    conns = [sqlite3.connect(each) for each in others]  # HYG101: never closed
    return [conn.execute("select * from t").fetchall() for conn in conns]
```

## Fix safety

Safe. The connection is closed after the last statement that needs it. An existing `close` moves into a `finally`. If
there is none, the fix adds a `with` block. It adds a `finally` instead if the first line of the `with` would be too
long, or if the connection is opened within a `try` or in the branches of an `if`. The setting `fix-style` selects one
of the two. Blocks of more than 50 lines are re-indented only with `--unsafe-fixes`.

There is no fix if the connection has several names, or is also passed to other code. Nor is there one if a cursor, a
generator over rows or a task reads from the connection after the new block. The finding gives the reason.

Unsafe if a test of the project replaces the function that opens the connection, as by `@patch("jobs.connect")`. The
replacement may return a connection of the test, which uses it later. Also unsafe if the connection is an object of a
class of the project whose closing method commits: after an exception, the fix would commit half of the work.

## References

- [PEP 249, `Connection.close`](https://peps.python.org/pep-0249/#Connection.close)
- [MySQL: Too many connections](https://dev.mysql.com/doc/refman/8.4/en/too-many-connections.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Leak, Lifetime
from dbhygiene.lifetimes.messages import closed_phrase, consequence, leak_notes, leak_steps
from dbhygiene.source.file import File

_WORDS = {
    Leak.NEVER_CLOSED: "is never {closed}",
    Leak.SOME_PATH: "is not {closed} on every path",
    Leak.SWALLOWED: "stays open when an exception is caught",
}


@rule("HYG101", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    leak = life.leak
    if life.resource.kind == "connection" and leak is None:
        yield from _report_left_to_request(life)
    if life.resource.kind != "connection" or leak not in _WORDS or life.non_closing_with or life.replacement:
        return  # the last two have rules of their own
    from dbhygiene.lifetimes.leak_fixes import fix_leak  # most files need none

    yield Diagnostic(
        life.opening,
        f"connection `{life.title}` {_WORDS[leak].format(closed=closed_phrase(life.resource))}",
        path=tuple(leak_steps(life, leak)),
        fix=fix_leak(life, leak),
        confidence=life.confidence,
        notes=tuple(leak_notes(life, leak)),
        subject=life.title,
        impact=life.runs.impact,
    )


def _report_left_to_request(life: Lifetime) -> Iterator[Diagnostic]:
    """Report a connection that a request leaves open: in `g` of Flask, in its module, or returned by a dependency."""
    from dbhygiene.lifetimes.request_contexts import (  # few functions keep one
        is_left_to_request,
        kept_in_context,
        kept_in_module,
    )

    function = life.scope.name
    if (path := kept_in_module(life)) is not None:
        title, why = path, f"is opened by each call of `{function}`, and never closed"
        how = "cannot tell which is right; close it at the end of the call, or open it only once"
    elif (path := kept_in_context(life)) is not None:
        title, why = path, "is not closed at the end of the request"
        how = "the change belongs in another function; close it in a function with `@app.teardown_appcontext`"
    elif is_left_to_request(life):
        title, why = life.title, "is returned by a dependency, and not closed after the request"
        how = f"let `{function}` yield the connection, and close it in a `finally`"
        how = f"other callers of `{function}` would get a generator; {how}"
    else:
        return
    yield Diagnostic(
        life.birth,
        f"connection `{title}` {why}",
        fix=NoFix(how),
        confidence=min(life.confidence, Confidence.LIKELY),
        notes=(*consequence(life.resource, life.pool), *life.runs.notes(life.file)),
        subject=title,
        impact=life.runs.impact,
    )
