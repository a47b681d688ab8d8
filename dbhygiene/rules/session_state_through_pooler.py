"""Prepared statement or server-side cursor behind a pooler that may give each transaction another session.

With `pool_mode = transaction`, PgBouncer may give the server's session to another program between two transactions. The
prepared statements and cursors of the session are then lost, or belong to the other program. asyncpg prepares each
statement under a name, and keeps it. Later, queries fail with `prepared statement "__asyncpg_stmt_1__" does not exist`,
or `already exists`. With `statement_cache_size=0`, the statements have no names. In an engine of SQLAlchemy, this is so
only from asyncpg 0.31 on.

```ini pgbouncer/pgbouncer.ini
[databases]
shop = host=db

[pgbouncer]
pool_mode = transaction
```

```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://a@pgbouncer:6432/b")  # HYG504: asyncpg
```

```python fixed unsafe
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(
    "postgresql+asyncpg://a@pgbouncer:6432/b",
    connect_args={"statement_cache_size": 0},
)
```

For asyncpg's own pools and connections, the option works in every version:

```yaml compose.yaml
services:
  pool:
    image: edoburu/pgbouncer:1.18.0
    environment:
      POOL_MODE: transaction
```

```python
import asyncpg

async def open_pool():
    return await asyncpg.create_pool("postgresql://shop@pool:6432/shop")  # HYG504: asyncpg
```

```python fixed
import asyncpg

async def open_pool():
    return await asyncpg.create_pool("postgresql://shop@pool:6432/shop", statement_cache_size=0)
```

Django's `.iterator()` uses a cursor on the server, which lives in the session, too. `DISABLE_SERVER_SIDE_CURSORS` turns
it off:

```ini pgbouncer/pgbouncer.ini
[pgbouncer]
pool_mode = transaction
```

```python shop/tasks.py
from django.db import models

def export():
    for order in models.Order.objects.iterator():
        print(order)
```

```python
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",  # HYG504: `.iterator()`
        "HOST": "pgbouncer",
    }
}
```

```python fixed
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "pgbouncer",
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
```

If the program does not contain the URL, the rule looks for the pooler's name or its port 6432 in the `environment` and
the `env_file` of a compose file. Nothing is reported if the program sets the size of a cache or names the statements
itself, or for a URL that leads to the server itself. Nor are statements reported if PgBouncer tracks them
(`max_prepared_statements`). It does so by default from 1.24 on; an image without a version counts as 1.24. If no file
names an image, the statements are reported until `pgbouncer.ini` sets `max_prepared_statements`.

```ini pgbouncer/pgbouncer.ini
[pgbouncer]
pool_mode = transaction
```

```python
from sqlalchemy.ext.asyncio import create_async_engine

pooled = create_async_engine("postgresql+asyncpg://shop@pgbouncer:6432/shop?prepared_statement_cache_size=0")
direct = create_async_engine("postgresql+asyncpg://shop@db:5432/shop")
```

## Fix safety

Safe: without its cache, asyncpg prepares each statement again; without server-side cursors, Django reads all rows at
once. For an engine of SQLAlchemy, the fix is safe if the requirements name asyncpg 0.31 or later. With older versions,
the statements have names even without a cache, and there is no fix. If the version is unknown, the fix is unsafe. There
is no fix if `connect_args` is not a dict literal in the call. Cursors of asyncpg always have names: to use them,
connect to the server itself.

## References

- [PgBouncer: features by pool mode](https://www.pgbouncer.org/features.html)
- [asyncpg: why prepared statements fail behind PgBouncer](https://magicstack.github.io/asyncpg/current/faq.html)
- [SQLAlchemy: asyncpg and
  PgBouncer](https://docs.sqlalchemy.org/en/20/dialects/postgresql.html#prepared-statement-name-with-pgbouncer)
- [Django: transaction pooling and server-side
  cursors](https://docs.djangoproject.com/en/stable/ref/databases/#transaction-pooling-and-server-side-cursors)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import AddItem, AddKeyword
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, Step, rule
from dbhygiene.library.test_files import is_example, is_test_file, retired_folder
from dbhygiene.pools.engines import Engine, engines_in
from dbhygiene.program.evaluation import evaluate, evaluate_keywords
from dbhygiene.program.values import UNKNOWN, Called, Constant, Dict, Value, as_dict, options, patterns
from dbhygiene.servers.endpoints import Endpoint, endpoints, host_endpoints
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.limits import pooler_between
from dbhygiene.servers.model import Pooler
from dbhygiene.servers.steps import step
from dbhygiene.source.file import File
from dbhygiene.source.nodes import written_items

_CACHES = ("statement_cache_size", "prepared_statement_cache_size")
_NAMES = "prepared_statement_name_func"
_NAMELESS = (0, 31)  # the first version of asyncpg whose `prepare()` gives no name if there is no cache
_DRIVER = re.compile(r"^postgres(?:ql)?\+asyncpg:")
_OPENS = ("asyncpg.connect", "asyncpg.create_pool", "asyncpg.connection.connect", "asyncpg.pool.create_pool")
_ITERATES = re.compile(r"\bobjects\b[^\n#]*\.iterator\(|^[^#\n]*\)\.iterator\(", re.MULTILINE)
_OTHER = re.compile(r"replica|read|admin|direct|migrat|listen", re.IGNORECASE)
_TITLE = "Keep no prepared statements"


@rule("HYG504", on=File, imports={"create_async_engine", "async_engine_from_config", "asyncpg", "DATABASES"})
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file) or is_example(file) or retired_folder(file):
        return
    if "asyncpg" in file.text:
        for made in engines_in(file):
            yield from _engine(file, made)
        for call in file.nodes(ast.Call):
            if file.resolve(call.func) in _OPENS:
                yield from _asyncpg(file, call)
    if "DATABASES" in file.text and "DISABLE_SERVER_SIDE_CURSORS" not in file.text:
        yield from _django(file)


def _engine(file: File, made: Engine) -> Iterator[Diagnostic]:
    arguments = made.option("connect_args", Dict())
    if not made.is_async or not _is_asyncpg(made.url) or made.options.open or made.configured or not _keeps(arguments):
        return
    if any(f"{_CACHES[1]}=0" in pattern for pattern in patterns(made.url)) or "async_creator" in made.options.items:
        return
    between = _between(file, endpoints(made.url))
    if between is not None and not (_goes_past(file, made.call, between[0]) and not between[1]):
        yield _statements_diagnostic(file, made.call, between, _fix(file, made, arguments))


def _is_asyncpg(url: Value) -> bool:
    for option in options(url):
        if isinstance(option, Called):
            named = option.keywords.items.get("drivername", option.arguments[0] if option.arguments else UNKNOWN)
            if any(_DRIVER.match(f"{pattern}:") for pattern in patterns(named)) or _is_asyncpg(named):
                return True
    return any(_DRIVER.match(pattern) for pattern in patterns(url))


def _keeps(arguments: Value) -> bool:
    """Whether a driver's arguments are known, and leave its cache and its names as they are."""
    given = as_dict(arguments)
    return not given.open and not any(key in given.items for key in (*_CACHES, _NAMES))


