"""Engine that is created in each call and never disposed of.

An engine has a pool: create it once, and keep it as long as the program runs. An engine that is created for each
request keeps at least one server connection open until the engine is garbage-collected. Sixty calls may leave sixty
connections open, or more; a busy service fails with error 1040 ("Too many connections") or 1226.

```python
from flask import Flask
from sqlalchemy import create_engine, text

app = Flask(__name__)

@app.route("/orders")
def orders():
    engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)  # HYG208: each call
    with engine.connect() as conn:
        return str(conn.execute(text("select count(*) from orders")).scalar())
```

A function that returns a new engine each time is reported if its callers do not keep the engine:

```python
from sqlalchemy import create_engine

def connect():
    return create_engine("mysql+pymysql://shop@db/shop")  # HYG208: line 7

def count(frames):
    return frames.read_sql("select count(*) from orders", connect())
```

An engine that is kept, cached or disposed of, or that has no pool, is not reported:

```python
from functools import lru_cache
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

URL = "mysql+pymysql://shop@db/shop"

@lru_cache
def shared():
    return create_engine(URL, pool_pre_ping=True)

def orders():
    return shared().connect()

def export(tables, frame):
    for table in tables:
        engine = create_engine(URL)
        frame.to_sql(table, engine)
        engine.dispose()

def probe(urls):
    for url in urls:
        with create_engine(url, poolclass=NullPool).connect() as conn:
            conn.execute(text("select 1"))
```

## Fix safety

There is no fix: dbhygiene cannot tell where the engine should be kept.

## References

- [How do I use engines, connections and the pool?](https://docs.sqlalchemy.org/en/20/core/connections.html#basic-usage)
- [Engine disposal](https://docs.sqlalchemy.org/en/20/core/connections.html#engine-disposal)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Impact, NoFix, Step, rule
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.pools.engines import Engine
from dbhygiene.pools.recreated_engines import careless_calls, repetition_around
from dbhygiene.pools.sqlalchemy import MYSQL
from dbhygiene.program.entry_point import loop_step, place, registration
from dbhygiene.source.file import File
from dbhygiene.source.nodes import keyword_value

_NO_SERVER = frozenset({"sqlite", "duckdb", "access"})


@rule("HYG208", on=Engine, imports=SQLALCHEMY)
def check(file: File, made: Engine) -> Iterator[Diagnostic]:
    if not made.has_pool or made.has_owner or made.databases <= _NO_SERVER or _lends_one_connection(made):
        return
    if (around := repetition_around(made)) is not None:
        is_mysql, is_loop = made.databases == {MYSQL}, not isinstance(around, ast.expr)
        sure = Confidence.CERTAIN if is_mysql else Confidence.POSSIBLE if is_loop else Confidence.LIKELY
        yield _diagnostic(made, "and neither keeps nor disposes of them", tuple(_repetition(file, around)), sure)
        return
    dropped, is_complete = careless_calls(made)
    if dropped:
        yield _report_callers(file, made, dropped, is_complete=is_complete)
    else:
        yield from _report_owner(file, made)


def _lends_one_connection(made: Engine) -> bool:
    """Whether the engine opens no connection, but is given one that is open: `creator=lambda: conn`."""
    given = keyword_value(made.call, "creator")
    return isinstance(given, ast.Lambda) and isinstance(given.body, (ast.Name, ast.Attribute))


def _diagnostic(
    made: Engine,
    reason: str,
    steps: tuple[Step, ...],
    confidence: Confidence,
    notes: tuple[str, ...] = (),
    impact: Impact = Impact.UNKNOWN,
) -> Diagnostic:
    return Diagnostic(
        made.call,
        f"each call creates an engine and its pool, {reason}",
        path=(*steps, (made.call, "creates a new engine and pool each time")),
        fix=NoFix("cannot tell where it should be kept; create the engine once, such as at module level"),
        confidence=confidence,
        notes=(_STAYS_OPEN, *notes),
        impact=impact,
    )


def _repetition(file: File, node: ast.AST) -> Iterator[Step]:
    """Yield the step that shows why the engine is created again and again."""
    if isinstance(node, ast.expr):
        yield Step(file.path, file.span(node), f"runs {registration(file, node).words}")
    elif (step := loop_step(node)) is not None:
        yield Step(file.path, file.span(step[0]), step[1])


def _report_callers(file: File, made: Engine, dropped: list[tuple[File, ast.Call]], *, is_complete: bool) -> Diagnostic:
    """Return the finding about a function that returns a new engine, by the caller that runs most often.

    Arguments:
        is_complete: whether no further callers may exist.
    """
    from dbhygiene.lifetimes.impact import runs  # which looks for callers

    found = [(where, call, runs(where, call, by_exception=False)) for where, call in dropped]
    where, call, how_often = min(found, key=lambda each: _RANK[each[2].impact])
    sure = Confidence.LIKELY if made.databases == {MYSQL} else Confidence.POSSIBLE
    if how_often.impact is Impact.REPEATED or (how_often.impact is Impact.ONCE and is_complete):
        sure = Confidence.LIKELY if how_often.impact is Impact.REPEATED else Confidence.POSSIBLE
    reason = f"which the caller in {place(where, call, file)} does not keep"
    step = Step(where.path, where.span(call), "calls this function, and does not keep the engine")
    return _diagnostic(made, reason, (step,), sure, tuple(how_often.notes(file)), how_often.impact)


_RANK = {Impact.REPEATED: 0, Impact.UNKNOWN: 1, Impact.ONCE: 2}
_STAYS_OPEN = "its connections stay open until the engine is garbage-collected"


def _report_owner(file: File, made: Engine) -> Iterator[Diagnostic]:
    """Report an engine whose object, or function, is created or called repeatedly."""
    from dbhygiene.lifetimes.engine_owners import recreation  # which looks for callers

    if (found := recreation(made)) is None:
        return
    where, node = found.maker or (file, made.call)
    steps = (Step(where.path, where.span(node), "made here"),) if found.maker else found.runs.steps
    advice = "cannot tell where it should be kept; create the engine once, such as at module level"
    if found.maker:
        advice = f"cannot tell where the object is no longer used; call its `{found.closer}`"
    yield Diagnostic(
        node if where is file else made.call,
        found.words,
        path=(*steps, (made.call, "creates a new engine and pool each time")),
        fix=NoFix(advice),
        confidence=Confidence.LIKELY,
        notes=(_STAYS_OPEN, *found.runs.notes(file)),
        impact=found.runs.impact,
    )
