"""Session, or connection of an engine, that is held idle for longer than the server's timeout.

A session holds a connection of its pool from its first query to `commit`, `rollback` or `close`; the result of
`engine.connect()` holds one until `close`. If the program sleeps for an hour in between, or keeps the session as long
as it runs, the server closes the connection. `pool_pre_ping` and `pool_recycle` cannot help: they apply when a
connection leaves the pool, and this one has already left it. The next query fails with error 2006 ("MySQL server has
gone away"). The wait is compared with the server's timeout; if that is unknown, with 300 s.

```python
import time
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)
Session = sessionmaker(engine)

def watch():
    with Session() as session:
        while True:
            print(session.execute(text("select count(*) from orders")).scalar())
            time.sleep(3600)  # HYG210: 60 min
```

A session that is created when a module is imported lives as long as the program. Unless each function ends its
transaction, the session's connection is idle between two requests, for example overnight. Threads that share a session
get each other's results. After a lost connection or a failed flush, all queries fail until `rollback` is called.

```python
from sqlalchemy import create_engine, text

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)
conn = engine.connect()  # HYG210: as long as the program

def count():
    return conn.execute(text("select count(*) from orders")).scalar()
```

```python
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))
session = Session()  # HYG210

def find(kind, number):
    return session.get(kind, number)
```

Nothing is reported if the session is closed before the wait, or has returned its connection, or if any code closes the
session of a module. The session of a script that uses it and ends is not reported either. Engines, session factories
(`sessionmaker`) and registries (`scoped_session`) are not reported: they are meant to be kept.

```python
import time
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True))

def watch():
    with Session() as session:
        while True:
            print(session.execute(text("select count(*) from orders")).scalar())
            session.commit()
            time.sleep(3600)
```

```python
from sqlalchemy import create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)
Session = scoped_session(sessionmaker(bind=engine))
log = engine.connect()

def note(line):
    log.execute(text("insert into log values (:line)"), {"line": line})

def at_exit():
    log.close()

if __name__ == "__main__":
    session = Session()
    print(session.execute(text("select 1")))
```

## Fix safety

There is no fix. Before the wait, commit, roll back or close the session: dbhygiene cannot tell which is right. Instead
of one session for the module, open one in each function: `with Session() as session:`.

## References

- [When do I construct a Session, when do I commit it, and when do I close it?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#session-faq-whentocreate)
- [Is the Session thread-safe?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.library.server_calls import may_wait
from dbhygiene.library.sqlalchemy import SESSION_KINDS
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes import Lifetime
from dbhygiene.pools.engine_escape import is_short_script
from dbhygiene.pools.module_globals import ends_its_transactions, repeated_use
from dbhygiene.pools.session_pools import session_timeout_confidence
from dbhygiene.pools.sqlalchemy import in_migrations
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION

if TYPE_CHECKING:
    from dbhygiene.gaps.explicit import ExplicitGap

_NO_OPTION = "pool options do not prevent this: they apply only when a connection leaves the pool"


@rule("HYG210", on=Lifetime, imports=SQLALCHEMY)
def check(file: File, life: Lifetime) -> Iterator[Diagnostic]:
    if life.resource.kind not in SESSION_KINDS or is_test_file(file) or in_migrations(file):
        return
    confidence = session_timeout_confidence(file, life.birth)
    if confidence is None:
        return
    kept = _report_module_session(file, life, confidence)
    if kept is not None:
        yield kept
    elif may_wait(file):
        from dbhygiene.gaps.explicit import explicit_gaps  # most programs do not need it

        yield from (_wait_diagnostic(file, life, gap, confidence) for gap in explicit_gaps(life))


def _report_module_session(file: File, life: Lifetime, confidence: Confidence) -> Diagnostic | None:
    """Report a session that a module keeps as long as the program runs, and that functions use repeatedly."""
    name = _module_variable(file, life.birth)
    used = repeated_use(file, name, life.resource) if name is not None else None
    if name is None or used is None or is_short_script(file):
        return None
    if life.resource.kind == "session" and ends_its_transactions(file, name):
        confidence = Confidence.POSSIBLE
    where, node = used
    return Diagnostic(
        life.birth,
        f"`{name}` lives as long as the program; no pool option keeps the server from closing it",
        path=(
            (life.birth, "opened when this module is imported"),
            Step(where.path, where.span(node), "used here"),
        ),
        fix=NoFix("cannot tell where it should be closed; open a connection in each function that needs one"),
        confidence=confidence,
        notes=("threads must not share it",),
        subject=name,
    )


def _wait_diagnostic(file: File, life: Lifetime, gap: ExplicitGap, confidence: Confidence) -> Diagnostic:
    from dbhygiene.gaps.messages import describe_duration, gap_notes, gap_steps

    confidence = min(confidence, gap.confidence)
    loses = "loses" if confidence is Confidence.CERTAIN else "may lose"
    when = f"while {gap.kind.value} ({describe_duration(gap)})"
    if gap.between_calls:
        when = f"between {gap.between_calls}"
    return Diagnostic(
        life.birth if gap.between_calls or gap.file is not file else gap.wait.node,
        f"`{gap.title}` {loses} its connection {when}",
        path=tuple(gap_steps(gap)),
        fix=NoFix("cannot tell which is right; commit, roll back or close the session before the wait"),
        confidence=confidence,
        notes=(_NO_OPTION, *gap_notes(gap)),
        subject=gap.title,
    )


def _module_variable(file: File, call: ast.Call) -> str | None:
    """Return the module's variable that a call's result is assigned to."""
    around = file.parents.get(call)
    match around:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            outside = not any(
                isinstance(outer, (*FUNCTION, ast.ClassDef, ast.For, ast.While)) for outer in file.around(call)
            )
            return name if outside else None
    return None
