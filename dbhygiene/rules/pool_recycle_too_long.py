"""Pool that keeps its connections longer than the server does.

`pool_recycle` helps only where it is less than the server's `wait_timeout`: a connection is then replaced before
the server closes it. With a larger number the pool returns connections that are already closed, as if the option
were not set.

The number is compared with `server-timeout`, or with MySQL's default of 28800 s if that is not configured.

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=10 * 60 * 60)  # HYG204: 36000 s
```

```python fixed
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=280)
```

Nothing is reported if each connection is tested:

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=3600)
tested = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=86400, pool_pre_ping=True)
other = create_engine("postgresql://shop@db/shop", pool_recycle=86400)
```

## Fix safety

Safe: connections are replaced earlier, a little before `server-timeout`, or after 280 s if that is not configured.

## References

- [Setting pool recycle](https://docs.sqlalchemy.org/en/20/core/pooling.html#setting-pool-recycle)
- [`wait_timeout`](https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_wait_timeout)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.pools.engine_escape import lasts
from dbhygiene.pools.engine_fixes import RECYCLE, rewrite
from dbhygiene.pools.engines import Engine, option_expression, timeout_confidence
from dbhygiene.program.values import Constant, Value, options
from dbhygiene.source.file import File


@rule("HYG204", on=Engine, imports=SQLALCHEMY)
def check(file: File, made: Engine) -> Iterator[Diagnostic]:
    if made.options.open or made.sets("pool_pre_ping") or RECYCLE not in made.options.items:
        return
    seconds, limit = _shortest(made.options.items[RECYCLE]), file.project.settings.lifetime_limit
    if seconds < limit or not (confidence := timeout_confidence(made)) or not made.has_pool or not lasts(made):
        return
    at = option_expression(made, RECYCLE)
    message = f"`pool_recycle` is {seconds:g} s, but the server closes idle connections after {limit} s"
    code = str(file.project.settings.safe_lifetime)
    yield Diagnostic(at or made.call, message, fix=rewrite(made, RECYCLE, code), confidence=confidence)


def _shortest(found: Value) -> float:
    """The smallest number that a value may be; -1 where it may be something else."""
    numbers = [
        float(option.value) if isinstance(option, Constant) and type(option.value) in (int, float) else -1.0
        for option in options(found)
    ]
    return min(numbers, default=-1.0)
