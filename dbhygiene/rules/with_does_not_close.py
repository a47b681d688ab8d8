"""`with connection:` with a driver whose `with` only ends the transaction and does not close the connection.

With `sqlite3`, `psycopg2` and `pyodbc` the connection stays open after the block:

```python
import psycopg2

def add(dsn, name):
    with psycopg2.connect(dsn) as conn, conn.cursor() as cursor:  # HYG103
        cursor.execute("insert into names values (%s)", (name,))
```

```python fixed
from contextlib import closing

import psycopg2

def add(dsn, name):
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cursor:
        cursor.execute("insert into names values (%s)", (name,))
```

No server holds the connection of an SQLite file. If only the function refers to it, the finding is *likely*: CPython
closes it when the garbage collector runs, or before Python 3.11 at the end of the function. If the function deletes or
moves the file, it is *certain*: Windows refuses that while the connection is open.

```python
import sqlite3

def add(path, name):
    with sqlite3.connect(path) as conn:  # HYG103
        conn.execute("insert into names values (?)", (name,))
```

```python fixed
import sqlite3
from contextlib import closing

def add(path, name):
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("insert into names values (?)", (name,))
```

```python
import os
import sqlite3

def visits(copy):
    with sqlite3.connect(copy) as conn:  # HYG103
        rows = conn.execute("select url from visits").fetchall()
    os.remove(copy)
    return rows
```

In PyMySQL before 0.10 and MySQLdb before 1.4, the `with` returned a cursor and left the connection open, too. If the
version is unknown, the code decides: a block that calls `execute` on the variable was written for an old version.

```python
import pymysql

def names(options):
    with pymysql.connect(**options) as cursor:  # HYG103
        cursor.execute("select name from names")
        return cursor.fetchall()

def count(options):
    with pymysql.connect(**options) as connection:
        cursor = connection.cursor()
        cursor.execute("select count(*) from names")
        return cursor.fetchone()
```

Nothing is reported if the driver's `with` closes the connection, or if the code calls `close` itself:

```python
import psycopg
import psycopg2

def add(dsn, name):
    with psycopg.connect(dsn) as conn:
        conn.execute("insert into names values (%s)", (name,))

def add_carefully(dsn, name):
    conn = psycopg2.connect(dsn)
    try:
        with conn, conn.cursor() as cursor:
            cursor.execute("insert into names values (%s)", (name,))
    finally:
        conn.close()
```

## Fix safety

Safe. `closing` closes the connection. The connection itself, as the second item of the `with`, still commits: closing
alone would lose the write. If `as` assigns a cursor, the fix adds a variable for the connection. There is no fix if the
block enters the connection again, or if the connection, or a cursor, generator or method of it, is used after the
block.

Unsafe if a test of the project replaces the function that opens the connection, as by `@patch("jobs.connect")`. The
replacement may return a connection of the test, which uses it later.

## References

- [sqlite3: how to use the connection context
  manager](https://docs.python.org/3/library/sqlite3.html#how-to-use-the-connection-context-manager)
- [psycopg2: with statement](https://www.psycopg.org/docs/usage.html#with-statement)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.library.drivers import driver
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Leak, Lifetime
from dbhygiene.lifetimes.messages import consequence_of
from dbhygiene.source.file import File


@rule("HYG103", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    leak = life.leak
    item = life.non_closing_with
    if life.resource.kind != "connection" or item is None or leak in {None, Leak.RAISED}:
        return
    assert leak is not None
    from dbhygiene.lifetimes.leak_fixes import fix_leak  # most files need none

    ends = "" if life.resource.is_object else "ends the transaction, but "
    yield Diagnostic(
        life.birth,
        _message(life, item),
        path=(
            *life.runs.steps,
            (life.birth, "opened here"),
            (item.context_expr, f"the end of the `with` {ends}does not close the connection"),
        ),
        fix=fix_leak(life, leak),
        confidence=life.confidence,
        notes=(*consequence_of(life), *life.runs.notes(file)),
        subject=life.title,
        impact=life.runs.impact,
    )


def _message(life: Lifetime, item: ast.withitem) -> str:
    """Return the headline; of a driver whose newer versions close it, with the version."""
    leaving, known = life.analysis.effects.leaving(item, life.resource), driver(life.resource.package)
    if leaving is not None and leaving.binds == "cursor" and known is not None and len(known.leavings) > 1:
        version = ".".join(map(str, known.leavings[1].since))
        name = f"{known.distributions[0]} {version}"
        return f"before {name}, `with` does not close a connection: `{life.title}` stays open"
    return f"`with` does not close {life.resource.a_title}, and `{life.title}` stays open"
