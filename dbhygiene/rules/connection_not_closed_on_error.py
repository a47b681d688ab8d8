"""Connection that is closed or handed on as it should be, but left open when a call in between raises.

Every query can raise. What closes the connection must be reached then, too: a `finally`, or a `with` that closes.

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

A function that sets up a connection for its caller must close it if the setting up fails: the caller never gets it.
Where only a `SET`, a `PRAGMA` or the like may raise, the finding is *possible*: it fails for each connection, or for a
dead one.

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

These are taken not to raise: `close`, `cursor`, logging, building strings, setting attributes.

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

A constructor that stores the connection in its object, and fails after that, is not reported. Strictly it leaks: nobody
gets the object, so nobody can close it. But most classes are written so, constructors fail mostly while a program
starts, which then ends, and few readers would act on the finding.

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

Safe. The existing `close` moves into a `finally` around what follows the opening, with its comments, and with an `if`
that only asks whether the connection is there and open; the old ones go, since a second `close` raises on MySQL
drivers. A block of more than 50 lines is re-indented by `--unsafe-fixes` only. There is no fix where the connection is
closed under a condition of another kind, or where it may not be open yet: the finding says which.

## References

- [PEP 249, `Connection.close`](https://peps.python.org/pep-0249/#Connection.close)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Leak, Lifetime
from dbhygiene.lifetimes.story import named, notes, steps
from dbhygiene.model import Report, rule
from dbhygiene.source import File


@rule("HYG102", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Report]:
    if life.resource.kind != "connection" or life.leak is not Leak.RAISED:
        return
    culprit = life.culprit
    cause = f"if {named(culprit)} raises"
    if isinstance(culprit, ast.Raise):
        cause = f"by the `raise` in line {culprit.lineno}"
    elif isinstance(culprit, (ast.Yield, ast.YieldFrom)):
        cause = "if the generator is not run to its end"
    left = "not given back" if life.resource.is_pooled else "left open"
    from dbhygiene.lifetimes.repair import repair  # most files need none

    yield Report(
        life.birth,
        f"connection `{life.title}` is {left} {cause}",
        path=tuple(steps(life, Leak.RAISED)),
        fix=repair(life, Leak.RAISED),
        confidence=life.confidence,
        notes=tuple(notes(life, Leak.RAISED)),
        subject=life.title,
        impact=life.runs.impact,
    )
