"""Pool option whose value is of a type that the pool cannot use.

SQLAlchemy does not check these values. At the first checkout, it compares `pool_recycle` with a number. With a string,
such as the value of an environment variable, or with None, the comparison raises
`TypeError: '>' not supported between instances of 'str' and 'int'` (or `'NoneType' and 'int'`). A `pool_recycle` of
True means one second. A `pool_pre_ping` of `"False"` is a non-empty string, and so turns the test on.

```python
import os
from sqlalchemy import create_engine

engine = create_engine(url, pool_recycle=os.environ["POOL_RECYCLE"])  # HYG205: a string
second = create_engine(url, pool_recycle="3600")  # HYG205: a string
third = create_engine(url, pool_recycle=None)  # HYG205: None
```

```python fixed
import os
from sqlalchemy import create_engine

engine = create_engine(url, pool_recycle=int(os.environ["POOL_RECYCLE"]))
second = create_engine(url, pool_recycle=3600)
third = create_engine(url, pool_recycle=280)
```

A default of the right type does not help if the variable is set:

```python
import os
from sqlalchemy import create_engine

engine = create_engine(url, pool_recycle=os.getenv("POOL_RECYCLE", 3600))  # HYG205
tested = create_engine(url, pool_pre_ping=os.getenv("PRE_PING", "false"))  # HYG205: always on
```

```python
import os
from sqlalchemy import create_engine

engine = create_engine(url, pool_recycle=int(os.getenv("POOL_RECYCLE", "3600")))
tested = create_engine(url, pool_pre_ping=os.getenv("PRE_PING", "false") == "true")

def connect(recycle=None):
    return create_engine(url, pool_recycle=recycle)
```

## Fix safety

Safe if the value is certainly a string, or certainly None: the program fails with such a value. There is no fix if it
may be either, nor for `pool_pre_ping`: the intended value is unknown.

## References

- [`create_engine`](https://docs.sqlalchemy.org/en/20/core/engines.html#sqlalchemy.create_engine.params.pool_recycle)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, rule
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.pools.engine_fixes import PRE_PING, RECYCLE, rewrite
from dbhygiene.pools.engines import Engine, option_expression
from dbhygiene.pools.server_limits import settings_with_timeout_of
from dbhygiene.program.values import HOLE, Constant, Text, Value, options
from dbhygiene.source.file import File

_MEANT_OFF = frozenset({"false", "no", "off", "0", "none"})


@rule("HYG205", on=Engine, imports=SQLALCHEMY)
def check(file: File, made: Engine) -> Iterator[Diagnostic]:
    if RECYCLE in made.options.items and not made.configured:  # of a configuration, SQLAlchemy makes a number
        yield from _recycle(made, list(options(made.options.items[RECYCLE])))
    if PRE_PING in made.options.items:
        yield from _pre_ping(made, list(options(made.options.items[PRE_PING])))


def _recycle(made: Engine, values: list[Value]) -> Iterator[Diagnostic]:
    wrong = [_wrong(each) for each in values]
    strings = "a string" in wrong
    if not (all(wrong) or strings):  # None beside an unknown value is only a default
        return
    confidence = Confidence.CERTAIN if all(wrong) else Confidence.LIKELY
    said = " or ".join(dict.fromkeys(filter(None, wrong)))
    consequence = "replaces connections every second" if said == "True" else "raises TypeError on first use"
    at = option_expression(made, RECYCLE) or made.call
    yield Diagnostic(
        at, f"`pool_recycle` is {said}, which {consequence}", fix=_right(made, values), confidence=confidence
    )


def _wrong(found: Value) -> str:
    match found:
        case Constant(value=None):
            return "None"
        case Constant(value=True):
            return "True"
        case Constant(value=str()) | Text():
            return "a string"
    return ""


def _right(made: Engine, values: list[Value]) -> Fix | NoFix:
    """Return a fix that writes the value as a number, or a number below the server's timeout in its place."""
    at, settings = option_expression(made, RECYCLE), settings_with_timeout_of(made)
    match values:
        case [Constant(value=str(text))]:
            if not text.strip().isdigit():
                return NoFix("the string is not a number of seconds; write a number")
            too_long = int(text) >= settings.lifetime_limit and not made.sets(PRE_PING)
            return rewrite(made, RECYCLE, str(settings.safe_lifetime if too_long else int(text)))
        case [Constant(value=None | True)]:
            return rewrite(made, RECYCLE, str(settings.safe_lifetime))
    if at is None or any(isinstance(each, Constant) and each.value is None for each in values):
        return NoFix("cannot tell which number is right; choose a number instead of None")
    return rewrite(made, RECYCLE, f"int({made.file.segment(at)})")


def _pre_ping(made: Engine, values: list[Value]) -> Iterator[Diagnostic]:
    meant_off = [v for v in values if isinstance(v, Constant) and str(v.value).lower() in _MEANT_OFF]
    if any(isinstance(v.value, str) for v in meant_off if isinstance(v, Constant)):
        sure = len(values) == len(meant_off)
    elif Text(HOLE) in values and meant_off:
        sure = False
    else:
        return
    yield Diagnostic(
        option_expression(made, PRE_PING) or made.call,
        "`pool_pre_ping` is a non-empty string, so it is always on",
        fix=NoFix("cannot tell whether connections should be tested; write `True` or `False`"),
        confidence=Confidence.CERTAIN if sure else Confidence.LIKELY,
    )
