"""Connection to MySQL that is used again after it was idle for longer than the server's timeout.

MySQL and MariaDB close a connection that has been idle for `wait_timeout` seconds: 28800 by default, often 300 with
hosted servers. The driver notices only at the next query, which fails with error 2006 ("MySQL server has gone away"),
2013 or 4031. This happens to a program that sleeps for an hour between two queries. The wait is compared with the
server's timeout; if that is unknown, with 300 s.

```python
import time
import pymysql

def watch(url, read):
    conn = pymysql.connect(host="db", user="shop")
    try:
        while True:
            with conn.cursor() as cursor:
                cursor.execute("insert into prices values (%s)", (read(url),))
            conn.commit()
            time.sleep(3600)  # HYG110: 60 min
    finally:
        conn.close()
```

```python fixed
import time
import pymysql

def watch(url, read):
    conn = pymysql.connect(host="db", user="shop")
    try:
        while True:
            with conn.cursor() as cursor:
                cursor.execute("insert into prices values (%s)", (read(url),))
            conn.commit()
            time.sleep(3600)
            conn.ping(reconnect=True)
    finally:
        conn.close()
```

The wait may be in a called function, and the connection in a field or in a variable of the module:

```python
import time
import MySQLdb

class Collector:
    def __init__(self):
        self.conn = MySQLdb.connect(host="db")

    def store(self, value):
        cursor = self.conn.cursor()
        cursor.execute("insert into sums values (%s)", (value,))
        cursor.close()

    def rest(self):
        time.sleep(15 * 60)

    def run(self, values):
        for value in values:
            self.store(value)
            self.rest()  # HYG110

    def close(self):
        self.conn.close()
```

A connection that a module keeps for its requests or events is idle between them, for example overnight:

```python
import pymysql
from flask import Flask

app = Flask(__name__)
db = pymysql.connect(host="db", user="shop")  # HYG110: between two calls of `orders`

@app.route("/orders")
def orders():
    with db.cursor() as cursor:
        cursor.execute("select count(*) from orders")
        return str(cursor.fetchone()[0])
```

The same holds between two runs of a job of APScheduler or `schedule`, unless another job uses the connection more
often. It also holds for a connection in the cache of a function:

```python
import mysql.connector
import streamlit as st

@st.cache_resource
def connection():
    return mysql.connector.connect(**st.secrets["mysql"])  # HYG110: between two runs

cursor = connection().cursor()
cursor.execute("select name from orders limit 9")
st.write(cursor.fetchall())
```

For a connection that a notebook keeps for its next cells, the finding is only *possible*: the code does not show how
long it is idle.

Nothing is reported if each round opens its own connection, if the connection is tested before use, or if the waits are
short:

```python
import time
import pymysql

def connect():
    return pymysql.connect(host="db")

def each_round(work):
    while True:
        conn = connect()
        try:
            conn.cursor().execute(work)
        finally:
            conn.close()
        time.sleep(3600)

def tested(work):
    conn = connect()
    try:
        while True:
            conn.ping(reconnect=True)
            conn.cursor().execute(work)
            time.sleep(3600)
    finally:
        conn.close()

def polls(work):
    conn = connect()
    try:
        while True:
            conn.cursor().execute(work)
            time.sleep(5)
    finally:
        conn.close()
```

## Fix safety

Safe for PyMySQL and mysql.connector: their `ping(reconnect=True)` reconnects if needed. PyMySQL 1.2 deprecates the
argument, but still reconnects. There is no fix if a transaction may be open during the wait: after the ping, the
program would commit only the rest of it, without an error (HYG403). There is no fix for asynchronous drivers, nor for
MySQLdb, which deprecates its reconnection. Nor is there one if the function that waits has no variable for the
connection, if a called function waits and then queries, or if a module keeps the connection for its requests.

## References

- [MySQL: server has gone away](https://dev.mysql.com/doc/refman/8.4/en/gone-away.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, rule
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.library.server_calls import PINGS, may_wait
from dbhygiene.lifetimes import Lifetime
from dbhygiene.source.file import File, function_around, statement_around

if TYPE_CHECKING:
    from dbhygiene.gaps.explicit import ExplicitGap


@rule("HYG110", on=Lifetime, imports=DRIVERS)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    if life.resource.kind != "connection" or life.resource.server != "mysql":
        return
    if file.is_interactive:
        yield from _between_cells(file, life)
    from dbhygiene.lifetimes.value_users import is_kept_by_cache, may_be_shared, outlives_function

    waits = may_wait(file)
    if not (waits or outlives_function(life) or may_be_shared(life) or is_kept_by_cache(life) or _is_in_field(life)):
        return
    from dbhygiene.gaps.messages import gap_notes, gap_steps  # most programs need neither

    elsewhere = 0
    for gap in sorted(_gaps(life, waits=waits), key=lambda gap: -gap.confidence):
        if gap.between_calls and life.resource.clashing == "tasks":
            continue  # several events use it at once, which is worse: HYG211
        if gap.between_calls and life.resource.is_object:
            continue  # the field of the object is reported
        outside = gap.between_calls or gap.file is not file
        elsewhere += gap.file is not file
        if outside and elsewhere > 1:
            continue  # one finding at the opening says enough
        yield Diagnostic(
            life.birth if outside else gap.wait.node,
            _message(gap),
            path=(*(((life.birth, "opened once and kept"),) if gap.between_calls else ()), *gap_steps(gap)),
            fix=_repair(gap),
            confidence=gap.confidence,
            notes=tuple(gap_notes(gap)),
            subject=gap.title,
        )


def _is_in_field(life: Lifetime) -> bool:
    """Whether a connection is assigned to a field or an element, not to a plain variable."""
    around = life.file.parents.get(life.birth)
    around = life.file.parents.get(around) if isinstance(around, ast.Await) else around
    return isinstance(around, ast.Assign) and not any(isinstance(each, ast.Name) for each in around.targets)


def _between_cells(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    """Yield the idle time of a connection between two cells, whose length only the user of the notebook knows."""
    from dbhygiene.gaps.between_cells import gap_between_cells  # most files are no notebooks

    if (gap := gap_between_cells(life)) is not None:
        yield Diagnostic(
            life.birth,
            f"the server may close `{life.title}` between two cells",
            path=((gap.before, "used here"), (gap.after, "used again, in another cell")),
            fix=NoFix("cannot tell how long the connection is idle; test the connection before this query"),
            confidence=Confidence.POSSIBLE,
            subject=life.title,
        )


def _gaps(life: Lifetime, *, waits: bool) -> list[ExplicitGap]:
    from dbhygiene.gaps.explicit import explicit_gaps, gap_between_events

    found = explicit_gaps(life) if waits else []
    if not any(gap.between_calls for gap in found) and (gap := gap_between_events(life)) is not None:
        found.append(gap)
    return found


def _message(gap: ExplicitGap) -> str:
    from dbhygiene.gaps.messages import describe_duration, server_closes

    when = f"while {gap.kind.value} ({describe_duration(gap)})"
    if gap.between_calls:
        where = "" if gap.wait.file is gap.life.file else f" in {gap.wait.file.relative_name}"
        when = f"between {gap.between_calls}{where}"
    return f"{server_closes(gap.confidence)} `{gap.title}` {when}"


def _repair(gap: ExplicitGap) -> Fix | NoFix:
    """Let the driver test the connection after the wait, where it can be named there."""
    life, file = gap.life, gap.file
    if gap.between_calls:
        return NoFix("cannot tell which is right; open a connection in each call, or test it before each use")
    if life.resource.package not in PINGS:
        return NoFix("this driver has no supported call that reconnects; open a new connection after the wait")
    if life.resource.is_async:
        return NoFix("the connection is asynchronous; open a new connection after the wait")
    statement = statement_around(file, gap.wait.node)
    code = function_around(file, gap.wait.node) or file.tree
    if not isinstance(statement, ast.Expr) or code is not life.code or gap.variable is None:
        return NoFix("the function that waits has no variable for it; open a new connection after the wait")
    if gap.next_query.node in ast.walk(statement):
        return NoFix("the wait and the next query are in a called function; test the connection there, after the wait")
    from dbhygiene.diagnostics.edits import InsertAfter  # most files need none
    from dbhygiene.recovery.pending_writes import may_be_pending

    if may_be_pending(file, code, gap.variable, gap.wait.node):
        return NoFix(
            "a transaction may be open during the wait; commit before the wait, and test the connection after the wait"
        )
    return Fix(
        "Reconnect after the wait if needed",
        (InsertAfter(file.span(statement), f"{gap.variable}.{PINGS[life.resource.package]}"),),
    )
