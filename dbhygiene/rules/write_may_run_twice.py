"""Write that a retry runs again although the server may have committed it.

Error 2013 says that the connection was lost while the program waited for an answer. It does not say whether the server
ran the statement: if only the answer is lost, the rows are stored. A retry then adds them again, without an error. This
holds for `commit()`, and for each statement of a connection that commits by itself.

```python
import time
import pymysql

def store(options, total):
    for last in (False, False, True):
        conn = pymysql.connect(**options)
        try:
            with conn.cursor() as cursor:
                cursor.execute("insert into orders (total) values (%s)", (total,))  # HYG410
            conn.commit()
            return
        except pymysql.OperationalError:
            if last:
                raise
            time.sleep(1)
        finally:
            conn.close()
```

Give each order a key before the first attempt, with a unique index in the table. The second `INSERT` of the same key
then does nothing:

```python
import time
import uuid
import pymysql

def store(options, total):
    request = str(uuid.uuid4())
    for last in (False, False, True):
        conn = pymysql.connect(**options)
        try:
            with conn.cursor() as cursor:
                cursor.execute(
                    "insert ignore into orders (request, total) values (%s, %s)", (request, total)
                )
            conn.commit()
            return
        except pymysql.OperationalError:
            if last:
                raise
            time.sleep(1)
        finally:
            conn.close()
```

After error 2006, the server has not received the whole statement. A handler that repeats only after 2006 cannot write
twice. If each attempt opens its own connection, as here, `lost-connection-half-caught` (HYG406) does not demand that
the handler names 2013. If the connection is kept, silence that rule there.

```python
import pymysql

def count(options, name):
    for last in (False, True):
        conn = pymysql.connect(**options, autocommit=True)
        try:
            with conn.cursor() as cursor:
                cursor.execute("update users set visits = visits + 1 where name = %s", (name,))  # HYG410
            return
        except pymysql.OperationalError:
            if last:
                raise
        finally:
            conn.close()

def count_once(options, name):
    for last in (False, True):
        conn = pymysql.connect(**options, autocommit=True)
        try:
            with conn.cursor() as cursor:
                cursor.execute("update users set visits = visits + 1 where name = %s", (name,))
            return
        except pymysql.OperationalError as error:
            if last or error.args[0] != 2006:
                raise
        finally:
            conn.close()
```

In SQLAlchemy and Django, the answer to the commit at the end of a block may be lost, too. Look for the row first, or
let a unique key refuse the second one:

```python
from django.db import OperationalError, models, transaction

class Order(models.Model):
    request = models.UUIDField(unique=True)
    total = models.IntegerField()

def store(total):
    for last in (False, True):
        try:
            with transaction.atomic():
                Order.objects.create(total=total)  # HYG410
            return
        except OperationalError:
            if last:
                raise

def store_once(request, total):
    for last in (False, True):
        try:
            with transaction.atomic():
                Order.objects.get_or_create(request=request, defaults={"total": total})
            return
        except OperationalError:
            if last:
                raise
```

Nothing is reported if the statement is not known, if the name of a column says that it is a key (`id`, `uuid`,
`token`), or if the function reads before it writes, or handles `IntegrityError`.

The rule is off by default: a lost answer is rare, almost every retry of a write can store it twice, and a second row
does no harm in many tables.

## Fix safety

There is no fix: dbhygiene cannot tell which rows are the same.

## References

- [MySQL: Lost connection to MySQL server](https://dev.mysql.com/doc/refman/8.4/en/error-lost-connection.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.library.prefilter import DATABASES, RECOVERING
from dbhygiene.recovery.written_twice import written_twice
from dbhygiene.source.file import File
from dbhygiene.source.nodes import short_name


@rule("HYG410", on=File, imports=DATABASES, also=RECOVERING, default=False)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in written_twice(file):
        yield Diagnostic(
            found.write,
            "if only the server's answer is lost, the write is done, and the retry repeats it",
            path=found.path,
            fix=NoFix(
                "cannot tell which rows are the same; insert with a unique key, or look for the row before the retry"
            ),
            confidence=Confidence.LIKELY,
            subject=short_name(found.write.func),
        )
