"""Connection that is closed in a coroutine: this has no effect, or raises an error.

Each of Django's connections belongs to a thread, and asynchronous queries do not run in the thread of the coroutine.
`close_old_connections()` and `connections.close_all()` find no connection in the coroutine's thread and do nothing.
`connection.close()` raises `SynchronousOnlyOperation`. `sync_to_async(connection.close)` uses the connection of the
wrong thread, and raises `DatabaseError`.

```python
from django.db import close_old_connections, connection
from asgiref.sync import sync_to_async

async def work():
    close_old_connections()  # HYG305: closes nothing
    connection.close()  # HYG305: raises
    await sync_to_async(connection.close)()  # HYG305: raises
```

```python fixed
from django.db import close_old_connections, connection
from asgiref.sync import sync_to_async

async def work():
    await sync_to_async(lambda: connection.in_atomic_block or close_old_connections())()
    await sync_to_async(lambda: connection.in_atomic_block or connection.close())()
    await sync_to_async(lambda: connection.in_atomic_block or connection.close())()
```

```python
from django.db import close_old_connections, connections
from asgiref.sync import sync_to_async

async def work():
    await sync_to_async(connections.close_all)()
    await sync_to_async(close_old_connections)()

    def inside():
        close_old_connections()

    await sync_to_async(inside)()
```

```python
from channels.db import aclose_old_connections

async def work():
    await aclose_old_connections()
```

Nothing is reported if a file of the project sets `DJANGO_ALLOW_ASYNC_UNSAFE`. With this variable of the environment,
coroutines query in their own thread, and closing there has an effect:

```text compose.yaml
services:
  bot:
    image: shop-bot
    environment:
      DJANGO_ALLOW_ASYNC_UNSAFE: "true"
```

```python
from django.db import close_old_connections

async def work():
    close_old_connections()
```

## Fix safety

Safe: the fix closes the connection of the thread that runs the queries. There is no fix if the call is a part of an
expression. The guard `connection.in_atomic_block` runs in the same thread. It keeps the connection open within a
transaction: each test of a `TestCase` runs in one, and the next query of the test would fail.

## References

- [Django: asynchronous support](https://docs.djangoproject.com/en/stable/topics/async/)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.edits import Replace
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, rule
from dbhygiene.gaps.close_calls import closing_function, runs_in_coroutine
from dbhygiene.gaps.gap_fixes import close_for_coroutine, close_statement
from dbhygiene.library import django
from dbhygiene.library.calls import NEVER_RETURN
from dbhygiene.library.prefilter import CLOSING
from dbhygiene.source.file import File, statement_around
from dbhygiene.source.nodes import block_of


@rule("HYG305", on=ast.Call, imports={"async"}, also=CLOSING, within="django")
def check(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    name = closing_function(file, call)
    if name in django.CLOSES_ASYNC or not (name or _takes_close_to_a_thread(file, call)):
        return
    if not runs_in_coroutine(file, call) or _ends_process_next(file, call) or _may_query_in_coroutines(file):
        return
    if name is not None:
        raises = name == f"{django.CONNECTION}.close"
        words = "raises" if raises else "closes nothing"
        yield Diagnostic(call, f"`{name}()` {words} in a coroutine", fix=_fix(file, call, name), subject=name)
    else:
        around = file.parents.get(call)
        called = file.parents.get(around) if isinstance(around, ast.Call) else None
        whole = called if isinstance(called, ast.Await) else around
        fix = (
            Fix(
                "Close the connections of the thread that runs the queries",
                (Replace(file.span(whole), close_for_coroutine(close_statement(file))),),
            )
            if isinstance(whole, ast.Await)
            else NoFix(
                "the result of `sync_to_async` is not awaited here; close the connection in the thread of the queries"
            )
        )
        yield Diagnostic(call, "`connection` belongs to this thread: closing it in another thread raises", fix=fix)


def _may_query_in_coroutines(file: File) -> bool:
    """Whether a file of the project sets the variable by which coroutines query in their own thread."""
    name, files = django.ALLOWS_ASYNC_QUERIES, file.project.deployment()
    if file.mentions(name) or any(name in files.text(each) for each in files.names):
        return True
    return bool(file.project.files_containing(name))


def _ends_process_next(file: File, call: ast.Call) -> bool:
    """Whether the next statement ends the process, and its connections with it."""
    statement = statement_around(file, call)
    around = file.parents.get(statement) if statement is not None else None
    if statement is not None and around is not None and statement in (block := block_of(around, statement))[:-1]:
        match block[block.index(statement) + 1]:
            case ast.Expr(value=ast.Call(func=func)):
                return file.resolve(func) in NEVER_RETURN
    return False


def _takes_close_to_a_thread(file: File, call: ast.Call) -> bool:
    if file.resolve(call.func) != "asgiref.sync.sync_to_async" or len(call.args) != 1:
        return False
    return file.resolve(call.args[0]) == f"{django.CONNECTION}.close"


def _fix(file: File, call: ast.Call, name: str) -> Fix | NoFix:
    if not isinstance(file.parents.get(call), ast.Expr):
        return NoFix("the call is part of an expression; close the connection in the thread of the queries")
    if name == "django.db.close_old_connections":
        code = close_for_coroutine("{django.db.close_old_connections}()")
    else:
        code = close_for_coroutine(close_statement(file, several=name == f"{django.CONNECTION}s.close_all"))
    return Fix("Close the connections of the thread that runs the queries", (Replace(file.span(call), code),))
