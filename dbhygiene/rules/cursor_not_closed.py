"""Unbuffered cursor that is not closed: the rows that nobody reads block its connection.

An unbuffered cursor reads its rows from the server one by one. Until the last one is read, or the cursor closed, the
connection can do nothing else, and the server keeps the result: PyMySQL answers the next query with
`Previous unbuffered result was left incomplete`, MySQLdb with error 2014, `Commands out of sync`.

A server that cannot get rid of its rows waits for `net_write_timeout`, a minute; then it gives the connection up, and
the next query meets error 2013.

This rule is off by default; select it by name or code.

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

In a `with`, or closed in a `finally`, it lets go on every way. Buffered cursors have read all rows already:

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

Safe: the cursor is closed after the last statement that reads from it, in a `with` block or a `finally`. The rows that
are left are thrown away then; they would be when the cursor is collected as garbage, or at the next query. There is no
fix where the cursor is handed on, or has several names.

## References

- [PyMySQL: SSCursor](https://pymysql.readthedocs.io/en/latest/modules/cursors.html#pymysql.cursors.SSCursor)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.lifetimes import Leak, Lifetime
from dbhygiene.lifetimes.repair import repair
from dbhygiene.lifetimes.story import steps
from dbhygiene.model import Report, rule
from dbhygiene.source import File


@rule("HYG108", on=Lifetime, imports={"SSCursor", "SSDictCursor"}, default=False)
def check(file: File, life: Lifetime) -> Iterator[Report]:
    if life.resource.kind != "cursor" or (leak := life.leak) is None:
        return
    when = {Leak.NEVER_CLOSED: "is never closed", Leak.RAISED: "is not closed if a call in between raises"}
    yield Report(
        life.birth,
        f"unbuffered cursor `{life.title}` {when.get(leak, 'is not closed on every path')},"
        " and blocks its connection until all rows are read",
        path=tuple(steps(life, leak)),
        fix=repair(life, leak),
        subject=life.title,
    )
