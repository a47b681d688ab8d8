"""Connection that is opened again within a transaction: its first writes are lost, and the rest is committed.

A server rolls back what a lost connection has not committed. If the program then opens the connection again and goes
on, the statements that follow are a new transaction. The new transaction is committed without an error, but the first
rows are missing.

```python
import pymysql

def store(rows):
    conn = pymysql.connect(host="db", user="shop")
    try:
        with conn.cursor() as cursor:
            for row in rows:
                conn.ping(reconnect=True)  # HYG403: rows written before
                cursor.execute("insert into orders values (%s, %s)", row)
        conn.commit()
    finally:
        conn.close()
```

A method that repeats one statement does not know what was written before it. Another method then commits the rest:

```python
import MySQLdb

class Orders:
    def __init__(self, **options):
        self.options = options
        self.connect()

    def connect(self):
        self.conn = MySQLdb.connect(**self.options)

    def run(self, sql, values):
        try:
            self.conn.cursor().execute(sql, values)
        except MySQLdb.OperationalError:
            self.connect()
            self.conn.cursor().execute(sql, values)  # HYG403

    def store(self, rows):
        for row in rows:
            self.run("insert into orders values (%s, %s)", row)
        self.conn.commit()
```

A database backend for Django that connects again within `atomic()` loses the first writes, too. Each later write is
committed at once, since `connect()` turns autocommit on:

```python
from django.db import OperationalError
from django.db.backends.mysql.base import DatabaseWrapper as MySQLWrapper

class DatabaseWrapper(MySQLWrapper):
    def create_cursor(self, name=None):
        try:
            return super().create_cursor(name)
        except OperationalError:
            self.close()
            self.connect()  # HYG403
            return super().create_cursor(name)
```

A subclass of SQLAlchemy's `Query` that rolls back loses the writes of its caller:

```python
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Query

class RetryingQuery(Query):
    def __iter__(self):
        for last in (False, True):
            try:
                return super().__iter__()
            except OperationalError:
                if last:
                    raise
                self.session.rollback()  # HYG403
```

Test the connection before the transaction begins, or repeat all of it:

```python
import pymysql

def store(conn, rows):
    conn.ping(reconnect=True)
    with conn.cursor() as cursor:
        for row in rows:
            cursor.execute("insert into orders values (%s, %s)", row)
    conn.commit()

def store_one_by_one(rows):
    conn = pymysql.connect(host="db", user="shop")
    try:
        with conn.cursor() as cursor:
            for row in rows:
                conn.ping(reconnect=True)
                cursor.execute("insert into orders values (%s, %s)", row)
                conn.commit()
    finally:
        conn.close()
```

Nothing is reported if the program mentions autocommit, or tests whether it is in a transaction (`in_atomic_block`).

## Fix safety

There is no fix: dbhygiene cannot tell which statements belong together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.library.prefilter import DATABASES, REOPENING
from dbhygiene.recovery.django_reconnects import reconnects
from dbhygiene.recovery.lost_writes import LostWrite, lost_writes
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located, short_name


@rule("HYG403", on=File, imports=DATABASES, also=REOPENING)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in (*lost_writes(file), *reconnects(file)):
        yield Diagnostic(
            found.at,
            _message(found),
            path=tuple(_steps(file, found)),
            fix=NoFix(
                "cannot tell which statements belong together; begin again with the first statement of the transaction,"
                " or reconnect only between transactions"
            ),
            confidence=found.confidence,
            subject=found.title,
        )


def _message(found: LostWrite) -> str:
    if found.in_django and isinstance(found.at, ast.Call):
        called = f"{short_name(found.at.func)}()"
        return f"`{called}` may run within `atomic()`: the rows written before are lost"
    if found.in_django:
        return "within `atomic()`, the next query connects again: the rows written before are lost"
    if found.in_query:
        return "this rollback before a retry loses the session's rows that are not committed"
    if found.committed:
        return f"this retry uses a new connection: writes that `{found.committed}` has not committed yet are lost"
    return f"if `{found.title}` is opened again here, the rows written before are lost, and only the rest is committed"


def _steps(file: File, found: LostWrite) -> Iterator[tuple[Located, str] | Step]:
    if isinstance(found.written, ast.expr):
        yield found.written, "written, but not committed"
    if found.in_query:
        yield found.at, "rolled back here: what the session has flushed or added is lost"
        return
    if isinstance(found.reopened, (ast.expr, ast.stmt, ast.ExceptHandler)):
        yield found.reopened, "the connection is opened again: the server has rolled back what was not committed"
    if found.at is not found.reopened:
        yield found.at, "goes on in a new transaction"
