"""Handler that recognizes a lost connection by the text of the error.

The text comes from the client library. Oracle's says "MySQL server has gone away" and "Lost connection to MySQL server
during query", MariaDB's "Server has gone away" and "Lost connection to server during query". mysqlclient is built with
one of the two libraries, on Debian with MariaDB's. The number is the same in both.

```python
import MySQLdb

def query(conn, connect, sql):
    try:
        return conn.cursor().execute(sql)
    except MySQLdb.OperationalError as error:
        if "MySQL server has gone away" in str(error) or "Lost connection to MySQL server" in str(error):  # HYG405
            return connect().cursor().execute(sql)
        raise
```

```python
import MySQLdb

def query(conn, connect, sql):
    try:
        return conn.cursor().execute(sql)
    except MySQLdb.OperationalError as error:
        if error.args[0] in (2006, 2013, 4031):
            return connect().cursor().execute(sql)
        raise
```

A text with a capital letter never occurs in a lower-case text, and the empty text occurs in every text:

```python
import time
import psycopg2

def query(connect, sql):
    for attempt in range(5):
        try:
            return connect().cursor().execute(sql)
        except psycopg2.OperationalError as error:
            if attempt == 4 or "SSL connection has been closed" not in str(error).lower():  # HYG405: lower case
                raise
            time.sleep(1)
```

```python fixed unsafe
import time
import psycopg2

def query(connect, sql):
    for attempt in range(5):
        try:
            return connect().cursor().execute(sql)
        except psycopg2.OperationalError as error:
            if attempt == 4 or "ssl connection has been closed" not in str(error).lower():
                raise
            time.sleep(1)
```

## Fix safety

The fix tests the number, `error.args[0]`; with SQLAlchemy, `error.orig.args[0]`. If the handler first converts the
error's text to lower case, the fix writes the searched text in lower case, too. The fix is unsafe: the handler then
runs for errors for which it did not run before. There is no fix for an empty text, or if one expression looks for texts
of other errors, too."""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.edits import Replace
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.prefilter import DATABASES, RECOVERING
from dbhygiene.recovery.texts import TextTest, text_tests
from dbhygiene.source.file import File


@rule("HYG405", on=File, imports=DATABASES, also=RECOVERING)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in text_tests(file):
        steps = ((found.handler, "catches the error of a lost connection"),)
        yield Diagnostic(
            found.at,
            found.message,
            path=steps,
            fix=_repair(file, found),
            confidence=found.confidence,
        )


def _repair(file: File, found: TextTest) -> Fix | NoFix:
    if found.replaced is None or not found.code:
        return NoFix(f"{found.refusal}; {found.advice}")
    title = "Test the number" if "(2006" in found.code else "Write it in lower case"
    return Fix(title, (Replace(file.span(found.replaced), found.code),), Safety.UNSAFE)
