"""`ping()` that raises an error if the connection is lost, and does not open it again.

`ping()` of MySQLdb and of mysql.connector raises an error if the connection is lost. It does not connect again.
PyMySQL's `ping()` connects again up to version 1.1, but not from 1.2 on. A program that calls it "to keep the
connection alive" fails at this line instead of the next one.

```python
import MySQLdb

class Orders:
    def __init__(self):
        self.conn = MySQLdb.connect(host="db")

    def count(self):
        self.conn.ping()  # HYG402: does not reconnect
        cursor = self.conn.cursor()
        cursor.execute("select count(*) from orders")
        return cursor.fetchone()[0]
```

mysql.connector and PyMySQL reconnect if the program asks for it:

```python
import mysql.connector

class Orders:
    def __init__(self):
        self.conn = mysql.connector.connect(host="db")

    def newest(self):
        self.conn.ping()  # HYG402
        cursor = self.conn.cursor()
        cursor.execute("select max(id) from orders")
        return cursor.fetchone()[0]
```

```python fixed unsafe
import mysql.connector

class Orders:
    def __init__(self):
        self.conn = mysql.connector.connect(host="db")

    def newest(self):
        self.conn.ping(reconnect=True)
        cursor = self.conn.cursor()
        cursor.execute("select max(id) from orders")
        return cursor.fetchone()[0]
```

In a handler, neither Django's `ensure_connection()` nor an engine's `dispose()` replaces a dead connection that the
program still holds:

```python
from django.db import OperationalError, connection

def count():
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from orders")
        return cursor.fetchone()[0]

def count_again():
    try:
        return count()
    except OperationalError:
        connection.ensure_connection()  # HYG402: still holds the dead connection
        return count()
```

With MySQLdb, open a new connection if the ping fails:

```python
import MySQLdb

class Orders:
    def __init__(self):
        self.conn = MySQLdb.connect(host="db")

    def count(self):
        try:
            self.conn.ping()
        except MySQLdb.OperationalError:
            self.conn = MySQLdb.connect(host="db")
        cursor = self.conn.cursor()
        cursor.execute("select count(*) from orders")
        return cursor.fetchone()[0]
```

For PyMySQL, the finding is only *possible* unless the requirements of the project name version 1.2 or newer.

## Fix safety

The fix writes `ping(reconnect=True)`, for PyMySQL and mysql.connector. PyMySQL 1.2 deprecates the argument, but still
reconnects. The fix is unsafe: within a transaction, what was written before is lost without an error (HYG403).
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.edits import Replace, verbatim
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.prefilter import DATABASES, REOPENING
from dbhygiene.recovery.pings import UselessPing, useless_pings
from dbhygiene.source.file import File


@rule("HYG402", on=File, imports=DATABASES, also=REOPENING)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in useless_pings(file):
        yield Diagnostic(
            found.call,
            found.message,
            path=((found.again, "queries the same connection again"),) if found.again is not None else (),
            fix=_repair(file, found),
            confidence=found.confidence,
        )


def _repair(file: File, found: UselessPing) -> Fix | NoFix:
    if not found.can_reconnect:
        return NoFix(f"{found.refusal}; {found.advice}")
    called = verbatim(file.segment(found.call.func))
    edit = Replace(file.span(found.call), f"{called}(reconnect=True)")
    return Fix("Reconnect if needed", (edit,), Safety.UNSAFE)
