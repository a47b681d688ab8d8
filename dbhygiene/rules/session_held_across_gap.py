"""Session or connection of an engine that is held while nobody asks, for longer than the server waits.

A session holds a connection of its pool from its first query to `commit`, `rollback` or `close`; what
`engine.connect()` gives is held until `close`. Where the program sleeps for an hour in between, or keeps it as long as
it runs, the server closes it meanwhile. `pool_pre_ping` and `pool_recycle` cannot help: they look at a connection as it
leaves the pool, and this one has left it. The next query fails with error 2006, "MySQL server has gone away".

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

What is made when a module is imported is never given back: it lies idle between two requests, over night and over the
weekend. Threads that share it get each other's results, and one failed query fails all that follow, until somebody
calls `rollback`.

```python
from sqlalchemy import create_engine, text

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)
conn = engine.connect()  # HYG210: as long as the program runs

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

There is nothing to say of a session that has given its connection back when it waits, of engines, factories and
registries, which are meant to be kept, of what somebody closes, and of a script that uses what it has opened and ends:

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

There is no fix. A session is to be committed, rolled back or closed before the wait, and which of these only its author
knows; each function needs a session of its own, `with Session() as session:`, and where that begins and ends is for its
author to say, too.

## References

- [When do I construct a Session, when do I commit it, and when do I close it?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#session-faq-whentocreate)
- [Is the Session thread-safe?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbhygiene.library.idle import may_wait
from dbhygiene.library.kept import users
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.library.sessions import SESSION_KINDS, concern
from dbhygiene.library.sqlalchemy import in_migrations
from dbhygiene.library.test_files import is_test
from dbhygiene.lifetimes import Lifetime
from dbhygiene.model import NoFix, Report, Step, rule
from dbhygiene.settings import Confidence
from dbhygiene.source import FUNCTION, File

if TYPE_CHECKING:
    from dbhygiene.gaps.held import Held


@rule("HYG210", on=Lifetime, imports=SQLALCHEMY)
def check(file: File, life: Lifetime) -> Iterator[Report]:
    if life.resource.kind not in SESSION_KINDS or is_test(file) or in_migrations(file):
        return
    confidence = concern(file, life.birth)
    if confidence is None:
        return
    kept = _kept(file, life, confidence)
    if kept is not None:
        yield kept
    elif may_wait(file):
        from dbhygiene.gaps.held import held  # most programs do not need it

        yield from (_waiting(file, life, gap, confidence) for gap in held(life))


def _kept(file: File, life: Lifetime, confidence: Confidence) -> Report | None:
    """What a module keeps as long as the program runs, and functions use again and again."""
    name = _kept_as(file, life.birth)
    used = users(file, name, life.resource) if name is not None else None
    if name is None or used is None:
        return None
    where, node = used
    return Report(
        life.birth,
        f"`{name}` is kept as long as the program runs, and no option of the pool keeps it from going stale",
        path=(
            (life.birth, "taken from the pool when this module is imported"),
            Step(where.path, where.span(node), "used here"),
        ),
        fix=NoFix("where it is to be opened and closed is for its author to say"),
        confidence=confidence,
        notes=("threads must not share it",),
        subject=name,
    )


def _waiting(file: File, life: Lifetime, gap: Held, confidence: Confidence) -> Report:
    from dbhygiene.gaps.story import notes, steps

    message = f"`{gap.title}` holds its connection while {gap.kind.value} ({gap.seconds})"
    if gap.between_calls:
        message = f"`{gap.title}` holds its connection from one call of `{gap.between_calls}` to the next"
    return Report(
        life.birth if gap.between_calls or gap.file is not file else gap.wait.node,
        f"{message}, and no option of the pool helps",
        path=tuple(steps(gap)),
        fix=NoFix("how it is to give its connection back before the wait is for its author to say"),
        confidence=min(confidence, gap.confidence),
        notes=tuple(notes(gap)),
        subject=gap.title,
    )


def _kept_as(file: File, call: ast.Call) -> str | None:
    """The module's variable that a call's result is assigned to."""
    around = file.parents.get(call)
    match around:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            outside = not any(
                isinstance(outer, (*FUNCTION, ast.ClassDef, ast.For, ast.While)) for outer in file.around(call)
            )
            return name if outside else None
    return None
