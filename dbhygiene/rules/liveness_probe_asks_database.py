"""Liveness probe that queries the database.

Kubernetes restarts a container whose liveness probe fails. If the probe queries the database, then a slow database, or
a pool without an idle connection, restarts all containers. That does not help the database: each start opens
new connections. A readiness probe may query the database: if it fails, Kubernetes only takes the container out of the
load balancer.

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

A probe may also run a command of Django that queries the database. Then the finding is in the script that runs it:

```yaml k8s/deployment.yaml
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: shop
          livenessProbe:
            exec: {command: [python, manage.py, check, --database, default]}
```

```python manage.py
import sys

from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)  # HYG505: k8s/deployment.yaml:8 runs `manage.py check --database`
```

## Fix safety

There is no fix: let the probe ask a view that does not query, or make it a readiness probe.

## References

- [Kubernetes: probes](https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Diagnostic, NoFix, Step, rule
from dbhygiene.library.prefilter import FRAMEWORKS, PROBED
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.health_views import View, find_query
from dbhygiene.pools.probed_views import name_span, probed_views
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.model import Probe
from dbhygiene.servers.steps import step
from dbhygiene.source.file import File

_ASKS = re.compile(r"(?P<script>[\w./-]*\bmanage\.py)\s+(?:check\b[^;&|]*--database\b|migrate\b[^;&|]*--check\b)")
_STARTS = "django.core.management.execute_from_command_line"


@rule("HYG505", on=File, imports=PROBED, also=FRAMEWORKS)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file):
        return
    for view, probe in probed_views(file, "liveness"):
        yield from _diagnostic(file, view, probe)
    if "execute_from_command_line" in file.text:
        yield from _command(file)


def _command(file: File) -> Iterator[Diagnostic]:
    """Report the script of Django's commands if a probe runs one that queries the database."""
    calls = [call for call in file.nodes(ast.Call) if file.resolve(call.func) == _STARTS]
    for probe in server_facts(file.project).probes if calls else ():
        found = _ASKS.search(" ".join(probe.command)) if probe.kind == "liveness" else None
        if found is None or found["script"].rpartition("/")[2] != file.path.name:
            continue
        yield Diagnostic(
            calls[0],
            f"{probe.place} runs `{found[0]}`, and restarts the container if the database does not answer",
            path=(
                Step(file.path, file.span(calls[0]), "runs the command, which queries the database"),
                step(file.project, probe.place, "the probe that restarts the container"),
            ),
            fix=NoFix("cannot tell which is right; make it a readiness probe, or let it run a command without a query"),
            notes=("a slow database, or one that accepts no more connections, restarts all containers",),
            subject="livenessProbe",
        )
        return


def _diagnostic(file: File, view: View, probe: Probe) -> Iterator[Diagnostic]:
    if (found := find_query(file, view.function)) is None:
        return
    where, call = found
    name = view.function.name
    at = name_span(file, view)
    yield Diagnostic(
        at,
        f"`{name}` queries the database, and {probe.place} restarts the container if the query fails",
        path=(
            Step(file.path, at, "answers the liveness probe"),
            Step(where.path, where.span(call), "queries the database"),
            step(file.project, probe.place, "the probe that restarts the container"),
        ),
        fix=NoFix("a readiness probe may query the database; let this probe ask a view without a query"),
        confidence=Confidence.LIKELY,
        notes=("a slow database, or a pool without an idle connection, then restarts all containers",),
        subject=name,
    )
