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
                order.save()
            time.sleep(3600)  # HYG301: idle for 2 min or more
```

## Fix safety

## References
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.gaps import Gap
from dbhygiene.gaps.effects import Spot
from dbhygiene.model import Report, Step, rule
from dbhygiene.settings import Confidence
from dbhygiene.source import File, Located


@rule("HYG301", on=Gap, imports={"django", "models", "objects", ".save("})
def check(file: File, gap: Gap) -> Iterator[Report]:
    confidence = gap.seconds.confidence(file.project.settings.gap_limit) or Confidence.POSSIBLE
    yield Report(
        gap.wait.node,
        f"the connection lies idle while {gap.kind.value}, {gap.seconds}, and is used again afterwards",
        path=tuple(_steps((gap.asked, gap.wait, gap.asked_again))),
        confidence=confidence,
        subject="connection",
    )


def _steps(spots: tuple[Spot, ...]) -> Iterator[tuple[Located, str] | Step]:
    for spot in spots:
        yield spot.node, spot.words
        inner = spot.origin
        if inner is not spot:
            yield Step(inner.file.path, inner.file.span(inner.node), inner.words)
