"""Connection that a forked process closes: it is its parent's, whose session ends with it.

After a fork, both processes hold the same socket. To close a connection that was open before is to tell the server
good-bye on that socket: the parent's next query fails with error 2006 or 2013.

```python
import multiprocessing
from django.db import connections
from shop.models import Order

def work(pk):
    connections.close_all()  # HYG306: its parent's
    Order.objects.get(pk=pk).deliver()

def deliver():
    for pk in Order.objects.values_list("pk", flat=True):
        multiprocessing.Process(target=work, args=(pk,)).start()
```

```python
import os
from django.db import connection
from shop.models import Order

def deliver(order):
    if os.fork() == 0:
        connection.close()  # HYG306
        order.deliver()
        os._exit(0)
```

The functions that a pool of processes is given, its initializer, and the `run` of a subclass of `Process` begin in a
child, too:

```python
import multiprocessing
from django.db import connection
from shop.models import Order

class Worker(multiprocessing.Process):
    def run(self):
        connection.close()  # HYG306
        print(Order.objects.count())

def start():
    print(Order.objects.count())
    Worker().start()
```

Close in the parent, before the process begins: the child then finds nothing to share, and opens its own.

```python
import multiprocessing
from django.db import connections
from shop.models import Order

def work(pk):
    try:
        Order.objects.get(pk=pk).deliver()
    finally:
        connections.close_all()

def deliver():
    keys = list(Order.objects.values_list("pk", flat=True))
    connections.close_all()
    for pk in keys:
        multiprocessing.Process(target=work, args=(pk,)).start()
```

A process that is spawned, not forked, shares nothing:

```python
import multiprocessing
from django.db import connections

def work():
    connections.close_all()

def start():
    multiprocessing.get_context("spawn").Process(target=work).start()
```

From Python 3.14 on, `multiprocessing` forks only where it is told to; the rule is for what runs on older ones, too.

## Fix safety

Shown only: the connection must be closed where processes are started, which is another place.

## References

- [Python: contexts and start methods](https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods)
- [MySQL: server has gone away](https://dev.mysql.com/doc/refman/8.4/en/gone-away.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.gaps.forks import closed_in_child, fork_of
from dbhygiene.gaps.servers import is_sqlite_only
from dbhygiene.library.prefilter import CLOSING
from dbhygiene.model import NoFix, Report, rule
from dbhygiene.settings import Confidence
from dbhygiene.source import File


@rule("HYG306", on=ast.Call, imports={"fork", "Process", "Pool"}, also=CLOSING, within="django")
def check(file: File, call: ast.Call) -> Iterator[Report]:
    found = [(close, call) for owner, close in closed_in_child(file, call) if owner is file]
    if (fork := fork_of(file, call)) is not None:
        made_in, made = fork
        found.append((call, made if made_in is file else call))
    for close, where in found if found and not is_sqlite_only(file) else ():
        yield Report(
            close,
            "the connection that a forked process closes here is its parent's, whose session ends",
            path=((where, "a process is forked"),) if where is not close else (),
            fix=NoFix("the connection must be closed before the process is forked, in its parent"),
            confidence=Confidence.LIKELY,
            subject="connection",
        )
