"""Thread that queries the database through Django, and ends without closing its connection.

Django opens a connection for each thread, and closes connections only at the end of a request. The connection of a
thread stays open, even after `join()`, until it is garbage-collected. Until then it counts against `max_connections`
and `max_user_connections`, and MySQL may refuse further connections with error 1226 or 1040.

```python
import threading

from shop.models import Order


def count(state):
    print(state, Order.objects.filter(state=state).count())


def count_all():
    for state in ("new", "sent", "late"):
        threading.Thread(target=count, args=(state,)).start()  # HYG307: `count` queries the database
```

Each thread of a pool keeps its connection until the pool is shut down and garbage-collected. In a long-lived pool, the
server may have closed the connection before the next job.

```python
from concurrent.futures import ThreadPoolExecutor

from shop.models import Order


def count(state):
    return Order.objects.filter(state=state).count()


def count_all():
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(count, ("new", "sent", "late")))  # HYG307
```

Nothing is reported if the thread closes its connection, or if it lives as long as the process: in an endless loop, or
until an event is set.

```python
import threading
import time

from django.db import connection
from shop.models import Order


def count(state):
    try:
        print(state, Order.objects.filter(state=state).count())
    finally:
        connection.close()


def watch():
    while True:
        print(Order.objects.count())
        time.sleep(9)


threading.Thread(target=count, args=("new",)).start()
threading.Thread(target=watch, daemon=True).start()
```

## Fix safety

The fix is only shown, never applied: other code may call the function within a transaction.

## References

- [Django: caveats about connections](https://docs.djangoproject.com/en/stable/ref/databases/#caveats)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import WrapInTry
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, Step, rule
from dbhygiene.gaps.gap_fixes import closing_in
from dbhygiene.gaps.servers import is_sqlite_only
from dbhygiene.gaps.threads import Thread, keeps_connection, query_of, threads
from dbhygiene.library.test_files import is_test_file
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Function, Located


@rule("HYG307", on=ast.Call, imports={"threading", "ThreadPool"}, within="django")
def check(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    for thread in threads(file, call):
        function = thread.function
        if is_test_file(file) or is_sqlite_only(file) or not keeps_connection(thread):
            continue
        own = thread.file is file
        yield Diagnostic(
            call,
            f"the thread's connection stays open: `{function.name}` queries the database and does not close it",
            path=tuple(_steps(call, thread)),
            fix=_fix(file, function)
            if own
            else NoFix(f"`{function.name}` is defined in another file; close the connection there"),
            confidence=Confidence.LIKELY,
            subject=function.name,
        )


def _steps(call: ast.Call, thread: Thread) -> Iterator[tuple[Located, str] | Step]:
    yield call, f"runs `{thread.function.name}` in a thread"
    if (query := query_of(thread)) is not None:
        yield Step(query.file.path, query.file.span(query.node), query.words)


def _fix(file: File, function: Function) -> Fix:
    first, last = function.body[0], function.body[-1]
    wrap = WrapInTry(file.span(first), file.span(last), "finally", closing_in(file))
    return Fix("Close the thread's connection", (wrap,), Safety.SHOWN)
