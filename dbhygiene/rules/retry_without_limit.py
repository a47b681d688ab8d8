"""Retry without a limit and without a pause, after an error that may last.

`OperationalError` is not only the error of a lost connection. It is also a wrong password (1045), an unknown column
(1054), a server that is down for an hour (2003), or too many connections (1040). If such an error lasts, a program that
tries again and again without a pause keeps a processor and the server busy. A function that calls itself ends with
RecursionError instead.

```python
import MySQLdb

class Orders:
    def __init__(self, **options):
        self.options = options
        self.connect()

    def connect(self):
        self.conn = MySQLdb.connect(**self.options)

    def count(self):
        try:
            cursor = self.conn.cursor()
            cursor.execute("select count(*) from orders")
            return cursor.fetchone()[0]
        except MySQLdb.OperationalError:
            self.connect()
            return self.count()  # HYG408: `count` calls itself

    def newest(self):
        while True:  # HYG408: this loop tries again
            try:
                cursor = self.conn.cursor()
                cursor.execute("select max(id) from orders")
                return cursor.fetchone()[0]
            except MySQLdb.OperationalError:
                self.connect()
```

A limit, or a pause that grows:

```python
import time
import MySQLdb

class Orders:
    def __init__(self, **options):
        self.options = options
        self.connect()

    def connect(self):
        self.conn = MySQLdb.connect(**self.options)

    def count(self, tries=3):
        try:
            cursor = self.conn.cursor()
            cursor.execute("select count(*) from orders")
            return cursor.fetchone()[0]
        except MySQLdb.OperationalError:
            if not tries:
                raise
            self.connect()
            return self.count(tries - 1)

    def newest(self):
        pause = 1
        while True:
            try:
                cursor = self.conn.cursor()
                cursor.execute("select max(id) from orders")
                return cursor.fetchone()[0]
            except MySQLdb.OperationalError:
                time.sleep(pause)
                pause = min(2 * pause, 60)
                self.connect()
```

tenacity, retry and retrying have neither a limit nor a pause by default:

```python
import MySQLdb
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

@retry(retry=retry_if_exception_type(MySQLdb.OperationalError))  # HYG408: `@retry` calls `connect` again
def connect():
    return MySQLdb.connect(db="shop")

@retry(
    retry=retry_if_exception_type(MySQLdb.OperationalError),
    stop=stop_after_attempt(5),
    wait=wait_exponential(),
    reraise=True,
)
def connect_or_raise():
    return MySQLdb.connect(db="shop")
```

The rule is off by default: some services wait for their server without a limit on purpose.

## Fix safety

There is no fix: the number of attempts depends on the program.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.library.prefilter import DATABASES, RECOVERING
from dbhygiene.recovery.endless import endless_retries
from dbhygiene.source.file import File


@rule("HYG408", on=File, imports=DATABASES, also=RECOVERING, default=False)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in endless_retries(file):
        handler = found.handler
        yield Diagnostic(
            found.at,
            f"{found.what} after each error, without pause or limit, even if the error lasts",
            path=((handler, "catches the error of each attempt"),) if handler is not None else (),
            fix=NoFix("cannot tell how many attempts are right; count the attempts, and sleep between them"),
            confidence=Confidence.LIKELY,
        )
