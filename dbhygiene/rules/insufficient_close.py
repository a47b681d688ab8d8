"""Connection that is still open during a wait, although there is code to close it.

The code tries to close the connection before the wait, but this has no effect. Three cases are common.

First, Django's `close_old_connections()` does not close every connection. It closes each

- that is older than `CONN_MAX_AGE`: with the default of 0, always;
- on which a query has failed, and which no longer works: this is why it helps after an error;
- that is in a transaction, whose writes are then lost (`close-inside-atomic`).

It keeps all others. If `CONN_HEALTH_CHECKS` is on (Django 4.1 and newer), the next query then tests the connection, and
opens a new one if it is lost.

```python
import time
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from shop.models import Order

DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": 600}}


class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            Order.objects.filter(late=True).delete()
            close_old_connections()
            time.sleep(400)  # HYG302: CONN_MAX_AGE is 600
```

```python fixed
import time
from django.core.management.base import BaseCommand
from django.db import close_old_connections, connection
from shop.models import Order

DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": 600}}


class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            Order.objects.filter(late=True).delete()
            close_old_connections()
            if not connection.in_atomic_block:
                connection.close()
            time.sleep(400)
```

Second, a `close` at the end of a `try` is not reached if a statement before it raises:

```python
import time
from django.db import connection
from shop.models import Order

def work(log):
    while True:
        try:
            Order.objects.update(seen=True)
            connection.close()
        except ValueError:
            log.exception("failed")
        time.sleep(600)  # HYG302: an exception skips
```

Third, a decorator closes the connection before and after the function, but the function waits in between:

```python
import functools
import subprocess
from celery import shared_task
from django.db import connections
from shop.models import Order

def fresh(function):
    @functools.wraps(function)
    def wrapper(*args):
        connections.close_all()
        try:
            return function(*args)
        finally:
            connections.close_all()
    return wrapper

@shared_task
@fresh
def render(pk):
    order = Order.objects.get(pk=pk)
    subprocess.run(["render", order.path])  # HYG302: does not close it while the function runs
    order.save()
```

Outside of a transaction, `connection.close()` is always enough, `close_old_connections()` only if `CONN_MAX_AGE` is 0
or `CONN_HEALTH_CHECKS` is on. If these settings are unknown, `close_old_connections()` is not reported.

```python
import time
from django.db import close_old_connections
from shop.models import Order

DATABASES = {
    "default": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
}

def work():
    while True:
        Order.objects.update(seen=True)
        close_old_connections()
        time.sleep(600)
```

## Fix safety

As with `stale-connection-after-gap`: the fix closes the connection right before the statement that waits. The existing
code stays.

## References

- [Django: persistent connections](https://docs.djangoproject.com/en/stable/ref/databases/#persistent-connections)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.gaps.gap_fixes import fix_gap, waits_in_transaction
from dbhygiene.gaps.insufficient_close import insufficient
from dbhygiene.gaps.messages import confidence, entry_notes, gap_steps, server_closes
from dbhygiene.gaps.search import Gap
from dbhygiene.source.file import File


@rule("HYG302", on=Gap, imports={"django", "models", "objects", ".save(", "connection"}, within="django")
def check(file: File, gap: Gap) -> Iterator[Diagnostic]:
    found = insufficient(gap)
    if found is None or waits_in_transaction(gap):
        return
    yield Diagnostic(
        gap.place,
        f"{server_closes(confidence(gap))} the connection: {found.origin.words}",
        path=tuple(gap_steps(gap, found)),
        fix=fix_gap(gap),
        confidence=confidence(gap),
        notes=tuple(entry_notes(gap)),
        subject="connection",
    )
