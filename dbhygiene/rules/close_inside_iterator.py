"""Connection that is closed while a loop still reads the rows of `.iterator()`.

`.iterator()` keeps a cursor open as long as the loop runs. Closing the connection in the body of the loop closes the
cursor, too, and the loop raises an error: with PostgreSQL, at the next chunk of rows. With mysqlclient, all rows have
been read already, but Django closes the cursor when the loop ends, and that raises.

```python
from django.db import connection
from shop.models import Order

def send_all():
    for order in Order.objects.filter(sent=False).iterator():
        order.send()
        connection.close()  # HYG304: also closes the cursor
```

A plain loop over a queryset reads all rows first, so its body may close the connection. So may the code after a loop.

```python
from django.db import connection
from shop.models import Order

def send_all():
    for order in Order.objects.filter(sent=False):
        order.send()
        connection.close()
    for order in Order.objects.iterator():
        order.check()
        if order.is_last:
            connection.close()
            break
    for order in Order.objects.iterator():
        order.check()
    connection.close()
```

## Fix safety

There is no fix: reading all rows at once may need too much memory, and dbhygiene cannot tell where else to close the
connection.

## References

- [Django: iterator()](https://docs.djangoproject.com/en/stable/ref/models/querysets/#iterator)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.gaps.close_calls import closing_function, is_guarded, leaves_loop, streaming_loop
from dbhygiene.library.prefilter import CLOSING
from dbhygiene.source.file import File


@rule("HYG304", on=ast.Call, imports={"iterator"}, also=CLOSING, within="django")
def check(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    closer = closing_function(file, call)
    if closer is None or (loop := streaming_loop(file, call)) is None:
        return
    if is_guarded(file, call) or leaves_loop(file, call):
        return
    yield Diagnostic(
        call,
        f"`{closer}()` also closes the cursor from which this loop takes its rows",
        path=((loop.iter, "reads its rows one by one"), (call, "closes the connection, and with it the cursor")),
        fix=NoFix("cannot tell why it is closed here; close the connection after the loop"),
        subject=closer,
    )
