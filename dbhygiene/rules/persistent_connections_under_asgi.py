"""Persistent connections of a Django project that is served by ASGI, or by gevent.

`CONN_MAX_AGE` keeps a connection for the thread that opened it. Under ASGI, each request may run in a thread of its
own, and under gevent or eventlet in a greenlet of its own. Then the connection is kept, but no other request uses it:
the number of open connections grows with each request, until the server accepts no more. Django's documentation says to
disable persistent connections under ASGI.

The rule reads how the project is served: compose files, Dockerfiles, Procfiles, Kubernetes documents, systemd,
supervisor, shell scripts, and gunicorn's file.

```procfile Procfile
web: daphne -p $PORT shop.asgi:application
```

```python shop/asgi.py
from django.core.asgi import get_asgi_application

application = get_asgi_application()
```

```python
import os

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "CONN_MAX_AGE": int(os.environ.get("CONN_MAX_AGE", 60)),  # HYG501: Procfile:1 serves the project with daphne
    }
}
```

```python fixed
import os

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "CONN_MAX_AGE": int(os.environ.get("CONN_MAX_AGE", 0)),
    }
}
```

Nothing is reported under WSGI, where a thread serves many requests with one connection. The same holds for the HTTP
handler of Channels, which a `ProtocolTypeRouter` without `"http"` uses: it runs all requests in one thread. Nor is
anything reported if a pool of the driver or of the `ENGINE` keeps the connections, or if the age is that of an
environment variable without a default:

```procfile Procfile
web: gunicorn --threads 4 shop.wsgi:application
```

```python shop/wsgi.py
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
```

```python
DATABASES = {
    "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "CONN_MAX_AGE": 60},
}
```

If one command serves the project by ASGI and another one by WSGI, the finding is only *possible*.

## Fix safety

Safe: the fix sets the age, or the default of the environment variable, to 0. With psycopg 3, Django 5.1 and newer can
then pool the connections: `"OPTIONS": {"pool": {"max_size": 6}}`. There is no fix unless the code contains the age as a
number: that of the setting, or the default of the variable.

## References

- [Django: persistent connections](https://docs.djangoproject.com/en/stable/ref/databases/#caveats)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import Replace
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, rule
from dbhygiene.diagnostics.quantities import number_text
from dbhygiene.gaps.connection_ages import WrittenAge, written_ages
from dbhygiene.gaps.servers import is_sqlite_only, verdict
from dbhygiene.gaps.serving import Serving, request_threads
from dbhygiene.library.test_files import is_test_file
from dbhygiene.source.file import File

_CONTEXTS = (3, 2)  # the first Django that gives each request a thread under ASGI
_POOLS = (5, 1)  # the first that pools PostgreSQL's connections


@rule("HYG501", on=File, imports={"CONN_MAX_AGE", "conn_max_age"})
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file):
        return
    ages = [age for age in written_ages(file) if age.seconds]
    if not ages or (file.project.version_of("django") or _CONTEXTS) < _CONTEXTS or is_sqlite_only(file):
        return
    serving = request_threads(file)
    if serving is not None:
        yield from (_diagnostic(file, age, serving) for age in ages)


def _diagnostic(file: File, age: WrittenAge, serving: Serving) -> Diagnostic:
    kept = "None (no limit)" if age.seconds is None or age.seconds == float("inf") else number_text(age.seconds)
    default = "" if isinstance(age.value, ast.Constant) or age.is_conditional else " by default"
    is_kept = "may be" if age.is_conditional else "is"
    notes = ["each request leaves a connection open that no other request will use"]
    if verdict(file).server == "postgresql" and (file.project.version_of("django") or (0,)) >= _POOLS:
        notes.append(
            'with the age 0 and psycopg 3, Django can pool connections: `"OPTIONS": {"pool": {"max_size": 6}}`'
        )
    return Diagnostic(
        age.value,
        f"`CONN_MAX_AGE` {is_kept} {kept}{default}, but {serving.place} serves the project with {serving.program}",
        path=((age.value, "connections are kept"), serving.step),
        fix=_fix(file, age),
        confidence=_confidence(file, age, serving),
        notes=tuple(notes),
        subject="CONN_MAX_AGE",
    )


def _confidence(file: File, age: WrittenAge, serving: Serving) -> Confidence:
    """Return how sure it is that the site that is served has this age: settings that import these may set another."""
    for word in ("CONN_MAX_AGE", "conn_max_age"):
        for other in file.project.files_containing(word):
            if other.path == file.path or is_test_file(other) or not file.project.imports_any(other, [file.path]):
                continue
            if any(written_ages(other)):
                return Confidence.POSSIBLE
    return min(serving.confidence, Confidence.LIKELY) if age.is_conditional else serving.confidence


def _fix(file: File, age: WrittenAge) -> Fix | NoFix:
    numbers = [
        node for node in ast.walk(age.value) if isinstance(node, ast.Constant) and _is_age(node.value, age.seconds)
    ]
    if len(numbers) != 1 or isinstance(age.value, (ast.BinOp, ast.IfExp, ast.BoolOp)):
        return NoFix("the number is not written here; set `CONN_MAX_AGE` to 0")
    code = file.quote("0", numbers[0]) if isinstance(numbers[0].value, str) else "0"
    return Fix("Close the connection after each request", (Replace(file.span(numbers[0]), code),))


def _is_age(value: object, seconds: float | None) -> bool:
    if value is None:
        return seconds == float("inf")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    try:
        return float(value) == seconds
    except ValueError:
        return False
