"""Engine that replaces old connections, but does not test the others.

With a `pool_recycle` below the server's `wait_timeout`, the pool lends no connection that the server has closed for
being idle. A server that restarts or fails over closes young connections, too; only `pool_pre_ping=True` notices that.
If this matters, select this rule in addition to `engine-without-protection`, which accepts either option.

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=1800)  # HYG202
```

```python fixed
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=1800, pool_pre_ping=True)
```

A test that is turned off explicitly is not reported. Asynchronous engines are reported only if the project requires
SQLAlchemy 2.0.50 or later, which can test their connections:

```python
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

careful = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=1800, pool_pre_ping=True)
on_purpose = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=1800, pool_pre_ping=False)
waiting = create_async_engine("mysql+asyncmy://shop@db/shop", pool_recycle=1800)
```

## Fix safety

Safe: each checkout costs one more short round trip; nothing else changes.

## References

- [Disconnect handling, pessimistic](https://docs.sqlalchemy.org/en/20/core/pooling.html#disconnect-handling-pessimistic)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.pools.engine_escape import lasts
from dbhygiene.pools.engine_fixes import PRE_PING, add_options, options_of
from dbhygiene.pools.engines import Engine, timeout_confidence
from dbhygiene.source.file import File


@rule("HYG202", on=Engine, imports=SQLALCHEMY, default=False)
def check(file: File, made: Engine) -> Iterator[Diagnostic]:
    if made.options.open or PRE_PING in made.options.items or not made.sets("pool_recycle"):
        return
    if (
        (code := options_of(made).get(PRE_PING))
        and (confidence := timeout_confidence(made))
        and made.has_pool
        and lasts(made)
    ):
        message = "engine has `pool_recycle` but no `pool_pre_ping`: queries fail after a restart of the server"
        yield Diagnostic(made.call, message, fix=add_options(made, {PRE_PING: code}), confidence=confidence)
