"""`yield` of a context manager in a retry, or a retry decorator on a generator function: neither repeats anything.

A context manager must yield once. If its `yield` is in the `try` of a retry, an error of the `with` block is raised
there and caught. The loop then yields again: `RuntimeError: generator didn't stop after throw()`.

```python
from contextlib import contextmanager
import pymysql

@contextmanager
def cursor_of(connect):
    for attempt in range(3):
        try:
            conn = connect()
            with conn.cursor() as cursor:
                yield cursor  # HYG412: yield a second time
            return
        except pymysql.OperationalError:
            if attempt == 2:
                raise
```

A call of a generator function only makes a generator. Its body runs later, so that a decorator sees no error of it:

```python
import backoff
import pymysql

@backoff.on_exception(backoff.expo, pymysql.OperationalError, max_tries=3)  # HYG412: generator
def rows(connect):
    conn = connect()
    with conn.cursor() as cursor:
        cursor.execute("select id from orders")
        yield from cursor
```

Retry only what opens the connection, and yield afterwards:

```python
from contextlib import contextmanager
import pymysql

def opened(connect):
    for attempt in range(3):
        try:
            return connect()
        except pymysql.OperationalError:
            if attempt == 2:
                raise

@contextmanager
def cursor_of(connect):
    conn = opened(connect)
    try:
        with conn.cursor() as cursor:
            yield cursor
    finally:
        conn.close()
```

## Fix safety

There is no fix: the block of the `with` cannot be repeated from within the context manager.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.library.prefilter import RECOVERING
from dbhygiene.recovery.yields import retried_yields, useless_decorators
from dbhygiene.source.file import File


@rule("HYG412", on=File, imports=RECOVERING, also={"yield"})
def check(file: File, _: File) -> Iterator[Diagnostic]:
    for node, handler in retried_yields(file):
        yield Diagnostic(
            node,
            "an error in the `with` block makes this loop yield a second time, which raises RuntimeError",
            path=((handler, "catches an error of the `with` block, and starts the loop again"),),
            fix=NoFix(
                "cannot tell what may be repeated; repeat only what opens the connection, and yield after the loop"
            ),
        )
    for decorator, function in useless_decorators(file):
        yield Diagnostic(
            decorator,
            f"this retry does nothing: `{function.name}` is a generator function, whose body runs later",
            fix=NoFix("cannot tell what may be repeated; repeat the function that opens the connection, or its caller"),
            subject=function.name,
        )
