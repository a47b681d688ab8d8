"""Check of a connection that never asks the server: it passes even if the connection is lost, or was never opened.

Many objects connect only when they are first used. In Django, `connections["default"]` returns an object, and does not
connect; `create_engine()` and `Session()` of SQLAlchemy do the same. A command that waits for the database in this way
does not wait.

```python
import time
from django.core.management.base import BaseCommand
from django.db import connections
from django.db.utils import OperationalError

class Command(BaseCommand):
    def handle(self, *args, **options):
        ready = None
        while not ready:
            try:
                ready = connections["default"]  # HYG409: does not connect
            except OperationalError:
                self.stdout.write("no database yet")
                time.sleep(1)
```

```python fixed
import time
from django.core.management.base import BaseCommand
from django.db import connections
from django.db.utils import OperationalError

class Command(BaseCommand):
    def handle(self, *args, **options):
        ready = None
        while not ready:
            try:
                connections["default"].ensure_connection()
                ready = connections["default"]
            except OperationalError:
                self.stdout.write("no database yet")
                time.sleep(1)
```

If the variable that ends the loop is set before the query, the loop ends even if the query fails:

```python
import time
from django.db import OperationalError, connections

def wait():
    conn = None
    while not conn:
        try:
            conn = connections["default"]  # HYG409: set before
            conn.cursor()
        except OperationalError:
            time.sleep(1)
```

Reading an attribute of a driver's connection does not ask the server. `closed` of psycopg2 and `open` of PyMySQL show a
loss only after a query has failed; `isolation_level` never does:

```python
import psycopg2

class Store:
    def __init__(self, dsn):
        self.dsn = dsn
        self.conn = psycopg2.connect(dsn)

    def check(self):
        try:
            self.conn.isolation_level  # HYG409
        except psycopg2.OperationalError:
            self.conn = psycopg2.connect(self.dsn)
```

Connect, or send a query:

```python
import time
import psycopg2
from django.db import OperationalError, connections

def wait():
    while True:
        try:
            connections["default"].cursor()
            return
        except OperationalError:
            time.sleep(1)

def is_alive(conn):
    try:
        conn.cursor().execute("select 1")
    except psycopg2.Error:
        return False
    return True
```

## Fix safety

The fix for `connections[...]` is safe: it connects before the assignment. It cannot be written
`ready = connections["default"].ensure_connection()`, which returns None. The other findings have no fix.

There is no fix either if the project's tests replace `ConnectionHandler.__getitem__`. With the fix, the program would
call `ensure_connection()` of the replacement, too. A test that counts the calls would fail.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.edits import InsertBefore, verbatim
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, rule
from dbhygiene.library import django
from dbhygiene.library.prefilter import CHECKING, DATABASES
from dbhygiene.program.replaced import replacements
from dbhygiene.recovery.checks import idle_checks
from dbhygiene.recovery.guards import IdleCheck
from dbhygiene.source.file import File


@rule("HYG409", on=File, imports=DATABASES, also=CHECKING)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in idle_checks(file):
        path = ((found.handler, found.caught),) if found.handler is not None else ()
        yield Diagnostic(found.node, found.message, path=path, fix=_repair(file, found), confidence=found.confidence)


def _repair(file: File, found: IdleCheck) -> Fix | NoFix:
    """Connect before the variable is assigned."""
    assignment = found.assignment
    if assignment is not None and isinstance(assignment.value, ast.Subscript):
        if file.resolve(assignment.value.value) == django.CONNECTIONS:
            if any(replacements(file, [django.CONNECTION_LOOK_UP])):
                return NoFix(
                    "the tests of this project replace `connections[...]`; connect first, and change the tests"
                )
            code = f"{verbatim(file.segment(assignment.value))}.ensure_connection()"
            return Fix("Connect first", (InsertBefore(file.span(assignment), code),))
    return NoFix("cannot tell where a query belongs; ask the server for something, such as `SELECT 1`")
