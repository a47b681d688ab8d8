"""Connection that is closed a second time, on a driver that raises when it is.

PyMySQL answers the second `close` with `Error: Already closed`, MySQLdb with an `OperationalError`, MariaDB
Connector/Python with a `ProgrammingError`, python-oracledb with `DPY-1001`: the work is done, and the program
fails all the same.

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

With other drivers a second `close` does nothing. And different ways may each have their own `close`:

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

There is no fix: which of the two is one too many, is for the author to say; most often it is the one that is not in
the `finally`.

## References

- [PEP 249, `Connection.close`](https://peps.python.org/pep-0249/#Connection.close)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Lifetime
from dbhygiene.model import NoFix, Report, rule
from dbhygiene.source import File


@rule("HYG107", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Report]:
    if not life.resource.second_close_raises or life.resource.kind != "connection":
        return
    for call, first in life.closed_again:
        yield Report(
            call,
            f"connection `{life.title}` is closed twice, and its driver raises the second time",
            path=((life.birth, "opened here"), (first, "closed here"), (call, "closed again")),
            fix=NoFix("which `close` is one too many is for the author to say"),
            subject=life.title,
        )
