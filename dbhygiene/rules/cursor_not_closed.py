"""Unbuffered cursor that is not closed: its unread rows block the connection.

An unbuffered cursor reads its rows from the server one by one. Until all rows are read, or the cursor is closed, the
server keeps the result, and another query fails or drops the rows. PyMySQL then warns that the
`Previous unbuffered result was left incomplete`; MySQLdb raises error 2014, `Commands out of sync`.

If many rows stay unread, the server closes the connection after `net_write_timeout`, 60 s by default. The next query
then fails with error 2013.

```python
import pymysql
from pymysql.cursors import SSCursor

def first(conn):
    cursor = conn.cursor(SSCursor)  # HYG108
    cursor.execute("select * from t")
    return cursor.fetchone()

def some(conn):
    cursor = conn.cursor(pymysql.cursors.SSDictCursor)  # HYG108
    cursor.execute("select * from t")
    for row in cursor:
        print(row)
    cursor.close()
```

```python fixed
import pymysql
from pymysql.cursors import SSCursor

def first(conn):
    with conn.cursor(SSCursor) as cursor:
        cursor.execute("select * from t")
        return cursor.fetchone()

def some(conn):
    cursor = conn.cursor(pymysql.cursors.SSDictCursor)
    try:
        cursor.execute("select * from t")
        for row in cursor:
            print(row)
    finally:
        cursor.close()
```

A `with` or a `finally` closes the cursor on every path. Buffered cursors have already read all rows:

```python
from pymysql.cursors import DictCursor, SSCursor

def first(conn):
    with conn.cursor(SSCursor) as cursor:
        cursor.execute("select * from t")
        return cursor.fetchone()

def all_of_them(conn):
    cursor = conn.cursor(DictCursor)
    cursor.execute("select * from t")
    return cursor.fetchall()
```

## Fix safety

Safe: the cursor is closed after the last statement that reads from it, in a `with` block or a `finally`. Unread rows
are discarded then, instead of at the next query or when the cursor is garbage-collected. There is no fix if the cursor
is passed to other code, or has several names.

## References

- [PyMySQL: SSCursor](https://pymysql.readthedocs.io/en/latest/modules/cursors.html#pymysql.cursors.SSCursor)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.lifetimes import Leak, Lifetime
from dbhygiene.lifetimes.leak_fixes import fix_leak
from dbhygiene.lifetimes.messages import leak_steps
from dbhygiene.source.file import File


@rule("HYG108", on=Lifetime, imports={"SSCursor", "SSDictCursor"}, default=False)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    if life.resource.kind != "cursor" or (leak := life.leak) is None:
        return
    when = {Leak.NEVER_CLOSED: "is never closed", Leak.RAISED: "is left open if a call raises"}
    yield Diagnostic(
        life.birth,
        f"unbuffered cursor `{life.title}` {when.get(leak, 'is not closed on every path')}, and blocks its connection",
        path=tuple(leak_steps(life, leak)),
        fix=fix_leak(life, leak),
        notes=("another query fails, or drops the rows that are not read",),
        subject=life.title,
    )
