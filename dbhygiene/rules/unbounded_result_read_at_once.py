"""All rows of a table that grows, read at once in code that runs again and again.

The table is small at first. With each row, the query takes longer, and the program needs more memory. Some day a limit
ends the query: `read_timeout` of the driver, `net_write_timeout` of the server, a proxy, or the memory. With MySQL this
is often error 2013, `Lost connection to MySQL server during query`.

```python
import pymysql
from flask import Flask

app = Flask(__name__)

@app.route("/report")
def report():
    conn = pymysql.connect(host="db", database="shop")
    try:
        with conn.cursor() as cursor:
            cursor.execute("SELECT id, total FROM orders")
            rows = cursor.fetchall()  # HYG414: all rows of `orders`
    finally:
        conn.close()
    return {"total": sum(total for _, total in rows)}
```

Let the server compute what can be computed there:

```python
import pymysql
from flask import Flask

app = Flask(__name__)

@app.route("/report")
def report():
    conn = pymysql.connect(host="db", database="shop")
    try:
        with conn.cursor() as cursor:
            cursor.execute("SELECT SUM(total) FROM orders")
            return {"total": cursor.fetchall()[0][0]}
    finally:
        conn.close()
```

If each row is needed, read chunks by the primary key. This works with every driver. Each query is short, no old row is
skipped, no row is read twice, and the connection may be replaced between two chunks:

```python
import pymysql

CHUNK = "SELECT id, total FROM orders WHERE id > %s ORDER BY id LIMIT 1000"

def read_orders(conn):
    last = 0
    while True:
        with conn.cursor() as cursor:
            cursor.execute(CHUNK, (last,))
            rows = cursor.fetchall()
        if not rows:
            return
        yield from rows
        last = rows[-1][0]
```

SQLAlchemy and Django build the same query:

```python
from celery import shared_task
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from shop.models import Order

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)

@shared_task
def export():
    with Session(engine) as session:
        for order in session.scalars(select(Order)).all():  # HYG414
            print(order.total)

@shared_task
def export_in_chunks():
    last = 0
    with Session(engine) as session:
        while orders := session.scalars(select(Order).where(Order.id > last).order_by(Order.id).limit(1000)).all():
            for order in orders:
                print(order.total)
            last = orders[-1].id
```

A cursor that reads row by row needs little memory, too. It keeps one long query open, so the work on each row must be
quick: if the program reads nothing for `net_write_timeout` (60 s), MySQL ends the query with error 2013.

| library | reads row by row | reads all rows before it returns the first |
|---|---|---|
| PyMySQL, mysqlclient, aiomysql, asyncmy | `SSCursor`, `SSDictCursor` | the other cursors, `fetchmany` included |
| MySQL Connector/Python | the plain cursor, with `fetchmany(1000)` | `cursor(buffered=True)`, `fetchall` |
| psycopg2, psycopg | `conn.cursor(name="rows")`, with `fetchmany(1000)` | a cursor without a name |
| asyncpg | `conn.cursor(statement)` in a transaction | `fetch` |
| SQLAlchemy | `yield_per(1000)`; of a statement, `execution_options(yield_per=1000)` | `all()`, `fetchall()` |
| Django on PostgreSQL | `.iterator()` | a loop over a queryset |
| Django on MySQL | nothing: read chunks by key | `.iterator()`, too |

With the `mariadb` driver, read chunks by key: `cursor(buffered=False)` may end too early, without an error.

The rule reports tables that grow with the use of the program. It recognizes them by their names (orders, users,
messages, logs), by a foreign key to such a table, or by an INSERT in the program. It reports neither tables whose names
say that they stay small (settings, migrations, kinds, countries) nor rows that a cache keeps. It is off by default: it
does not know how many rows a table has.

## Fix safety

There is no fix: chunks need a key, and the code that uses the rows must work on a part of them.

## References

- [Error 2013](../errors/2013-lost-connection.md)
- [SQLAlchemy: fetching large result sets](https://docs.sqlalchemy.org/en/20/orm/queryguide/api.html#orm-queryguide-yield-per)
- [Django: iterator()](https://docs.djangoproject.com/en/stable/ref/models/querysets/#iterator)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.gaps.servers import verdict
from dbhygiene.library import drivers
from dbhygiene.pools.dialect_evidence import suggests_mysql
from dbhygiene.recovery.errors import DJANGO, SQLALCHEMY
from dbhygiene.recovery.whole_reads import WholeRead, whole_reads
from dbhygiene.source.file import File
from dbhygiene.source.nodes import last_name

_IN_PARTS = {SQLALCHEMY: "yield_per(1000)", DJANGO: ".iterator()"}


@rule("HYG414", on=File, imports={"fetchall", ".fetch(", ".all()", ".objects", "query", "select("}, default=False)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in whole_reads(file):
        asked = () if found.query is found.read else ((found.query, f"reads all rows of `{found.table}`"),)
        yield Diagnostic(
            found.read,
            f"all rows of `{found.table}` are read at once, again and again",
            path=(*found.runs.steps, *asked, (found.read, "reads all rows into memory before it returns the first")),
            fix=NoFix(f"the code that uses the rows must change, too; read chunks by key{_or_in_parts(file, found)}"),
            confidence=Confidence.LIKELY,
            notes=(*found.runs.notes(file), *_notes(file, found)),
            subject=found.table,
            impact=found.runs.impact,
        )


def _or_in_parts(file: File, found: WholeRead) -> str:
    """Return what else reads row by row with the library of a read, as the end of a sentence."""
    driver = drivers.driver(found.library.partition(".")[0]) if found.library else None
    code = driver.reads_in_parts if driver is not None else _IN_PARTS.get(found.library, "")
    if not code or (found.library == DJANGO and verdict(file).server != "postgresql"):
        return ""
    return f", or row by row with `{code}`"


def _notes(file: File, found: WholeRead) -> Iterator[str]:
    ends = "error 2013 or a lack of memory" if suggests_mysql(file) else "a timeout or a lack of memory"
    yield f"the result grows with the table, until {ends} ends the query"
    if found.library == DJANGO and suggests_mysql(file):
        yield "`.iterator()` does not help on MySQL: Django reads all rows before the loop begins"
    if found.sent is not None:
        name, line = last_name(found.sent.func), found.sent.lineno
        smaller = "pass `batch_size`" if name == "bulk_create" else "send fewer at a time"
        fails = "it fails if it exceeds `max_allowed_packet`"
        yield f"`{name}` (line {line}) sends all rows in one statement, and {fails}: {smaller}"
