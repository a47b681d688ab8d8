"""Session or connection that a module keeps for as long as the program runs.

What is made when a module is imported is never given back: it lies idle between two requests, over night and over the
weekend, and the server closes it meanwhile. `pool_pre_ping` and `pool_recycle` cannot help: they look at a connection
as it leaves the pool, and this one has left it for good. Threads that share it get each other's results, and one
failed query fails all that follow, until somebody calls `rollback`.

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

There is nothing to say of engines, factories and registries, which are meant to be kept, of what somebody closes, and
of a script that uses what it has opened and ends:

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

There is no fix: each function that uses it needs a session of its own, `with Session() as session:`, and where one
begins and ends only its author knows.

## References

- [When do I construct a Session, when do I commit it, and when do I close it?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#session-faq-whentocreate)
- [Is the Session thread-safe?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.kept import users
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.library.sessions import concern, opened
from dbhygiene.library.sqlalchemy import in_migrations, in_tests
from dbhygiene.model import NoFix, Report, Step, rule
from dbhygiene.source import FUNCTION, File


@rule("HYG210", on=File, imports=SQLALCHEMY)
def check(file: File, subject: File) -> Iterator[Report]:
    if not in_tests(file) and not in_migrations(file):
        for values in file.scope.aliases.values():
            for value in values:
                if isinstance(value, ast.Call):
                    yield from _held(file, value)


def _held(file: File, call: ast.Call) -> Iterator[Report]:
    resource = opened(file, call)
    if resource is None or (name := _kept_as(file, call)) is None:
        return
    confidence = concern(file, call)
    used = users(file, name, resource) if confidence is not None else None
    if confidence is None or used is None:
        return
    where, node = used
    yield Report(
        call,
        f"`{name}` is kept as long as the program runs: no option of the pool can keep it from going stale",
        path=(
            (call, "taken from the pool when this module is imported"),
            Step(where.path, where.span(node), "used here"),
        ),
        fix=NoFix("where it is to be opened and closed is for its author to say"),
        confidence=confidence,
        notes=("threads must not share it",),
        subject=name,
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
