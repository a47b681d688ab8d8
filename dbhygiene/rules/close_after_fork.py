"""Connection of a parent process that a forked process closes or uses.

After a fork, both processes use the same socket. If the child closes a connection that was open before the fork, the
server ends the session, and the parent's next query fails with error 2006 or 2013.

```python
import multiprocessing
from django.db import connections
from shop.models import Order

def work(pk):
    connections.close_all()  # HYG306: its parent's connection
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

Functions that are passed to a process pool, its initializer, and the `run` method of a subclass of `Process` run in a
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

If the child uses that connection instead, two processes write to one socket. Each may read the answers to the other's
queries: "Packet sequence number wrong", "Commands out of sync", error 2013, or wrong rows.

```python
import multiprocessing
from shop.models import Order

def render(pk):
    return Order.objects.get(pk=pk).render()

def render_all():
    keys = list(Order.objects.values_list("pk", flat=True))
    with multiprocessing.Pool(4) as pool:  # HYG306: uses its parent's connection
        return pool.map(render, keys)
```

Close the connection in the parent, before the process starts. The child then opens its own connection.

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

A process that is spawned, not forked, shares no connection:

```python
import multiprocessing
from django.db import connections

def work():
    connections.close_all()

def start():
    multiprocessing.get_context("spawn").Process(target=work).start()
```

From Python 3.14 on, `multiprocessing` does not fork by default. The rule still reports such code: it may run with an
older version.

## Fix safety

There is no fix: the connection must be closed in the parent, which may be in a transaction.

## References

- [Python: contexts and start methods](https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods)
- [MySQL: server has gone away](https://dev.mysql.com/doc/refman/8.4/en/gone-away.html)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.gaps.forks import first_forks, fork_of, parent_asks_nothing, shared_connection
from dbhygiene.gaps.search import reachability_of
from dbhygiene.gaps.servers import is_sqlite_only
from dbhygiene.library.test_files import is_test_file
from dbhygiene.source.file import File


@rule("HYG306", on=ast.Call, imports={"fork", "Process", "Pool"}, within="django")
def check(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    yield from _report_close_in_child(file, call)
    yield from _report_use_in_child(file, call)


def _report_close_in_child(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    found = [(close, call, file, call) for close, fork in first_forks(file).items() if fork is call]
    if (fork_in := fork_of(file, call)) is not None:
        made_in, made = fork_in
        found.append((call, made if made_in is file else call, made_in, made))
    if not found or is_sqlite_only(file):
        return
    processes = reachability_of(file.project)
    for close, where, forks_in, fork in found:
        yield Diagnostic(
            close,
            "this forked process closes its parent's connection: the parent's next query fails",
            path=((where, "the process is forked here"),) if where is not close else (),
            fix=NoFix("the change belongs in the parent's code; close the connection in the parent, before it forks"),
            confidence=Confidence.POSSIBLE if parent_asks_nothing(processes, forks_in, fork) else Confidence.LIKELY,
            subject="connection",
        )


def _report_use_in_child(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    shared = shared_connection(file, call)
    if shared is None or is_sqlite_only(file) or is_test_file(file):
        return
    before, child = shared.before, shared.child.origin
    yield Diagnostic(
        call,
        "this forked process uses its parent's connection: each may read the answers to the other's queries",
        path=(
            (before.node, "the parent queries the database"),
            (call, "the process is forked here, with the same connection"),
            Step(child.file.path, child.file.span(child.node), "the forked process queries the database"),
        ),
        fix=NoFix("the parent may be in a transaction; call `connections.close_all()` in the parent, before it forks"),
        confidence=Confidence.LIKELY,
        subject="connection",
    )