def _fix(file: File, made: Engine, arguments: Value) -> Fix | NoFix:
    version = file.project.version_of("asyncpg")
    if version is not None and version < _NAMELESS:
        return NoFix(
            "older versions of asyncpg name the statements even without a cache; require asyncpg 0.31 or later, and set"
            " `statement_cache_size` to 0 in `connect_args`"
        )
    safety, title = Safety.SAFE, _TITLE
    if version is None:
        safety, title = Safety.UNSAFE, f"{_TITLE} (with asyncpg 0.31 or later)"
    keyword = next((each for each in made.call.keywords if each.arg == "connect_args"), None)
    if keyword is None and "connect_args" not in made.options.items:
        item = f"{{{file.quote(_CACHES[0], made.call)}: 0}}"
        return Fix(title, (AddKeyword(file.span(made.call), "connect_args", item),), safety)
    if keyword is not None and isinstance(keyword.value, ast.Dict):
        return Fix(title, (AddItem(file.span(keyword.value), file.quote(_CACHES[0], keyword.value), "0"),), safety)
    return NoFix("it is not a dict literal in this call; set the size of the cache to 0 in `connect_args`")


def _asyncpg(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    given = evaluate_keywords(file, call)
    if given.open or _CACHES[0] in given.items or any(isinstance(argument, ast.Starred) for argument in call.args):
        return
    url = evaluate(file, call.args[0]) if call.args else given.items.get("dsn")
    places = (
        endpoints(url) if url is not None else host_endpoints(given.items.get("host", UNKNOWN), given.items.get("port"))
    )
    between = _between(file, places)
    if between is not None and not (_goes_past(file, call, between[0]) and not between[1]):
        fix = Fix(_TITLE, (AddKeyword(file.span(call), _CACHES[0], "0"),))
        yield _statements_diagnostic(file, call, between, fix)


def _goes_past(file: File, call: ast.Call, pooler: Pooler) -> bool:
    """Whether an URL that is not known is one for another server, or for migrations, by its name or its file's.

    It is one, too, if the file replaces the pooler's name: `url.replace("pgbouncer:6432", "localhost:5432")`.
    """
    if any(re.search(rf"""\.replace\(\s*["'][^"']*{re.escape(host)}""", file.text) for host in pooler.hosts):
        return True
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg in ("dsn", "url", "host"))]
    named = (file.segment(part) for part in given)
    return "migrat" in file.relative_name.lower() or any(_OTHER.search(text) for text in named)


