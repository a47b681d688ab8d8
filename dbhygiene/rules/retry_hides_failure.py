"""Retry whose last failure the caller does not see: it gets None, or an exception of another kind.

If the last attempt fails, too, the loop ends and the function goes on. A function that ends without `return` returns
None: the caller fails later, at another place, or takes None for the result. A bare `raise` after the loop has no
exception to raise: it becomes `RuntimeError: No active exception to reraise`, which no caller expects.

```python
import time
import pymysql

def fetch(connect, sql):
    for _ in range(3):  # HYG407: returns None
        try:
            conn = connect()
            with conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.OperationalError as error:
            print("once more:", error)
            time.sleep(1)

def fetch_or_raise(connect, sql):
    for _ in range(3):
        try:
            conn = connect()
            with conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.OperationalError:
            time.sleep(1)
    raise  # HYG407: RuntimeError
```

Raise the last error in the handler, or keep it and raise it after the loop:

```python
import time
import pymysql

def fetch(connect, sql):
    for attempt in range(3):
        try:
            conn = connect()
            with conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.OperationalError:
            if attempt == 2:
                raise
            time.sleep(1)

def fetch_or_raise(connect, sql):
    last = None
    for _ in range(3):
        try:
            conn = connect()
            with conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.OperationalError as error:
            last = error
            time.sleep(1)
    raise last
```

If the loop counts its rounds, the fix adds a `raise`:

```python
import time
import pymysql

def fetch(connect, sql):
    for attempt in range(3):  # HYG407: returns None
        try:
            conn = connect()
            with conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.OperationalError:
            time.sleep(1)
```

```python fixed unsafe
import time
import pymysql

def fetch(connect, sql):
    for attempt in range(3):
        try:
            conn = connect()
            with conn.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.OperationalError:
            if attempt == 2:
                raise
            time.sleep(1)
```

A handler without a retry can hide a failure, too. If a `commit()` fails and the handler only rolls back, the caller
believes that it was done. If a query fails and the handler returns None, the caller believes that there is no such row:

```python
import logging
import pymysql
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

def store(session: Session, order):
    session.add(order)
    try:
        session.commit()  # HYG407: the rows are lost
    except OperationalError:
        session.rollback()

def price(config, number):
    try:
        conn = pymysql.connect(**config)
        with conn.cursor() as cursor:
            cursor.execute("select price from items where id = %s", (number,))
            row = cursor.fetchone()
        conn.close()
        if row is None:
            return None
        return row[0]
    except pymysql.OperationalError:  # HYG407: as if there were no rows
        logging.exception("no price")
```

## Fix safety

The fix for a loop such as `for attempt in range(3)` raises the error of the last attempt. It is unsafe: some callers
may rely on None. There is no fix for other loops, for a loop variable that is called `_`, or for a bare `raise`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import InsertAfter, InsertBefore
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.prefilter import DATABASES, HIDING
from dbhygiene.recovery.attempts import logs
from dbhygiene.recovery.hidden import HiddenFailure, hidden_failures
from dbhygiene.recovery.swallowed import swallowed_errors
from dbhygiene.source.file import File
from dbhygiene.source.nodes import last_name


@rule("HYG407", on=File, imports=DATABASES, also=HIDING)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in hidden_failures(file):
        steps = (found.handler, "catches the error of each attempt, and goes on")
        if found.raised is not None:
            yield Diagnostic(
                found.raised,
                "this `raise` has no exception to raise: after the last attempt, the caller gets a RuntimeError",
                path=(steps, (found.raised, "runs after the handler has ended")),
                fix=NoFix("the handler must change, too; keep the last error in a variable, and raise that"),
            )
        else:
            yield Diagnostic(
                found.loop,
                f"`{found.function}` returns None when the last attempt fails: its caller does not see the error",
                path=(steps,),
                fix=_repair(file, found),
                confidence=Confidence.LIKELY,
            )

    for hides in swallowed_errors(file):
        yield Diagnostic(
            hides.at,
            hides.message,
            path=((hides.handler, "catches the error, and goes on"),)
            if hides.at not in ast.walk(hides.handler)
            else (),
            fix=NoFix(f"cannot tell what the callers expect; {hides.advice}"),
            confidence=Confidence.LIKELY,
        )


def _repair(file: File, found: HiddenFailure) -> Fix | NoFix:
    """Raise in the last round, where its number is known."""
    match found.loop:
        case ast.For(
            target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))])
        ):
            if name != "_" and count > 0:
                code = f"if {name} == {count - 1}:\n    raise"
                body = found.handler.body
                acting = next((each for each in body if not _logs(each)), None)  # the last error is logged, too
                edit = (
                    InsertAfter(file.span(body[-1]), code) if acting is None else InsertBefore(file.span(acting), code)
                )
                return Fix("Raise the error in the last round", (edit,), Safety.UNSAFE)
    return NoFix("cannot tell which attempt is the last; raise the error in the last attempt, or after the loop")


def _logs(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call() as call):
            return logs(call) and last_name(call.func) != "sleep"
    return False
