"""Connection that is closed inside a transaction: the rows written so far are lost, often without an error.

Closing the connection rolls back the open transaction. `close_old_connections()` also closes a connection that is in a
transaction. If no query follows, the block ends without an exception, and its writes are silently lost. Locks
(`select_for_update`), temporary tables and session variables are lost, too.

```python
from django.db import connection, transaction
from shop.models import Order

def import_orders(rows):
    with transaction.atomic():
        for row in rows:
            Order.objects.create(**row)
            connection.close()  # HYG303: rolls back the transaction

@transaction.atomic
def archive():
    Order.objects.filter(old=True).delete()
    connection.close()  # HYG303
```

A function that closes the connection must not be called there, either:

```python
from django.db import close_old_connections, connection, transaction
from shop.models import Order


def fresh():
    close_old_connections()


def fresh_if_possible():
    if not connection.in_atomic_block:
        connection.close()


@transaction.atomic
def place():
    Order.objects.create()
    fresh_if_possible()
    fresh()  # HYG303: `django.db.close_old_connections()` rolls back
```

Use a guard, or close the connection before or after the transaction:

```python
from django.db import close_old_connections, connection, transaction
from shop.models import Order

def import_orders(rows):
    close_old_connections()
    with transaction.atomic():
        for row in rows:
            Order.objects.create(**row)
        if not connection.in_atomic_block:
            connection.close()
    connection.close()
```

## Fix safety

There is no fix: dbhygiene cannot tell whether to close the connection before or after the transaction.

## References

- [Django: database transactions](https://docs.djangoproject.com/en/stable/topics/db/transactions/)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.gaps.close_calls import closes_first, closing_function, is_guarded
from dbhygiene.program.atomic import atomic_around
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located, last_name


@rule("HYG303", on=ast.Call, imports={"atomic"}, within="django")
def check(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    if (atomic := atomic_around(file, call)) is None or is_guarded(file, call):
        return
    closer = closing_function(file, call)
    inner = closes_first(file, call) if closer is None else None
    if inner is not None:
        closer = closing_function(*inner)
    if closer is None:
        return
    path: list[tuple[Located, str] | Step] = [(atomic, "the transaction begins")]
    if inner is None:
        path.append((call, "closes the connection of the transaction"))
    else:
        owner, close = inner
        path.append((call, f"calls `{last_name(call.func)}`"))
        path.append(Step(owner.path, owner.span(close), "closes the connection of the transaction"))
    yield Diagnostic(
        call,
        f"`{closer}()` rolls back the transaction around it: its writes are lost",
        path=tuple(path),
        fix=NoFix("cannot tell which is right; close the connection before or after the transaction"),
        subject=closer,
    )
