"""Transaction that is kept open across a long wait: if the server closes the connection, its work is lost.

Whatever was written within `transaction.atomic()` before the wait is rolled back when the server closes the idle
connection, and the next query raises. Even where the server is patient, the locks of the rows written are held
meanwhile, and others wait for them.

```python
import time

from django.core.management.base import BaseCommand
from django.db import transaction
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        with transaction.atomic():
            Order.objects.update(seen=True)
            if input("Sure? ") == "yes":  # HYG308: the transaction stays open
                Order.objects.filter(late=True).delete()
```

What waits before the transaction begins, or after it has ended, is `stale-connection-after-gap`'s.

```python
import time

from django.core.management.base import BaseCommand
from django.db import transaction
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        if input("Sure? ") == "yes":
            with transaction.atomic():
                Order.objects.update(seen=True)
                Order.objects.filter(late=True).delete()
```

MySQL closes idle connections by itself. PostgreSQL does so only if it, or a proxy before it, is configured to. On a
site that uses PostgreSQL, such waits are reported only if `server-timeout` is set.

## Fix safety

There is no fix: to close the connection would lose the work just as well. Wait before the transaction begins, or end
it first.

## References

- [Django: transaction.atomic](https://docs.djangoproject.com/en/stable/topics/db/transactions/#django.db.transaction.atomic)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.gaps import Gap
from dbhygiene.gaps.repair import waits_in_transaction
from dbhygiene.gaps.story import confidence, notes, steps
from dbhygiene.model import NoFix, Report, rule
from dbhygiene.source import File


@rule("HYG308", on=Gap, imports={"atomic"}, within="django")
def check(file: File, gap: Gap) -> Iterator[Report]:
    if waits_in_transaction(gap):
        yield Report(
            gap.wait.node,
            f"the transaction stays open while {gap.kind.value} ({gap.seconds})",
            path=tuple(steps(gap)),
            fix=NoFix("the wait lies within a transaction, which closing the connection would roll back"),
            confidence=confidence(gap),
            notes=("its locks are held as long", *notes(gap)),
            subject="transaction",
        )
