"""Transaction that stays open during a long wait: if the server closes the connection, its writes are lost.

When the server closes the idle connection, it rolls back all writes of the `transaction.atomic()` block, and the next
query raises. Even if the server's timeout is long, the locks of the written rows are held during the wait, and other
transactions wait for them.

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

A wait before or after the transaction is reported by `stale-connection-after-gap`.

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

The wait is compared with `server-timeout`, as by `stale-connection-after-gap`. PostgreSQL closes no idle connection by
default: in a project that uses it, such waits are reported only if `server-timeout`, or a file of the repository, gives
a timeout.

## Fix safety

There is no fix: closing the connection would also roll back the transaction. Wait before the transaction begins, or
after it ends.

## References

- [Django: transaction.atomic](https://docs.djangoproject.com/en/stable/topics/db/transactions/#django.db.transaction.atomic)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.gaps.gap_fixes import waits_in_transaction
from dbhygiene.gaps.messages import confidence, describe_duration, gap_notes, gap_steps
from dbhygiene.gaps.search import Gap
from dbhygiene.source.file import File


@rule("HYG308", on=Gap, imports={"atomic"}, within="django")
def check(file: File, gap: Gap) -> Iterator[Diagnostic]:
    if waits_in_transaction(gap):
        yield Diagnostic(
            gap.wait.node,
            f"the transaction stays open while {gap.kind.value} ({describe_duration(gap)})",
            path=tuple(gap_steps(gap)),
            fix=NoFix("closing the connection would roll it back; move the wait out of the transaction"),
            confidence=confidence(gap),
            notes=("the transaction holds its locks during the whole wait", *gap_notes(gap)),
            subject="transaction",
        )