def _between(file: File, places: Collection[Endpoint]) -> tuple[Pooler, bool] | None:
    """Return the pooler in front of the server that does not keep prepared statements; the latest version does."""
    between = pooler_between(server_facts(file.project), places)
    if between is None or between[0].keeps_prepared:
        return None
    return None if between[0].keeps_prepared is None and between[0].is_latest else between


def _statements_diagnostic(file: File, call: ast.Call, between: tuple[Pooler, bool], fix: Fix | NoFix) -> Diagnostic:
    pooler, is_named = between
    notes = ["a later query finds the statements of another connection, or none, and raises an error"]
    if pooler.keeps_prepared is None:
        notes.append(
            "PgBouncer 1.24 and later track the statements: if yours does, set `max_prepared_statements` in its file"
        )
    return Diagnostic(
        call,
        f"asyncpg keeps prepared statements, but {pooler.place} may give each {pooler.mode} another session",
        path=((call, "each connection keeps its prepared statements"), _lends(file, pooler)),
        fix=fix,
        confidence=_confidence(pooler, is_named),
        notes=tuple(notes),
    )


def _confidence(pooler: Pooler, is_named: bool) -> Confidence:
    """Return how sure it is that statements are lost: a new version keeps them."""
    return Confidence.CERTAIN if is_named and pooler.keeps_prepared is False else Confidence.LIKELY


def _lends(file: File, pooler: Pooler) -> Step:
    return step(file.project, pooler.place, f"the pooler gives the session to others after each {pooler.mode}")


# -- Django -----------------------------------------------------------------------------------------------


def _django(file: File) -> Iterator[Diagnostic]:
    for literal in file.nodes(ast.Dict):
        written = written_items(literal)
        engine = written.get("ENGINE")
        if engine is None or None in literal.keys or not _is_postgresql(evaluate(file, engine)):
            continue
        host, port = (evaluate(file, written[key]) if key in written else None for key in ("HOST", "PORT"))
        between = pooler_between(server_facts(file.project), host_endpoints(host or UNKNOWN, port))
        if between is not None and (used := _iterator(file)) is not None:
            yield _cursors(file, literal, engine, between, used)


def _is_postgresql(engine: Value) -> bool:
    return any(isinstance(one, Constant) and "postg" in str(one.value) for one in options(engine))


def _cursors(file: File, literal: ast.Dict, engine: ast.expr, between: tuple[Pooler, bool], used: Step) -> Diagnostic:
    pooler, is_named = between
    key = file.quote("DISABLE_SERVER_SIDE_CURSORS", literal)
    return Diagnostic(
        engine,
        f"`.iterator()` uses a server-side cursor, but {pooler.place} may give each {pooler.mode} another session",
        path=((engine, "server-side cursors are on"), _lends(file, pooler), used),
        fix=Fix("Turn off server-side cursors", (AddItem(file.span(literal), key, "True"),)),
        confidence=Confidence.CERTAIN if is_named else Confidence.LIKELY,
        notes=("the next rows are read in another session, which does not have the cursor",),
        subject="DATABASES",
    )


def _iterator(file: File) -> Step | None:
    """Return the first place where a queryset is read by `.iterator()`."""
    for other in file.project.files_containing(".iterator("):
        if "django" not in other.text or is_test_file(other) or other.path.parent.name == "migrations":
            continue
        if (found := _ITERATES.search(other.text)) is not None:
            start = other.text.index(".iterator(", found.start()) + 1
            span = other.text_span(start, start + len("iterator"))
            return Step(other.path, span, "a server-side cursor is read here")
    return None
