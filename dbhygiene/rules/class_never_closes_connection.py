"""Class that keeps a connection in a field which nothing ever closes.

Each object holds a session of the server for as long as it lives, and nobody can tell it to let go:

```python
import pymysql

class Spider:
    def __init__(self, options):
        self.connection = pymysql.connect(**options)  # HYG106
        self.cursor = self.connection.cursor()

    def store(self, item):
        self.cursor.execute("insert into items values (%s)", (item,))
        self.connection.commit()
```

A method that only commits, or only forgets the connection, does not close it:

```python
import MySQLdb

class Client:
    def connect(self, options):
        self.connection = MySQLdb.connect(**options)  # HYG106

    def disconnect(self):
        self.connection.commit()
        del self.connection
```

Nor is a connection closed that is opened in the body of a class. As there is one for the whole program, this is
reported with `min-confidence = "possible"` only, and so is a class of which a program makes one object when it starts:

```python possible
import sqlite3

class Pipeline:
    conn = sqlite3.connect("items.db")  # HYG106

    def process_item(self, item, spider):
        self.conn.execute("insert into items values (?)", (item,))
        return item
```

It is enough that any method closes it, under whatever name, in a base class or from outside; and where the connection
is handed to something that may close it, or the class has a base that is not known, nothing is said:

```python
import pymysql

class Store:
    def __init__(self, options):
        self.conn = pymysql.connect(**options)

    def fertig(self):
        self.conn.close()

class Lender:
    def __init__(self, options, pool):
        self.conn = pymysql.connect(**options)
        pool.register(self.conn)
```

## Fix safety

There is no fix: who is to close it, and when, is for the author to say. A `close` method with `__enter__` and
`__exit__` that call it is what most classes want.

## References

- [MySQL: Too many connections](https://dev.mysql.com/doc/refman/8.4/en/too-many-connections.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Field
from dbhygiene.lifetimes.story import consequence
from dbhygiene.model import Impact, NoFix, Report, rule
from dbhygiene.settings import Confidence
from dbhygiene.source import File


@rule("HYG106", on=Field, imports=DRIVERS)
def check(file: File, field: Field) -> Iterator[Report]:
    if (
        field.resource.kind != "connection"
        or field.resource.is_pooled
        or field.resource.is_object
        or field.birth is None
        or not field.never_closed()
    ):
        return
    cls = field.cls.node
    name = field.name if field.is_of_class else f"self.{field.name}"
    from dbhygiene.lifetimes.impact import runs  # few classes never close one

    how_often = runs(file, field.birth, by_exception=False)
    costs = not (field.resource.costs_nothing or field.is_of_one_object())
    yield Report(
        field.birth,
        f"connection `{name}` is never closed, neither by `{cls.name}` nor from outside",
        path=((field.birth, "opened here, and kept by the object"),),
        fix=NoFix("who is to close it, and when, is for the author to say"),
        confidence=Confidence.LIKELY if costs and how_often.impact is not Impact.ONCE else Confidence.POSSIBLE,
        notes=(*consequence(field.resource), *how_often.notes),
        subject=name,
        impact=how_often.impact,
    )
