"""Readiness probe that gives up before the pool does.

If all connections of a pool are in use, a query waits for one, 30 s by default (`pool_timeout`). A readiness probe
waits 1 s by default (`timeoutSeconds`). When the program is busy, each probe then fails. The request of the probe still
waits for a connection. Kubernetes takes the container out of the load balancer, so the other containers become busier.

The findings of this rule are *possible*: whether all connections are ever in use at once depends on the load.

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
          readinessProbe:
            httpGet: {path: /ready, port: 8000}
            timeoutSeconds: 2
```

```python possible
from fastapi import FastAPI
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop")

@app.get("/ready")
def ready():  # HYG508: its query waits for the pool up to 30 s
    with engine.connect() as conn:
        conn.execute(text("SELECT 1"))
    return {"status": "ok"}
```

Nothing is reported if the pool gives up earlier, or if its timeout is not known:

```yaml k8s/deployment.yaml
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: shop
          readinessProbe:
            httpGet: {path: /ready, port: 8000}
            timeoutSeconds: 5
```

```python possible
from fastapi import FastAPI
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop", pool_timeout=3)

@app.get("/ready")
def ready():
    with engine.connect() as conn:
        conn.execute(text("SELECT 1"))
    return {"status": "ok"}
```

## Fix safety

There is no fix: give the probe more time, or lower `pool_timeout`.

## References

- [SQLAlchemy: `pool_timeout`](https://docs.sqlalchemy.org/en/20/core/engines.html#sqlalchemy.create_engine.params.pool_timeout)
- [Kubernetes: probes](https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/)
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.diagnostics.quantities import seconds_text
from dbhygiene.library.prefilter import FRAMEWORKS, HEALTH
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.engines import Engine, engines_in
from dbhygiene.pools.health_views import find_query
from dbhygiene.pools.pool_size import number_or_default
from dbhygiene.pools.probed_views import name_span, probed_views
from dbhygiene.program.values import Constant
from dbhygiene.servers.steps import step
from dbhygiene.source.file import File, with_others

_TIMEOUT = 30  # SQLAlchemy's default


@rule("HYG508", on=File, imports=HEALTH, also=FRAMEWORKS, default=False)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file):
        return
    for view, probe in probed_views(file, "readiness"):
        query = find_query(file, view.function)
        engine = _engine(query[0]) if query is not None else None
        if query is None or engine is None or (waits := _timeout(engine)) is None or waits <= probe.timeout:
            continue
        at, name = name_span(file, view), view.function.name
        yield Diagnostic(
            at,
            f"{probe.place} waits {probe.timeout} s for `{name}`, but its query waits for the pool up to"
            f" {seconds_text(waits)}",
            path=(
                Step(file.path, at, "answers the readiness probe"),
                Step(query[0].path, query[0].span(query[1]), "takes a connection from the pool"),
                Step(engine.file.path, engine.file.span(engine.call), f"the pool waits up to {seconds_text(waits)}"),
                step(file.project, probe.place, f"the probe waits {probe.timeout} s"),
            ),
            fix=NoFix("cannot tell which is wrong; raise `timeoutSeconds`, or lower `pool_timeout`"),
            confidence=Confidence.POSSIBLE,
            subject=name,
        )


def _engine(file: File) -> Engine | None:
    """Return the only engine with a pool in the files that a query may use: its own, and those that it imports."""
    found: list[Engine] = []
    for other in with_others(file, file.project.files_containing("create_engine")):
        if not is_test_file(other) and (other.path == file.path or file.project.imports_any(file, [other.path])):
            found += engines_in(other)
    return found[0] if len(found) == 1 and found[0].has_pool and not found[0].options.open else None


def _timeout(engine: Engine) -> int | None:
    return number_or_default(engine.option("pool_timeout", Constant(_TIMEOUT)))
