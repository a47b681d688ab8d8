"""Persistent connections that Django keeps longer than the server's timeout.

If `CONN_MAX_AGE` is `None`, or not less than the server's idle timeout, a request may use a connection that the server
has already closed. It then fails with `(2006, 'Server has gone away')`. From Django 4.1 on, `CONN_HEALTH_CHECKS` tests
a connection before a request uses it.

```python
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": None,  # HYG310: forever
        "NAME": "shop",
    },
    "archive": {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": 86400,  # HYG310: 86400 s
    },
}
```

```python fixed unsafe
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": None,
        "NAME": "shop",
        "CONN_HEALTH_CHECKS": True,
    },
    "archive": {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": 86400,
        "CONN_HEALTH_CHECKS": True,
    },
}
```

The server's timeout is `server-timeout` in `[tool.dbhygiene]`, or MySQL's default of 28800 s if that is not configured.
Short ages, tested connections and other databases are not reported.

```python
DATABASES = {
    "default": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": 600},
    "checked": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True},
    "files": {"ENGINE": "django.db.backends.sqlite3", "CONN_MAX_AGE": None},
    "other": {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": None},
    "plain": {"ENGINE": "django.db.backends.mysql"},
}
```

## Fix safety

Unsafe: the fix adds `CONN_HEALTH_CHECKS`, which older versions than Django 4.1 ignore. It costs each request one round
trip.

## References

- [Django: CONN_HEALTH_CHECKS](https://docs.djangoproject.com/en/stable/ref/settings/#conn-health-checks)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import AddItem
from dbhygiene.diagnostics.model import Diagnostic, Fix, Safety, rule
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Constant, as_dict
from dbhygiene.source.file import File


@rule("HYG310", on=ast.Dict, imports={"CONN_MAX_AGE"})
def check(file: File, literal: ast.Dict) -> Iterator[Diagnostic]:
    pairs = zip(literal.keys, literal.values, strict=True)
    written = {key.value: item for key, item in pairs if isinstance(key, ast.Constant)}
    age = written.get("CONN_MAX_AGE")
    if age is None or "CONN_HEALTH_CHECKS" in written or "ENGINE" not in written or None in literal.keys:
        return
    database = as_dict(evaluate(file, literal)).items
    engine, seconds = database.get("ENGINE"), database.get("CONN_MAX_AGE")
    if not (isinstance(engine, Constant) and isinstance(engine.value, str) and "mysql" in engine.value):
        return
    if not isinstance(seconds, Constant) or not _is_long(seconds.value, file.project.settings.lifetime_limit):
        return
    kept = "forever" if seconds.value is None else f"for {seconds.value} s"
    limit = file.project.settings.lifetime_limit
    fix = Fix(
        "Turn on `CONN_HEALTH_CHECKS`: it tests connections before each request",
        (AddItem(file.span(literal), '"CONN_HEALTH_CHECKS"', "True"),),
        Safety.UNSAFE,
    )
    yield Diagnostic(
        age,
        f"`CONN_MAX_AGE` keeps connections {kept}, but the server closes idle ones after {limit} s",
        fix=fix,
        confidence=Confidence.LIKELY,
        notes=("the first query of the next request then fails with error 2006, 2013 or 4031",),
        subject="CONN_MAX_AGE",
    )


def _is_long(age: object, limit: float) -> bool:
    return age is None or (isinstance(age, (int, float)) and not isinstance(age, bool) and age >= limit)
