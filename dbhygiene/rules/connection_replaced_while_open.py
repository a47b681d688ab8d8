"""Connection whose only variable is reassigned while the connection is still open.

Only the last connection can still be closed, not the earlier ones. This is common in loops that try several servers:

```python
import MySQLdb

def connect(hosts, options):
    for host in hosts:
        conn = MySQLdb.connect(host=host, **options)  # HYG105
        conn.ping()
    return conn
```

```python
import psycopg

def copy(source, target):
    conn = psycopg.connect(source)  # HYG105
    rows = conn.execute("select * from t").fetchall()
    conn = psycopg.connect(target)
    try:
        conn.cursor().executemany("insert into t values (%s)", rows)
    finally:
        conn.close()
```

A loop that stops at the first connection, or closes it before the next one, is fine:

```python
import MySQLdb

def connect(hosts, options):
    for host in hosts:
        try:
            conn = MySQLdb.connect(host=host, **options)
        except MySQLdb.Error:
            continue
        break
    return conn

def each(hosts, options):
    for host in hosts:
        conn = MySQLdb.connect(host=host, **options)
        try:
            conn.ping()
        finally:
            conn.close()
```

If the set-up of a new connection fails, the connection is usually dead already. Such a finding needs
`min-confidence = "possible"`:

```python possible
import time
import psycopg2

def connect(dsn):
    while True:
        try:
            conn = psycopg2.connect(dsn)  # HYG105
            conn.set_client_encoding("UTF8")
            break
        except psycopg2.Error:
            time.sleep(1)
    conn.cursor().execute("delete from sessions")
    return conn
```

A method that connects again replaces the connection in its field. A reconnect after `OperationalError` or
`InterfaceError` is not reported: usually, the old connection is lost already. After other errors, the old connection is
still open:

```python
import pymysql

class Orders:
    def __init__(self, **options):
        self.options = options
        self.connect()

    def connect(self):
        self.conn = pymysql.connect(**self.options)  # HYG105

    def rows(self, sql):
        try:
            with self.conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.Error:
            self.connect()
            raise

    def close(self):
        self.conn.close()
```

```python
import pymysql

class Orders:
    def __init__(self, **options):
        self.options = options
        self.connect()

    def connect(self):
        self.conn = pymysql.connect(**self.options)

    def rows(self, sql):
        try:
            with self.conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except (pymysql.OperationalError, pymysql.InterfaceError):
            self.connect()
            raise

    def close(self):
        self.conn.close()
```

## Fix safety

There is no fix: dbhygiene cannot tell whether the loop should stop, or close the connection first.

## References

- [MySQL: Too many connections](https://dev.mysql.com/doc/refman/8.4/en/too-many-connections.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Impact, NoFix, rule
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.lifetimes import Leak, Lifetime
from dbhygiene.lifetimes.messages import consequence, consequence_of, opening_steps
from dbhygiene.source.file import File, statement_around


@rule("HYG105", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    where = life.replacement
    if where is None and life.resource.kind == "connection":
        yield from _report_field(file, life)
    if not _is_lost(life) or not isinstance(where, (ast.stmt, ast.expr)):
        return
    notes = [*consequence_of(life), *life.runs.notes(file)]
    is_likely = life.is_surely_replaced and not life.is_replaced_after_set_up
    if life.may_be_kept_open:
        first, *others = _similar_losses(life)
        if life.birth is not first.birth:
            return
        notes += _note_of(file, others)
    yield Diagnostic(
        life.birth,
        f"connection `{life.title}` is replaced while it is open, and can no longer be closed",
        path=(
            *opening_steps(life, where),
            (where, f"`{life.replaced_variable}` is reassigned while the old connection is open"),
        ),
        fix=NoFix("cannot tell which one to keep; close the old connection before this line, or do not open another"),
        confidence=life.confidence if is_likely else Confidence.POSSIBLE,
        notes=tuple(notes),
        subject=life.title,
        impact=life.runs.impact,
    )


def _is_lost(life: Lifetime) -> bool:
    return life.resource.kind == "connection" and life.replacement is not None and life.non_closing_with is None


def _similar_losses(life: Lifetime) -> list[Lifetime]:
    """Return the connections that a variable of a notebook loses: a cell that connects again is often copied."""
    every = (Lifetime(life.analysis, site, resource) for site, resource in life.analysis.own_resources)
    alike = [each for each in every if _is_lost(each) and each.title == life.title]
    return sorted(alike, key=lambda each: (each.birth.lineno, each.birth.col_offset))


def _note_of(file: File, others: Sequence[Lifetime]) -> Iterator[str]:
    if others:
        places = ", ".join(file.line_label(each.birth.lineno) for each in others)
        yield f"the connections of {places} are lost in the same way"


def _report_field(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    """Yield the same for a field, or a global variable, that a function sets while it holds an open connection."""
    statement = statement_around(file, life.birth)
    if not isinstance(statement, ast.Assign) or not any(_is_kept(life, each) for each in statement.targets):
        return
    from dbhygiene.lifetimes.request_contexts import kept_in_module  # few connections are stored in fields
    from dbhygiene.recovery.replaced_fields import replaced_field

    if life.leak not in {None, Leak.RAISED}:
        return  # another rule reports it
    found = replaced_field(
        file, life.birth, stays_open=life.stays_open, runs_again=lambda: life.runs.impact is Impact.REPEATED
    )
    if found is not None and kept_in_module(life) is None:  # else likewise
        yield Diagnostic(
            life.birth,
            f"`{found.title}` is replaced where it may be open: the old connection can no longer be closed",
            path=found.path,
            fix=NoFix(
                "cannot tell whether it is open; close the old connection before this line, and ignore an error of"
                " `close`"
            ),
            confidence=Confidence.LIKELY,
            notes=tuple(consequence(life.resource, life.pool)),
            subject=found.title,
        )


def _is_kept(life: Lifetime, target: ast.expr) -> bool:
    return isinstance(target, (ast.Attribute, ast.Subscript)) or (
        isinstance(target, ast.Name) and target.id in life.scope.globals
    )
