"""Dead connection, session or transaction that is used again after the error of a lost connection.

A retry helps only if it gets another connection. The old one stays dead: each further attempt fails, too, often with
another error than the first. MySQLdb raises 2006 again, PyMySQL raises `InterfaceError: (0, '')`, psycopg2
`connection already closed`. A session of SQLAlchemy raises `PendingRollbackError`, Django raises
`TransactionManagementError` within `atomic()`.

```python
import time
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

def names(session: Session):
    for attempt in range(3):
        try:
            return session.execute(text("select name from users")).scalars().all()  # HYG401
        except OperationalError:
            if attempt == 2:
                raise
            time.sleep(1)
```

A rollback gives the dead connection back, and the session takes another one:

```python fixed unsafe
import time
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

def names(session: Session):
    for attempt in range(3):
        try:
            return session.execute(text("select name from users")).scalars().all()
        except OperationalError:
            session.rollback()
            if attempt == 2:
                raise
            time.sleep(1)
```

A connection of a driver must be opened again, or reconnect:

```python
import time
import pymysql

class Users:
    def __init__(self):
        self.conn = pymysql.connect(host="db")

    def count(self):
        for _ in range(3):
            try:
                with self.conn.cursor() as cursor:
                    cursor.execute("select count(*) from users")  # HYG401
                    return cursor.fetchone()[0]
            except pymysql.OperationalError:
                time.sleep(1)
        raise RuntimeError("no answer")

    def newest(self):
        for _ in range(3):
            try:
                with self.conn.cursor() as cursor:
                    cursor.execute("select max(id) from users")
                    return cursor.fetchone()[0]
            except (pymysql.OperationalError, pymysql.InterfaceError):
                time.sleep(1)
                self.conn.ping(reconnect=True)
        raise RuntimeError("no answer")
```

If a decorator repeats a function, the function itself must open the connection. Here, each attempt gets the same
session:

```python
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from tenacity import retry, retry_if_exception_type, stop_after_attempt

@retry(retry=retry_if_exception_type(OperationalError), stop=stop_after_attempt(3), reraise=True)
def names(session: Session):
    return session.execute(text("select name from users")).scalars().all()  # HYG401

@retry(retry=retry_if_exception_type(OperationalError), stop=stop_after_attempt(3), reraise=True)
def count(engine):
    with Session(engine) as session:
        return session.execute(text("select count(*) from users")).scalar_one()
```

In Django, `connection.close()` in the handler lets the next query connect again. The `try` must be around `atomic()`:
the whole transaction must be repeated, not a part of it.

```python
import time
from django.db import InterfaceError, OperationalError, connection, transaction

def rename(users):
    with transaction.atomic():
        for user in users:
            for attempt in range(3):
                try:
                    with connection.cursor() as cursor:
                        cursor.execute("update users set name = %s where id = %s", user)  # HYG401
                    break
                except OperationalError:
                    time.sleep(1)

def rename_all(users):
    for attempt in range(3):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.executemany("update users set name = %s where id = %s", users)
            return
        except (OperationalError, InterfaceError):
            connection.close()
            if attempt == 2:
                raise
```

A program that only logs the error, and goes on with its next step, has the same problem:

```python
import logging
from django.db import OperationalError, models

class Order(models.Model):
    state = models.CharField(max_length=9)

def delete_old():
    try:
        Order.objects.filter(state="old").delete()
    except OperationalError:
        logging.exception("old orders are not deleted")
    Order.objects.filter(state="draft").delete()  # HYG401
```

```python fixed
import logging
from django.db import OperationalError, connection, models

class Order(models.Model):
    state = models.CharField(max_length=9)

def delete_old():
    try:
        Order.objects.filter(state="old").delete()
    except OperationalError:
        if not connection.in_atomic_block:
            connection.close()
        logging.exception("old orders are not deleted")
    Order.objects.filter(state="draft").delete()
```

After an error, `close_old_connections()` closes the dead connection, too (see `insufficient-close`):

```python
import logging
from django.db import OperationalError, close_old_connections, models

class Order(models.Model):
    state = models.CharField(max_length=9)

def delete_all():
    try:
        Order.objects.filter(state="old").delete()
    except OperationalError:
        logging.exception("old orders are not deleted")
    close_old_connections()
    Order.objects.filter(state="draft").delete()
```

## Fix safety

The fix for Django closes the connection first in the handler, unless a transaction is open. It is safe. There is none
within `atomic()`, or where a cursor, `.iterator()` or a lock would lose its connection.

The fix for a session of SQLAlchemy rolls back first in the handler. There is no fix unless the function only reads. The
fix is safe if the function makes the session, and uses it only in this `try`. It is unsafe if a caller passes the
session, and may have written with it before.

All other findings have no fix: a rollback or a new connection drops what the transaction has written. All of it must be
repeated, from its first statement.

## References

- [SQLAlchemy: dealing with disconnects](https://docs.sqlalchemy.org/en/20/core/pooling.html#dealing-with-disconnects)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.library.prefilter import DATABASES, RECOVERING
from dbhygiene.recovery.retried import dead_retries
from dbhygiene.recovery.retry_fixes import fix_retry
from dbhygiene.source.file import File


@rule("HYG401", on=File, imports=DATABASES, also=RECOVERING)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in dead_retries(file):
        yield Diagnostic(
            found.call,
            f"{found.what}, and is used again: {found.next_error}",
            path=found.path,
            fix=fix_retry(found),
            confidence=found.confidence,
            subject=found.subject,
        )
