"""Thread that queries the database through Django, and ends without closing its connection.

Django opens a connection for each thread, and closes connections only when a request begins or ends. The connection of
a thread that you start stays open, even after `join()`, until it is garbage-collected. Until then it counts against
`max_connections` and `max_user_connections`, and MySQL may refuse further connections with error 1040, 1203 or 1226.

```python
import threading

from shop.models import Order


def count(state):
    print(state, Order.objects.filter(state=state).count())


def count_all():
    for state in ("new", "sent", "late"):
        threading.Thread(target=count, args=(state,)).start()  # HYG307: `count` queries the database
```

If several calls in a file start the same function in a thread, only the first call is reported: one `close` in this
function is enough for all.

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

Nothing is reported for a pool that lives as long as the process, if the job calls `close_old_connections()` and
`CONN_MAX_AGE` is a number. The threads of such a pool are few, and do not end. Each keeps a persistent connection, as
the threads of a server do between two requests.

The threads of an event loop keep their connections, too: those of `asyncio.to_thread`, `run_in_executor`, and
`sync_to_async` with `thread_sensitive=False`.

```python
import asyncio

from asgiref.sync import sync_to_async
from shop.models import Order


def count(state):
    return Order.objects.filter(state=state).count()


async def count_late(request):
    return await asyncio.to_thread(count, "late")  # HYG307


async def count_new(request):
    return await sync_to_async(count)("new")
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

If the thread queries only in functions with `functools.cache` or `lru_cache`, which it calls with constants, a finding
is only *possible*: only the first thread of the process queries the database.

```python
from functools import lru_cache
from threading import Thread

from shop.models import Order, Setting


@lru_cache(maxsize=64)
def setting(name):
    return Setting.objects.get(name=name).value


def send(number):
    print(setting("sender"), number)


def send_all(request, numbers):
    for number in numbers:
        Thread(target=send, args=(number,)).start()


def read(name):
    print(setting(name))


def read_all(request, names):
    for name in names:
        Thread(target=read, args=(name,)).start()  # HYG307
```

## Fix safety

The fix is a suggestion, shown but never applied: other code may call the function within a transaction.

## References

- [Django: caveats about connections](https://docs.djangoproject.com/en/stable/ref/databases/#caveats)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import WrapInTry
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, Step, rule
from dbhygiene.diagnostics.quantities import number_text
from dbhygiene.gaps.django_settings import age_of_connections
from dbhygiene.gaps.django_use import may_use_django
from dbhygiene.gaps.gap_fixes import close_statement
from dbhygiene.gaps.servers import is_sqlite_only
from dbhygiene.gaps.threads import Thread, UnclosedThreads, checks_age, queries_once, query_of, unclosed_threads
from dbhygiene.library.prefilter import THREADING
from dbhygiene.library.test_files import is_test_file
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located


@rule("HYG307", on=File, imports=THREADING, within="django")
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file) or not may_use_django(file):
        return
    unclosed = unclosed_threads(file)
    if not unclosed or is_sqlite_only(file):
        return
    for each in unclosed:
        names = " or ".join(f"`{thread.function.name}`" for thread in each.threads[:3])
        yield Diagnostic(
            each.calls[0],
            f"the thread's connection stays open: {names} queries the database and does not close it",
            path=tuple(_steps(each)),
            fix=_fix(file, each.threads),
            confidence=Confidence.POSSIBLE if all(map(queries_once, each.threads)) else Confidence.LIKELY,
            notes=tuple(_notes(each, names)),
            subject=each.threads[0].function.name,
        )


def _steps(unclosed: UnclosedThreads) -> Iterator[tuple[Located, str] | Step]:
    """Yield the function of the thread, and where it queries the database; of several functions, the first."""
    thread = unclosed.threads[0]
    yield unclosed.calls[0], f"runs `{thread.function.name}` in a thread"
    if (query := query_of(thread)) is not None:
        yield Step(query.file.path, query.file.span(query.node), query.words)


def _notes(unclosed: UnclosedThreads, names: str) -> Iterator[str]:
    ages = (age_of_connections(thread.file) for thread in unclosed.threads if checks_age(thread))
    age = next(ages, None)
    if age is not None:
        lives = "None" if age == float("inf") else number_text(age)
        yield f"`close_old_connections()` keeps the connection, as CONN_MAX_AGE is {lives}"
    if others := [str(call.lineno) for call in unclosed.calls[1:]]:
        one = len(others) == 1
        lines = f"line {others[0]} also runs" if one else f"lines {', '.join(others[:-1])} and {others[-1]} also run"
        yield f"{lines} {names} in a thread"


def _fix(file: File, kept: tuple[Thread, ...]) -> Fix | NoFix:
    for thread in kept:
        if thread.file is not file:
            return NoFix(f"it is defined in another file; close the connection at the end of `{thread.function.name}`")
    bodies = [thread.function.body for thread in kept]
    wraps = (WrapInTry(file.span(body[0]), file.span(body[-1]), "finally", close_statement(file)) for body in bodies)
    return Fix("Close the thread's connection", tuple(wraps), Safety.SHOWN)
