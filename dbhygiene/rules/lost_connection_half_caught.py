"""Handler that recovers from some of the errors that a lost connection gives, and not from the others.

The error depends on why the connection was lost: it was idle for too long, or was killed on the server. Later uses of
the connection may give yet another one. A handler that leaves one of them out fails in that case.

If the server is still down, the `connect()` in the handler below fails, too. From then on, PyMySQL raises
`InterfaceError: (0, '')` for each use of the old connection, even when the server is back:

```python
import pymysql

class Orders:
    def __init__(self, **options):
        self.options = options
        self.connect()

    def connect(self):
        self.conn = pymysql.connect(**self.options)

    def query(self, sql):
        try:
            cursor = self.conn.cursor()
            cursor.execute(sql)
        except (AttributeError, pymysql.OperationalError):  # HYG406: InterfaceError
            self.connect()
            cursor = self.conn.cursor()
            cursor.execute(sql)
        return cursor
```

MySQLdb raises OperationalError each time, so the same handler is right:

```python
import MySQLdb

class Orders:
    def __init__(self, **options):
        self.options = options
        self.connect()

    def connect(self):
        self.conn = MySQLdb.connect(**self.options)

    def query(self, sql):
        try:
            cursor = self.conn.cursor()
            cursor.execute(sql)
        except (AttributeError, MySQLdb.OperationalError):
            self.connect()
            cursor = self.conn.cursor()
            cursor.execute(sql)
        return cursor
```

After a long idle time, the error is 2006, or 4031 with MySQL 8.0.24 or later; after a `KILL`, it is 2013:

```python
import MySQLdb

def query(conn, connect, sql):
    try:
        return conn.cursor().execute(sql)
    except MySQLdb.OperationalError as error:
        if error.args[0] not in (2006,):  # HYG406: 2013
            raise
        return connect().cursor().execute(sql)
```

```python fixed unsafe
import MySQLdb

def query(conn, connect, sql):
    try:
        return conn.cursor().execute(sql)
    except MySQLdb.OperationalError as error:
        if error.args[0] not in (2006, 2013, 4031):
            raise
        return connect().cursor().execute(sql)
```

For a lost connection, `pgcode` of psycopg2 is often None:

```python
import psycopg2
from psycopg2 import errorcodes

def query(conn, connect, sql):
    try:
        return conn.cursor().execute(sql)
    except psycopg2.OperationalError as error:
        if error.pgcode in (errorcodes.ADMIN_SHUTDOWN, errorcodes.CONNECTION_FAILURE):  # HYG406: may be None
            return connect().cursor().execute(sql)
        raise
```

## Fix safety

The fix adds the missing class, or the missing numbers and 4031, to those that the handler names. It is unsafe: a
program may handle only one of them on purpose. After 2013, for example, a repeated write may run twice
(`write-may-run-twice`). If your handler repeats the write only after 2006 for that reason, silence this rule there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.edits import Replace, verbatim
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.prefilter import DATABASES, RECOVERING
from dbhygiene.recovery.half_caught import HalfCaught, half_caught
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located


@rule("HYG406", on=File, imports=DATABASES, also=RECOVERING)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in half_caught(file):
        at = found.at if not isinstance(found.at, ast.ExceptHandler) else found.at.type or found.at
        is_test = found.handler is not None and found.at is not found.handler
        steps: list[tuple[Located, str]] = []
        if is_test and found.handler:
            steps.append((found.handler, "catches the error of a lost connection"))
        if found.reopens is not None:
            steps.append(found.reopens)
        yield Diagnostic(at, found.message, path=tuple(steps), fix=_repair(file, found), confidence=found.confidence)


def _repair(file: File, found: HalfCaught) -> Fix | NoFix:
    """Add the missing class or number to the literal."""
    if found.comparison is not None:
        literal = found.comparison.literal
        if (
            isinstance(literal, ast.Tuple)
            and literal.elts
            and all(isinstance(each, ast.Constant) for each in literal.elts)
        ):
            numbers = [file.segment(each) for each in literal.elts] + [str(number) for number in found.add_numbers]
            return Fix(
                f"Test for {_listed(found.add_numbers)}, too",
                (Replace(file.span(literal), f"({', '.join(numbers)})"),),
                Safety.UNSAFE,
            )
    if found.add_class and found.handler is not None and found.handler.type is not None:
        names = found.handler.type
        parts = names.elts if isinstance(names, ast.Tuple) else [names]
        known = next((part for part in parts if isinstance(part, ast.Attribute) and part.attr.endswith("Error")), None)
        if known is not None:
            added = f"{file.segment(known.value)}.{found.add_class}"
            code = f"({', '.join([*map(file.segment, parts), added])})"
            return Fix(f"Catch {found.add_class}, too", (Replace(file.span(names), verbatim(code)),), Safety.UNSAFE)
    if found.comparison is not None:
        return NoFix(f"the numbers are not in one tuple; test for {_listed(found.add_numbers)}, too")
    if found.add_class:
        return NoFix(f"cannot tell how to import it here; catch {found.add_class}, too")
    return NoFix(f"the rest of the test must change with it; {found.advice}")


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers[:-1])) + " and " * (len(numbers) > 1) + str(numbers[-1])
