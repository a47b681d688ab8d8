"""Pool that opens as many connections as the program asks for.

With `max_overflow=-1`, SQLAlchemy's pool has no limit. From SQLAlchemy 2.0 on, `pool_size=0` has no limit either, and
then the pool never closes a connection. A slow query, or a burst of requests, then opens one connection for each
request, until the server accepts no more (error 1040, 1203 or 1226). All programs that use the server fail then, not
only this one. With a limit, requests wait for a connection.

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=280, max_overflow=-1)  # HYG507: `max_overflow=-1`
```

DBUtils has no limit by default. Only an explicit `maxconnections=0` is reported:

```python
import pymysql
from dbutils.pooled_db import PooledDB

pool = PooledDB(pymysql, maxconnections=0, host="db")  # HYG507: `maxconnections=0`
```

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_recycle=280, max_overflow=0)
files = create_engine("sqlite:///shop.db", max_overflow=-1)
```

## Fix safety

There is no fix: the right number depends on the server's limit and the number of processes.

## References

- [SQLAlchemy: `max_overflow`](https://docs.sqlalchemy.org/en/20/core/engines.html#sqlalchemy.create_engine.params.max_overflow)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, NoFix, rule
from dbhygiene.diagnostics.quantities import number_text
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.engine_escape import lasts
from dbhygiene.pools.engines import Engine, engines_in, option_expression
from dbhygiene.pools.pool_size import OVERFLOW, SIZE, zero_is_no_limit
from dbhygiene.pools.server_limits import connection_number
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Constant
from dbhygiene.servers.model import Limit
from dbhygiene.servers.steps import connection_steps
from dbhygiene.source.file import File

_OF_DBUTILS = ("dbutils.pooled_db.PooledDB", "DBUtils.PooledDB.PooledDB")
_NO_FIX = NoFix("cannot tell how many connections are needed; set a limit")


@rule("HYG507", on=File, imports={"max_overflow", "pool_size", "maxconnections"})
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file):
        return
    for made in engines_in(file):
        yield from _engine(file, made)
    for call in file.nodes(ast.Call) if "maxconnections" in file.text else ():
        if file.resolve(call.func) in _OF_DBUTILS:
            for keyword in call.keywords:
                if keyword.arg == "maxconnections" and evaluate(file, keyword.value) == Constant(0):
                    yield _diagnostic(file, keyword.value, "maxconnections=0", None)


def _engine(file: File, made: Engine) -> Iterator[Diagnostic]:
    unlimited = [name for name, value in ((OVERFLOW, -1), (SIZE, 0)) if made.options.items.get(name) == Constant(value)]
    if unlimited == [SIZE] and not zero_is_no_limit(made):
        return
    if not unlimited or made.databases <= {"sqlite"} or not made.has_pool or not lasts(made):
        return
    name = unlimited[0]
    written = f"{name}={'-1' if name == OVERFLOW else '0'}"
    yield _diagnostic(file, option_expression(made, name) or made.call, written, connection_number(made))


def _diagnostic(file: File, at: ast.expr, written: str, limit: Limit | None) -> Diagnostic:
    accepts = f"; the server accepts {number_text(limit.value)} ({limit.source})" if limit is not None else ""
    steps = connection_steps(file.project, limit)
    return Diagnostic(
        at,
        f"the pool has no limit (`{written}`){accepts}",
        path=((at, "set here"), *steps) if steps else (),
        fix=_NO_FIX,
        notes=("each caller that finds no idle connection in the pool opens one",),
        subject=written.partition("=")[0],
    )
