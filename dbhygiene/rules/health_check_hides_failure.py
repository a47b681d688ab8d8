"""Health check that answers 200 although the database does not.

Load balancers, Kubernetes and monitoring look at the status of the answer, not at its text. If the view catches the
error of the query and returns a value as usual, it is sent with the status 200: the check never fails.

```python
from flask import Flask, jsonify
from sqlalchemy import create_engine, text

app = Flask(__name__)
engine = create_engine("postgresql://shop@db/shop")

@app.route("/health")
def health():
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
    except Exception as error:
        return jsonify(status="unhealthy", reason=str(error))  # HYG506: answers 200
    return jsonify(status="ok")
```

```python fixed unsafe
from flask import Flask, jsonify
from sqlalchemy import create_engine, text

app = Flask(__name__)
engine = create_engine("postgresql://shop@db/shop")

@app.route("/health")
def health():
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
    except Exception as error:
        return (jsonify(status="unhealthy", reason=str(error)), 503)
    return jsonify(status="ok")
```

Nothing is reported if the answer has a status of its own, or if the view raises an error:

```python
from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop")

@app.get("/health")
def health():
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
    except Exception:
        return JSONResponse({"status": "unhealthy"}, status_code=503)
    return {"status": "ok"}

@app.get("/ready")
def ready():
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
    except Exception as error:
        raise HTTPException(503) from error
    return {"status": "ok"}
```

## Fix safety

Unsafe: a check that has always succeeded may fail. Flask's and Django's answers get the status 503. There is no fix for
FastAPI.

## References

- [Health check response format](https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import AddKeyword, Replace
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, rule
from dbhygiene.library.prefilter import FRAMEWORKS, HEALTH
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.health_views import View, query_by, views
from dbhygiene.program.code import own_nodes
from dbhygiene.source.file import File

_HEALTH = re.compile(r"health|ready|readiness|live(?:z|ness|$|/)|heartbeat", re.IGNORECASE)
_STATUS = re.compile(r"status_code|\babort\b|\bstatus\s*=\s*[45]|\.status\b\s*=|make_response|Response\(.*\b[45]\d\d\b")
_ERRORS = re.compile(r"Exception|Error|BaseException")
_NOT_OF_QUERIES = ("ImportError", "KeyError", "ValueError", "TypeError", "AttributeError", "ModuleNotFoundError")
_PLAIN_ANSWERS = ("jsonify", "JsonResponse", "HttpResponse")


@rule("HYG506", on=File, imports=HEALTH, also=FRAMEWORKS)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file):
        return
    for view in views(file):
        if any(map(_HEALTH.search, view.routes)) and not _STATUS.search(file.segment(view.function)):
            yield from _view(file, view)


def _view(file: File, view: View) -> Iterator[Diagnostic]:
    for tried in (node for node in own_nodes(view.function) if isinstance(node, ast.Try)):
        query = _query_in(file, view, tried)
        for handler in tried.handlers if query is not None else ():
            if _catches_queries(file, handler) and not any(isinstance(n, ast.Raise) for n in ast.walk(handler)):
                for statement in ast.walk(handler):
                    if isinstance(statement, ast.Return) and _is_sent_with_200(view, statement.value):
                        yield _diagnostic(file, view, handler, query, statement)


def _query_in(file: File, view: View, tried: ast.Try) -> ast.Call | None:
    """The call in a `try` that queries the database, or that calls what does."""
    scope = file.functions[view.function]
    nodes = (node for statement in tried.body for node in ast.walk(statement))
    return next((node for node in nodes if isinstance(node, ast.Call) and query_by(file, node, scope)), None)


def _catches_queries(file: File, handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    text = file.segment(handler.type)
    return _ERRORS.search(text) is not None and not any(name in text for name in _NOT_OF_QUERIES)


def _is_sent_with_200(view: View, value: ast.expr | None) -> bool:
    """Whether a framework sends a value with its usual status."""
    match value:
        case ast.Dict() | ast.JoinedStr() | ast.Constant(value=str()):
            return view.framework in ("fastapi", "flask", "quart")
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=keywords):
            is_plain = name in _PLAIN_ANSWERS and len(value.args) < 2
            return is_plain and not any(keyword.arg in ("status", None) for keyword in keywords if name != "jsonify")
    return False


def _diagnostic(
    file: File, view: View, handler: ast.ExceptHandler, query: ast.Call | None, statement: ast.Return
) -> Diagnostic:
    steps = ((query, "the query fails"),) if query is not None else ()
    return Diagnostic(
        statement,
        f"`{view.function.name}` answers 200 if the database does not: this value is sent with the usual status",
        path=(*steps, (handler, "the error is caught"), (statement, "sent with 200")),
        fix=_fix(file, view, statement),
        confidence=Confidence.POSSIBLE if _is_body_read(file, view) else Confidence.LIKELY,
        notes=("load balancers and probes look at the status, not at the text",),
        subject=view.function.name,
    )


def _is_body_read(file: File, view: View) -> bool:
    """Whether a check of a container looks at the text of the answer."""
    files = file.project.deployment()
    return any(
        route in line and ("grep" in line or "jq" in line)
        for name in files.names
        for line in files.text(name).replace("\\\n", " ").splitlines()
        for route in view.routes
    )


def _fix(file: File, view: View, statement: ast.Return) -> Fix | NoFix:
    value = statement.value
    title = "Answer 503"
    match value:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in ("JsonResponse", "HttpResponse"):
            return Fix(title, (AddKeyword(file.span(value), "status", "503"),), Safety.UNSAFE)
    if view.framework in ("flask", "quart") and value is not None:
        return Fix(title, (Replace(file.span(value), f"({file.segment(value)}, 503)"),), Safety.UNSAFE)
    return NoFix("cannot tell how to set the status; raise `HTTPException(503)`")
