"""Engine that tests its connections, but never replaces old ones.

`pool_pre_ping=True` replaces a connection only when it is lost. A connection that is used often lives as long as the
program, and so does the memory that the server has allocated for it. With `pool_recycle`, the pool also replaces a
connection that is too old, at its next checkout. If this matters, select this rule in addition to
`engine-without-protection`, which accepts either option.

```python
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)  # HYG203
```

```python fixed
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True, pool_recycle=280)
```

Nothing is reported if the URL is not known to be that of a server: an SQLite database in memory, for example in tests,
is lost when its connection is replaced.

```python
import os
from sqlalchemy import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True, pool_recycle=280)
local = create_engine("sqlite:///shop.db", pool_pre_ping=True)
unknown = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True)
```

## Fix safety

Safe: a connection that is older than `pool_recycle` is replaced at the next checkout.

## References

- [Setting pool recycle](https://docs.sqlalchemy.org/en/20/core/pooling.html#setting-pool-recycle)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.diagnostics.model import Diagnostic, rule
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.pools.engine_escape import lasts
from dbhygiene.pools.engine_fixes import RECYCLE, add_options, options_of
from dbhygiene.pools.engines import Engine, timeout_confidence
from dbhygiene.pools.sqlalchemy import has_server
from dbhygiene.source.file import File


@rule("HYG203", on=Engine, imports=SQLALCHEMY, default=False)
def check(file: File, made: Engine) -> Iterator[Diagnostic]:
    if made.options.open or RECYCLE in made.options.items or not made.sets("pool_pre_ping"):
        return
    if not has_server(made.databases):
        return  # what it keeps may be a database in memory
    if (confidence := timeout_confidence(made)) and made.has_pool and lasts(made):
        message = "engine has `pool_pre_ping` but no `pool_recycle`: it never replaces old connections"
        yield Diagnostic(
            made.call, message, fix=add_options(made, {RECYCLE: options_of(made)[RECYCLE]}), confidence=confidence
        )
