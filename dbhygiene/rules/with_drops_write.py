"""Write that is lost at the end of `with connection:`, because this driver closes the connection without a commit.

Old versions of the MySQL drivers committed at the end of the block and left the connection open. Newer versions close
it, which rolls back uncommitted changes: the rows are lost, without an error.

```python
import pymysql

def add(options, name):
    with pymysql.connect(**options) as conn:
        conn.cursor().execute("insert into names values (%s)", (name,))

def add_for_sure(host, name):
    with pymysql.connect(host=host) as conn:
        with conn.cursor() as cursor:
            cursor.execute("insert into names values (%s)", (name,))  # HYG104
```

```python fixed unsafe
import pymysql

def add(options, name):
    with pymysql.connect(**options) as conn:
        conn.cursor().execute("insert into names values (%s)", (name,))

def add_for_sure(host, name):
    with pymysql.connect(host=host) as conn:
        with conn.cursor() as cursor:
            cursor.execute("insert into names values (%s)", (name,))
        conn.commit()
```

(The first function is not reported: `options` may turn autocommit on. dbhygiene reads the options in a dict of which it
sees all items.)

```python
import pymysql

SERVER = {"host": "db", "user": "shop"}

def add(name):
    with pymysql.connect(**SERVER) as conn:
        with conn.cursor() as cursor:
            cursor.execute("insert into names values (%s)", (name,))  # HYG104

def add_at_once(name):
    with pymysql.connect(**SERVER, autocommit=True) as conn:
        with conn.cursor() as cursor:
            cursor.execute("insert into names values (%s)", (name,))
```

Reading loses nothing, and other drivers commit:

```python
import mysql.connector
import psycopg

def count(host):
    with mysql.connector.connect(host=host) as conn:
        cursor = conn.cursor()
        cursor.execute("select count(*) from names")
        return cursor.fetchone()

def add(dsn, name):
    with psycopg.connect(dsn) as conn:
        conn.execute("insert into names values (%s)", (name,))

def add_too(host, name):
    with mysql.connector.connect(host=host) as conn:
        conn.cursor().execute("insert into names values (%s)", (name,))
        conn.commit()
```

Nor is anything lost on a server without transactions, such as ProxySQL's admin interface or ClickHouse. dbhygiene
recognizes such a server by its port or by the statements:

```python
import pymysql

def connect(host):
    return pymysql.connect(host=host, port=6032, user="admin")

def add_backend(options, name):
    with pymysql.connect(host=options.host, user="admin") as conn:
        with conn.cursor() as cursor:
            cursor.execute(f"INSERT INTO mysql_servers(hostgroup_id, hostname) VALUES (1, '{name}')")
            cursor.execute("load mysql servers to runtime")
            cursor.execute("SAVE MYSQL SERVERS TO DISK")

def set_user(host, name):
    with connect(host) as conn:
        conn.cursor().execute("update global_variables set variable_value = %s", (name,))

def add_visit(page):
    with pymysql.connect(host="db", port=9004) as conn:
        conn.cursor().execute("insert into visits values (%s)", (page,))

def add_column(host):
    with pymysql.connect(host=host, port=3306) as conn:
        conn.cursor().execute("insert into names (mysql_users) values (%s)", (host,))  # HYG104
```

## Fix safety

Unsafe: a `commit()` at the end of the block stores rows that have not been stored so far. That is probably intended,
but it changes the contents of the database.

## References

- [PEP 249, `Connection.commit`](https://peps.python.org/pep-0249/#commit)
- [PyMySQL's changelog, 1.0](https://github.com/PyMySQL/PyMySQL/blob/main/CHANGELOG.md)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Lifetime
from dbhygiene.lifetimes.dropped_writes import DroppedWrite, find_dropped_write
from dbhygiene.source.file import File


@rule("HYG104", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    if life.resource.kind == "connection" and (dropped := find_dropped_write(life)) is not None:
        yield Diagnostic(
            dropped.call,
            f"this write is lost: `with` closes {life.resource.a_title} without a commit",
            path=(
                (dropped.item.context_expr, "opened for this `with`"),
                (dropped.call, "written here"),
                (dropped.item.context_expr, "closed at the end of the `with`, without a commit"),
            ),
            fix=_commit(file, life, dropped),
            notes=("closing a connection rolls back writes that were not committed",),
            subject=life.title,
        )


def _commit(file: File, life: Lifetime, dropped: DroppedWrite) -> Fix | NoFix:
    name = dropped.item.optional_vars or dropped.item.context_expr
    last = dropped.block.body[-1]
    if not isinstance(name, ast.Name):
        return NoFix(
            "the block has no variable for it; give the connection a name by `as`, and commit at the end of the block"
        )
    if isinstance(last, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
        return NoFix("the block ends with `return`, `raise`, `continue` or `break`; commit before the end of the block")
    from dbhygiene.diagnostics.edits import InsertAfter  # most files need none

    commit = f"await {name.id}.commit()" if life.resource.is_async else f"{name.id}.commit()"
    return Fix("Commit at the end of the block", (InsertAfter(file.span(last), commit),), Safety.UNSAFE)
