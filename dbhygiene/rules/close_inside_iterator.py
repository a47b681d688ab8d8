"""Connection that is closed while the rows of `.iterator()` are still being read.

`.iterator()` keeps a cursor open for as long as the loop runs. Closing the connection in its body takes the cursor
away: the loop ends in an error, at the next chunk on PostgreSQL, at its end with mysqlclient.

```python
from django.db import connection
from shop.models import Order

def send_all():
    for order in Order.objects.filter(sent=False).iterator():
        order.send()
        connection.close()  # HYG304: while its rows are still being read
```

A plain loop over a queryset reads all rows first, and may close; so may the code after the loop.

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

There is no fix: reading all rows at once may need more memory than there is, and where to close otherwise, the code
does not say.

## References

- [Django: iterator()](https://docs.djangoproject.com/en/stable/ref/models/querysets/#iterator)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.gaps.closing import is_guarded, leaves_loop, streaming_loop, what_closes
from dbhygiene.library.prefilter import CLOSING
from dbhygiene.model import NoFix, Report, rule
from dbhygiene.source import File


@rule("HYG304", on=ast.Call, imports={"iterator"}, also=CLOSING, within="django")
def check(file: File, call: ast.Call) -> Iterator[Report]:
    closer = what_closes(file, call)
    if closer is None or (loop := streaming_loop(file, call)) is None:
        return
    if is_guarded(file, call) or leaves_loop(file, call):
        return
    yield Report(
        call,
        f"`{closer}()` closes the connection of this loop while its rows are still being read",
        path=((loop.iter, "reads row by row"), (call, "takes its cursor away")),
        fix=NoFix("where else to close, the code does not say"),
        subject=closer,
    )
