"""Connection that is used again after a wait that the server does not survive.

A management command asks the database, then sleeps, asks a person, waits for a queue or for another program, and
asks the database again. Meanwhile the server has closed the idle connection (`wait_timeout`), and the next query
raises `OperationalError: (2006, 'Server has gone away')`. Django never reconnects by itself in a command, whatever
`CONN_MAX_AGE` and `CONN_HEALTH_CHECKS` say: those are looked at when a request begins and ends.

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

A gap is measured against the server's timeout: `server-timeout` in `[tool.dbhygiene]`, 300 s where it is not
configured. A finding is *certain* where the gap lasts at least as long; without `server-timeout`, where it lasts
28800 s, MySQL's own default, and *likely* from 300 s on. It is *likely*, too, where nothing bounds the gap and it is
of a kind that takes minutes: a person, a queue, another program, a long job, a sleep in a loop that can go round
without a query. One HTTP request, and sleeps of one to five minutes, are *possible*, and reported on request. Work on
much data, with pandas say, or the training of a model, counts where `[tool.dbhygiene.gaps]` says how long it takes:
`pandas = "unbounded"`.

```python
from django.core.management.base import BaseCommand
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        late = Order.objects.filter(late=True)
        self.stdout.write(f"{late.count()} orders are late.")
        if self.confirmed():  # HYG301: a person is asked
            late.delete()

    def confirmed(self):
        return input("Delete them? ") == "yes"
```

Nothing is said where the connection is closed before the gap or after it, where no query comes before or after it,
where every round of a polling loop asks, or where all of the project's databases are SQLite files. PostgreSQL and
others close no idle connection by themselves: where settings, requirements or `databases` name only such a server,
findings need a `server-timeout`. `dbhygiene doctor` says which server is assumed, and why.

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

Safe: Django opens a new connection for the next query, in a millisecond. The connection is closed right before the
statement that waits, so that the server's slot is free meanwhile; where a function is called that asks and then waits,
right after that call. The guard, `if not connection.in_atomic_block`, keeps a caller's transaction whole, and the
tests of the project: each test of a `TestCase` runs within a transaction, and closing the connection there makes the
next query fail, on MySQL, PostgreSQL and SQLite files. `close_old_connections()` would fail there in the same way, and
does not close a connection that `CONN_MAX_AGE` keeps. Only a script's top level, which no test calls, needs no guard.
There is no fix in a loop over `.iterator()`, the function's own or a caller's, nor where a cursor, a lock or a
temporary table may still be in use. There is none, either, where a forked process may wait before its own first query:
it would close its parent's connection (`close-after-fork`). A wait within a transaction is another fault:
`gap-inside-atomic`.

## References

- [Django: persistent connections](https://docs.djangoproject.com/en/stable/ref/databases/#persistent-connections)
- [MySQL: server has gone away](https://dev.mysql.com/doc/refman/8.4/en/gone-away.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.gaps import Gap
from dbhygiene.gaps.insufficient import insufficient
from dbhygiene.gaps.repair import repair, waits_in_transaction
from dbhygiene.gaps.story import confidence, notes, steps
from dbhygiene.model import Report, rule
from dbhygiene.source import File


@rule("HYG301", on=Gap, imports={"django", "models", "objects", ".save(", "connection"}, within="django")
def check(file: File, gap: Gap) -> Iterator[Report]:
    if waits_in_transaction(gap) or insufficient(gap):
        return  # `gap-inside-atomic`, `insufficient-close`
    yield Report(
        gap.place,
        f"the connection lies idle while {gap.kind.value} ({gap.seconds}), and is used again afterwards",
        path=tuple(steps(gap)),
        fix=repair(gap),
        confidence=confidence(gap),
        notes=tuple(notes(gap)),
        subject="connection",
    )
