"""Connection that is used again after a wait in which the server may close it.

A management command queries the database, then waits: it sleeps, or waits for input, a queue or another program. Then
it queries the database again. Meanwhile the server has closed the idle connection (`wait_timeout`), and the next query
raises `OperationalError: (2006, 'Server has gone away')`. Django does not reconnect in a command by itself:
`CONN_MAX_AGE` and `CONN_HEALTH_CHECKS` apply only when a request begins or ends, or at `close_old_connections()`.

```python
import time

from django.core.management.base import BaseCommand
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            for order in Order.objects.filter(sent=False):
                order.deliver()
            time.sleep(3600)  # HYG301: the program sleeps (60 min)
```

```python fixed
import time

from django.core.management.base import BaseCommand
from django.db import connection
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            for order in Order.objects.filter(sent=False):
                order.deliver()
            if not connection.in_atomic_block:
                connection.close()
            time.sleep(3600)
```

The wait is compared with the server's timeout, the setting `server-timeout`. If neither that nor a file of the
repository gives the timeout, two numbers count: 300 s, as with many hosted servers, and MySQL's default of 28800 s:

- *certain*: the wait lasts at least as long as a timeout that is set; if none is known, 28800 s.
- *likely*: no timeout is known, and the wait lasts at least 300 s; or it is longer than the default of an image or a
  hosted server. Also a wait without a time limit that usually takes minutes: for input, a queue, another program, a
  long job, or a loop of short sleeps without a query.
- *possible*: one HTTP request, or a sleep of one to five minutes. Reported only with `min-confidence = "possible"`.

Work on much data, such as with pandas, or the training of a model, counts only if `[tool.dbhygiene.gaps]` gives its
time: `pandas = "unbounded"`.

```python
from django.core.management.base import BaseCommand
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        late = Order.objects.filter(late=True)
        self.stdout.write(f"{late.count()} orders are late.")
        if self.confirmed():  # HYG301: the program waits for input
            late.delete()

    def confirmed(self):
        return input("Delete them? ") == "yes"
```

A note names the command, thread, worker or script in which the code runs, with its file and line, such as
``runs in a Celery worker: `@shared_task`, shop/tasks.py:8``.

A function that runs at each event of a bot, a consumer or a scheduler keeps the connection of its thread until the next
event:

```python
from apscheduler.schedulers.background import BackgroundScheduler
from django.apps import AppConfig


def clean():
    from shop.models import Order

    Order.objects.filter(late=True).delete()  # HYG301: up to 24 h


class ShopConfig(AppConfig):
    def ready(self):
        scheduler = BackgroundScheduler()
        scheduler.add_job(clean, "cron", hour=3)
        scheduler.start()
```

Nothing is reported if the connection is closed before or after the wait, or if one of the two queries is missing.
Loops that query in every round with short sleeps, and projects whose databases are all SQLite files, are not reported
either. A call of Django's cache counts as a query if `CACHES` names `DatabaseCache`. PostgreSQL and others close no
idle connection by default. If Django's settings, the requirements or dbhygiene's setting `databases` name only such a
server, waits are reported only if `server-timeout`, or a file of the repository, gives a timeout. If the settings read
the database from elsewhere, such as a variable of the environment, dbhygiene looks in compose files, Dockerfiles and
the configuration of CI to see which server it is. If no file names a server, waits are only *possible* findings.
`dbhygiene doctor` prints which server is assumed, and why.

```python
import time

from django.core.management.base import BaseCommand
from django.db import connection
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        while True:
            connection.close()
            time.sleep(3600)
            Order.objects.filter(late=True).delete()

    def polls(self):
        while True:
            Order.objects.filter(late=True).delete()
            time.sleep(5)

    def asks_first(self):
        if input("Delete them? ") == "yes":
            Order.objects.filter(late=True).delete()
```

## Fix safety

Safe: Django opens a new connection for the next query, in about a millisecond. The fix closes the connection right
before the statement that waits. If this statement calls a function that queries and then waits, the fix closes the
connection after the statement. If the wait is in a `while` loop without a query, the fix closes it before the loop.

The guard `if not connection.in_atomic_block` protects the transaction of a caller, and that of a test. Each test of a
`TestCase` runs within a transaction; if the connection is closed there, the next query fails. The top level of a script
needs no guard, because no test calls it. `close_old_connections()` is no alternative: it needs the same guard, and
keeps some connections (`insufficient-close`).

There is no fix within a loop over `.iterator()`, or if a cursor, a lock or a temporary table may still be in use. Nor
is there one if a forked process may use the same connection: closing it ends the session of both processes
(`close-after-fork`). A wait within a transaction is reported by `gap-inside-atomic`.

## References

- [Django: persistent connections](https://docs.djangoproject.com/en/stable/ref/databases/#persistent-connections)
- [MySQL: server has gone away](https://dev.mysql.com/doc/refman/8.4/en/gone-away.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.gaps.gap_fixes import fix_gap, waits_in_transaction
from dbhygiene.gaps.insufficient_close import insufficient
from dbhygiene.gaps.messages import confidence, describe_duration, gap_notes, gap_steps, server_closes
from dbhygiene.gaps.search import Gap
from dbhygiene.source.file import File


@rule("HYG301", on=Gap, imports={"django", "models", "objects", ".save(", "connection"}, within="django")
def check(file: File, gap: Gap) -> Iterator[Diagnostic]:
    if waits_in_transaction(gap) or insufficient(gap):
        return  # `gap-inside-atomic`, `insufficient-close`
    yield Diagnostic(
        gap.place,
        f"{server_closes(confidence(gap))} the connection while {gap.kind.value} ({describe_duration(gap)})",
        path=tuple(gap_steps(gap)),
        fix=fix_gap(gap),
        confidence=confidence(gap),
        notes=tuple(gap_notes(gap)),
        subject="connection",
    )
