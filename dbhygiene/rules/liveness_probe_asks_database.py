"""Liveness probe that queries the database.

Kubernetes restarts a container whose liveness probe fails. If the probe queries the database, then a slow database, or
a pool without an idle connection, restarts all containers at once. That does not help the database: each start opens
new connections. A readiness probe may query it: it only takes a container out of the load balancer.

```yaml k8s/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers:
        - name: shop
          image: shop
          livenessProbe:
            httpGet: {path: /healthz, port: 8000}
```

```python
from fastapi import FastAPI
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop")

@app.get("/healthz")
def healthz():  # HYG505: k8s/deployment.yaml:11 restarts the container
    with engine.connect() as conn:
        conn.execute(text("SELECT 1"))
    return {"status": "ok"}
```

Nothing is reported for other probes, or for a view that does not query:

```yaml k8s/deployment.yaml
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: shop
          livenessProbe:
            httpGet: {path: /healthz, port: 8000}
          readinessProbe:
            httpGet: {path: /ready, port: 8000}
```

```python
from fastapi import FastAPI
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop")

@app.get("/healthz")
def healthz():
    return {"status": "ok"}

@app.get("/ready")
def ready():
    with engine.connect() as conn:
        conn.execute(text("SELECT 1"))
    return {"status": "ok"}
```

## Fix safety

There is no fix: let the probe ask a view that does not query, or make it a readiness probe.

## References

- [Kubernetes: probes](https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.library.prefilter import FRAMEWORKS, HEALTH
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.health_views import View, first_query, join, views
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.model import Probe
from dbhygiene.servers.steps import step
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span

_WORDS = ("cache", "lru_cache", "ttl")


@rule("HYG505", on=File, imports=HEALTH, also=FRAMEWORKS)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file):
        return
    probes = [probe for probe in server_facts(file.project).probes if probe.kind == "liveness" and probe.path]
    for view in views(file) if probes else ():
        probe = next((each for each in probes if _answers(file, view, join(each.path.partition("?")[0]))), None)
        if probe is not None and not _is_cached(file, view):
            yield from _diagnostic(file, view, probe)


def _answers(file: File, view: View, path: str) -> bool:
    """Whether a view answers a path: by its whole route, or with a prefix that is written in the project."""
    for route in view.routes:
        if route == path:
            return True
        before = path.removesuffix(route)
        if route != "/" and before != path and before and any(file.project.files_containing(f'"{before}"')):
            return True
    return False


def _is_cached(file: File, view: View) -> bool:
    decorators = (file.segment(each).lower() for each in view.function.decorator_list)
    return any(word in text for text in decorators for word in _WORDS)


def _diagnostic(file: File, view: View, probe: Probe) -> Iterator[Diagnostic]:
    if (found := first_query(file, view.function)) is None:
        return
    where, call = found
    name = view.function.name
    at = _name_span(file, view)
    yield Diagnostic(
        at,
        f"`{name}` queries the database, and {probe.place} restarts the container if it does not answer:"
        " a slow database, or a full pool, stops all of them",
        path=(
            Step(file.path, at, "answers the liveness probe"),
            Step(where.path, where.span(call), "queries the database"),
            step(file.project, probe.place, "the probe that restarts the container"),
        ),
        fix=NoFix("let the probe ask a view without a query; a readiness probe may query the database"),
        confidence=Confidence.LIKELY,
        subject=name,
    )


def _name_span(file: File, view: View) -> Span:
    """The line of `def`, without its decorators."""
    span = file.span(view.function)
    line = view.function.lineno
    text = file.lines[line - 1]
    return Span(line, span.column, line, len(text.split("#")[0].rstrip()))
