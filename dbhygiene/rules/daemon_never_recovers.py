"""Endless loop that goes on with a dead connection: after a restart of the server, each of its queries fails.

Django does not reconnect by itself: if the server has closed the connection, each query fails. A web request ends, and
Django then closes the broken connection. A loop that catches and logs the error keeps using the dead connection until
the process is restarted.

```python
import time
from django.core.management.base import BaseCommand
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:  # HYG309: goes on with a dead connection
            try:
                for order in Order.objects.filter(sent=False):
                    order.deliver()
            except Exception as error:
                self.stderr.write(str(error))
            time.sleep(5)
```

```python fixed
import time
from django.core.management.base import BaseCommand
from django.db import connection
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            try:
                for order in Order.objects.filter(sent=False):
                    order.deliver()
            except Exception as error:
                if not connection.in_atomic_block:
                    connection.close()
                self.stderr.write(str(error))
            time.sleep(5)
```

Closing the connection in every round is right, too. So is a loop that ends with the exception: the process manager
restarts the program, which opens a new connection.

```python
import time
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            close_old_connections()
            try:
                Order.objects.filter(sent=False).update(sent=True)
            except Exception as error:
                self.stderr.write(str(error))
            time.sleep(5)

    def ends(self):
        while True:
            Order.objects.filter(sent=False).update(sent=True)
            time.sleep(5)
```

The rule is off by default, because it reports every daemon that catches all errors.

## Fix safety

Safe: Django opens a new connection for the next query. The guard `if not connection.in_atomic_block` protects
an open transaction, such as the one around each test of a `TestCase`.

## References

- [Django: persistent connections](https://docs.djangoproject.com/en/stable/ref/databases/#persistent-connections)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import InsertBefore
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, rule
from dbhygiene.gaps.close_calls import runs_in_coroutine
from dbhygiene.gaps.effects import Close, Query
from dbhygiene.gaps.forked_code import ForkedCode
from dbhygiene.gaps.gap_fixes import CLOSES_PARENTS, close_outside_transaction
from dbhygiene.gaps.reachability import AgeCheck, effects_in
from dbhygiene.gaps.recovery import catches_loss
from dbhygiene.gaps.servers import is_sqlite_only
from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.atomic import atomic_around
from dbhygiene.program.endless_loops import is_endless
from dbhygiene.source.file import File, function_around


@rule("HYG309", on=ast.While, imports={"django", "models", "objects"}, within="django", default=False)
def check(file: File, loop: ast.While) -> Iterator[Diagnostic]:
    if not is_endless(file, loop) or is_test_file(file) or is_sqlite_only(file):
        return
    handler = _survives(file, loop)
    does = effects_in(file, loop) if handler else set()
    if handler is None or Query not in does or not does.isdisjoint((Close, AgeCheck)):
        return
    yield Diagnostic(
        loop,
        "the loop goes on with a dead connection: every query fails until the process is restarted",
        path=((handler, "the database error is caught here"),),
        fix=_fix(file, handler),
        confidence=Confidence.LIKELY,
        subject="connection",
    )


def _survives(file: File, loop: ast.While) -> ast.ExceptHandler | None:
    """Return the handler that keeps the loop going when a query fails."""
    for statement in loop.body:
        if isinstance(statement, ast.Try) and Query in effects_in(file, *statement.body):
            for handler in statement.handlers:
                if catches_loss(file, handler):
                    leaves = any(isinstance(part, (ast.Raise, ast.Return, ast.Break)) for part in ast.walk(handler))
                    return None if leaves else handler
    return None


def _fix(file: File, handler: ast.ExceptHandler) -> Fix | NoFix:
    if atomic_around(file, handler) is not None:
        return NoFix("the loop is inside a transaction; begin a transaction in each round")
    if ForkedCode(file.project).may_run(file, function_around(file, handler) or file.tree):
        return NoFix(CLOSES_PARENTS)
    code = close_outside_transaction(file, is_async=runs_in_coroutine(file, handler))
    return Fix("Close the dead connection", (InsertBefore(file.span(handler.body[0]), code),))
