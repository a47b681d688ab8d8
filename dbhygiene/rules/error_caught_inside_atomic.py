"""Error of a write that is caught inside of `atomic()`: the transaction can no longer be committed.

Django marks the transaction for a rollback when a write of the ORM fails in it. A handler inside of the block cannot
undo that. The next query raises TransactionManagementError. If no query follows, the block ends without an error, but
its rows are not saved. On PostgreSQL the server itself refuses each further query.

```python
from django.db import IntegrityError, transaction

def store(orders):
    with transaction.atomic():
        for order in orders:
            try:
                order.save()
            except IntegrityError:  # HYG413: will be rolled back
                print("known", order)
```

An inner `atomic()` is a savepoint. An error rolls back this part alone:

```python
from django.db import IntegrityError, transaction

def store(orders):
    with transaction.atomic():
        for order in orders:
            try:
                with transaction.atomic():
                    order.save()
            except IntegrityError:
                print("known", order)
```

A savepoint does not help against a lost connection: put the `try` around the outer `atomic()`, and repeat all of it.

The rule is off by default: the error may come from a query in the `try` that only reads. After such an error, Django
does not mark the transaction for a rollback.

## Fix safety

There is no fix: an inner `atomic()` is right for some errors only.

## References

- [Django: avoid catching exceptions inside atomic](https://docs.djangoproject.com/en/stable/topics/db/transactions/#controlling-transactions-explicitly)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.recovery.atomic_errors import caught_inside
from dbhygiene.source.file import File


@rule("HYG413", on=File, imports={"atomic"}, within="django", default=False)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for found in caught_inside(file):
        yield Diagnostic(
            found.handler.type or found.handler,
            "error caught inside `atomic()`: the transaction will be rolled back",
            path=(
                (found.atomic, "the transaction begins"),
                (found.write, "marks the transaction for a rollback if it fails"),
            ),
            fix=NoFix("this is right only for some errors; put an inner `atomic()` around the write"),
            confidence=Confidence.LIKELY,
        )
