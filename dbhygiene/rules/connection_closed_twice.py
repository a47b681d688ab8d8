"""Connection that is closed twice with a driver whose second `close` raises.

The second `close` raises `Error: Already closed` with PyMySQL, an `OperationalError` with MySQLdb, a `ProgrammingError`
with MariaDB Connector/Python, and `DPY-1001` with python-oracledb. The work is done, but the program fails.

```python
import pymysql

def touch(options):
    conn = pymysql.connect(**options)
    try:
        conn.cursor().execute("update t set n = n + 1")
        conn.commit()
        conn.close()
    finally:
        conn.close()  # HYG107
```

```python
import mariadb

def touch(options):
    conn = mariadb.connect(**options)
    conn.cursor().execute("update t set n = n + 1")
    conn.close()
    conn.close()  # HYG107
```

With drivers such as psycopg2, a second `close` does nothing. One `close` in a `finally` is enough for all paths:

```python
import psycopg2
import pymysql

def touch(dsn):
    conn = psycopg2.connect(dsn)
    try:
        conn.cursor().execute("update t set n = n + 1")
        conn.close()
    finally:
        conn.close()

def count(options, table):
    conn = pymysql.connect(**options)
    try:
        if not table:
            return 0
        return conn.cursor().execute(f"select 1 from {table}")
    finally:
        conn.close()
```

## Fix safety

There is no fix: dbhygiene cannot tell which `close` is redundant. Most often it is the one outside of the `finally`.

## References

- [PEP 249, `Connection.close`](https://peps.python.org/pep-0249/#Connection.close)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Lifetime
from dbhygiene.source.file import File


@rule("HYG107", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    if not life.resource.second_close_raises or life.resource.kind != "connection":
        return
    for call, first in life.repeated_closes:
        yield Diagnostic(
            call,
            f"connection `{life.title}` is closed twice: with this driver, the second `close` raises",
            path=((life.birth, "opened here"), (first, "closed here"), (call, "closed again")),
            fix=NoFix("cannot tell which one is redundant; remove one of the calls of `close`"),
            subject=life.title,
        )
