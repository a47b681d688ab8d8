"""Connection that is closed inside a transaction: the rows written so far are lost, often without an error.

Closing the connection rolls back the open transaction. `close_old_connections()` does the same, because it closes the
connection there, too. If no query follows, the block ends without an exception, and its writes are silently lost. Locks
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

from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.gaps.close_calls import atomic_around, is_guarded, what_closes
from dbhygiene.library.prefilter import CLOSING
from dbhygiene.source.file import File


@rule("HYG303", on=ast.Call, imports={"atomic"}, also=CLOSING, within="django")
def check(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    closer = what_closes(file, call)
    if closer is None or (atomic := atomic_around(file, call)) is None or is_guarded(file, call):
        return
    yield Diagnostic(
        call,
        f"`{closer}()` rolls back the transaction around it: its writes are lost",
        path=((atomic, "the transaction begins"), (call, "closes the connection of the transaction")),
        fix=NoFix("cannot tell which is right; close the connection before or after the transaction"),
        subject=closer,
    )
