"""Health check that answers 200 although the database does not answer.

Load balancers, Kubernetes and monitoring look at the status of the answer, not at its text. If the view catches the
error of the query and returns a value as usual, the answer has the status 200, and the check never fails. A view is a
health check if its route contains a word such as `health`, `ready`, `live` or `heartbeat`.

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
        return f"unhealthy: {error}"  # HYG506: answers 200
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
        return (f"unhealthy: {error}", 503)
    return jsonify(status="ok")
```

Nothing is reported if the handler sets another status, or if the view raises an error:

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

A handler that sets a value which the view sends later is reported, too:

```python
from fastapi import FastAPI
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop")

@app.get("/health")
def health():
    database = "ok"
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
    except Exception:
        database = "down"
    return {"database": database}  # HYG506: answers 200
```

The same happens if a helper catches the error and returns `False`, which the view sends. FastAPI also answers 200 if
the view returns a tuple: only Flask reads a tuple as the text and the status.

```python
from fastapi import FastAPI
from sqlalchemy import create_engine, text

app = FastAPI()
engine = create_engine("postgresql://shop@db/shop")

def is_connected():
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
        return True
    except Exception:
        return False

@app.get("/health")
def health():
    return {"database": is_connected()}  # HYG506: answers 200

@app.get("/ready")
def ready():
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))
    except Exception:
        return {"status": "down"}, 503  # HYG506: answers 200
    return {"status": "ok"}
```

Pages for people, such as `/health/details`, are not reported.

## Fix safety

Unsafe: a check that has always succeeded may fail. Flask's and Django's answers get the status 503. There is no fix for
FastAPI.

## References

- [Health check response format](https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import AddKeyword, Replace
from dbhygiene.diagnostics.model import Diagnostic, Fix, NoFix, Safety, Step, rule
from dbhygiene.library.prefilter import FRAMEWORKS, HEALTH
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.health_views import View, query_by, views
from dbhygiene.program.callees import callees
from dbhygiene.program.code import own_nodes
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, Located, Span

_HEALTH = re.compile(r"health|ready|readiness|live(?:z|ness|$|/)|heartbeat", re.IGNORECASE)
_IS_CHECK = re.compile(
    r"(?:health|healthz|health_?check|health-check|ready|readyz|readiness|live|livez|liveness|heartbeat)/?$"
)
_STATUS = re.compile(r"status_code|\babort\b|\bstatus\s*=\s*[45]|\.status\b\s*=|make_response|Response\(.*\b[45]\d\d\b")
_ERRORS = re.compile(r"Exception|Error|BaseException")
_NOT_OF_QUERIES = ("ImportError", "KeyError", "ValueError", "TypeError", "AttributeError", "ModuleNotFoundError")
_LOGIN = re.compile(r"login|role|permission|jwt|\badmin|requires?_auth|auth(?:entication)?_required", re.IGNORECASE)
_PLAIN_ANSWERS = ("jsonify", "JsonResponse", "HttpResponse")
_NOTE = "load balancers and probes look at the status, not at the text"
_TUPLE = "FastAPI sends a tuple as a list, with the status 200"
_READS_TEXT = ("grep", "jq", ".json(", "json.load")
_SEND_DICTS = ("fastapi", "flask", "quart")
_FOR_PEOPLE = re.compile(r"detail|settings|dashboard|admin|stat(?:s|istics)\b|report|monitor", re.IGNORECASE)


@rule("HYG506", on=File, imports=HEALTH, also=FRAMEWORKS)
def check(file: File, _: File) -> Iterator[Diagnostic]:
    if is_test_file(file):
        return
    for view in views(file):
        if _needs_login(file, view) or _is_for_people(view):
            continue
        if any(map(_HEALTH.search, view.routes)) and not _STATUS.search(file.segment(view.function)):
            found: dict[Located | Span, Diagnostic] = {}
            for each in (*_view(file, view), *_helper(file, view)):
                found.setdefault(each.at, each)  # one of each answer is enough
            yield from found.values()


def _needs_login(file: File, view: View) -> bool:
    """Whether a view is for users who have logged in: probes have not."""
    return any(_LOGIN.search(file.segment(decorator)) for decorator in view.function.decorator_list)


def _is_for_people(view: View) -> bool:
    """Whether a page shows details, by its name: people read it, not load balancers."""
    return all(map(_FOR_PEOPLE.search, view.routes)) or _FOR_PEOPLE.search(view.function.name) is not None


def _view(file: File, view: View) -> Iterator[Diagnostic]:
    for tried in (node for node in own_nodes(view.function) if isinstance(node, ast.Try)):
        query = _query_in(file, view, tried)
        for handler in tried.handlers if query is not None else ():
            if _catches_queries(file, handler) and not any(isinstance(n, ast.Raise) for n in ast.walk(handler)):
                for statement in _answers(file, view, tried, handler):
                    is_in_handler = statement.lineno <= (handler.end_lineno or handler.lineno)
                    if is_in_handler or any(map(_IS_CHECK.search, view.routes)):
                        yield _diagnostic(file, view, handler, query, statement)


def _answers(file: File, view: View, tried: ast.Try, handler: ast.ExceptHandler) -> Iterator[ast.Return]:
    """Yield what a view answers after an error: in the handler, or later with a value that the handler has set."""
    inside = [node for node in ast.walk(handler) if isinstance(node, ast.Return)]
    yield from (each for each in inside if _is_sent_with_200(file, view, each.value))
    own = list(own_nodes(view.function))
    if inside or any(isinstance(node, ast.Raise) for node in own):
        return
    changed = {name.id for name in ast.walk(handler) if isinstance(name, ast.Name) and _is_changed(name, handler)}
    end = tried.end_lineno or tried.lineno
    later = [node for node in own if isinstance(node, ast.Return) and node.lineno > end]
    if len(later) == 1 and later[0] in view.function.body and _mentions(later[0], changed):
        literals = _dicts_of(own)
        if _is_sent_with_200(file, view, later[0].value, literals):
            yield later[0]


def _helper(file: File, view: View) -> Iterator[Diagnostic]:
    """Report a view that sends what a helper returns, also if it has caught the error of its query."""
    own = list(own_nodes(view.function))
    answers = [node for node in own if isinstance(node, ast.Return)]
    if len(answers) != 1 or answers[0] not in view.function.body or any(isinstance(node, ast.Raise) for node in own):
        return
    if not any(map(_IS_CHECK.search, view.routes)) or not _is_sent_with_200(
        file, view, answers[0].value, _dicts_of(own)
    ):
        return
    for call in (node for node in own if isinstance(node, ast.Call)):
        if _mentions(answers[0], _names_of(call, own)) or any(node is call for node in ast.walk(answers[0])):
            for definition in callees(file, call, file.functions[view.function]).definitions:
                hidden = (
                    _caught_query(definition.file, definition.node) if isinstance(definition.node, FUNCTION) else None
                )
                if hidden is not None:
                    yield _diagnostic_of_helper(file, view, call, answers[0], definition.file, hidden)
                    return


def _names_of(call: ast.Call, nodes: list[ast.AST]) -> set[str]:
    """Return the variables to which the value of a call is assigned."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Assign) and (node.value is call or getattr(node.value, "value", None) is call):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _caught_query(file: File, function: Function) -> tuple[ast.Call, ast.ExceptHandler] | None:
    """Return a query of a helper and the handler that catches its errors and returns False or None."""
    for tried in (node for node in own_nodes(function) if isinstance(node, ast.Try)):
        nodes = (node for statement in tried.body for node in ast.walk(statement))
        query = next((each for each in nodes if isinstance(each, ast.Call) and query_by(file, each)), None)
        for handler in tried.handlers if query is not None else ():
            last = handler.body[-1]
            is_quiet = isinstance(last, ast.Return) and isinstance(last.value, ast.Constant) and not last.value.value
            if query is not None and is_quiet and _catches_queries(file, handler):
                return query, handler
    return None


def _is_changed(name: ast.Name, handler: ast.ExceptHandler) -> bool:
    """Whether a handler assigns a variable, or an item of it."""
    for node in ast.walk(handler):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            while isinstance(target, ast.Subscript):
                target = target.value
            if target is name:
                return True
    return False


def _mentions(answer: ast.Return, names: set[str]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(answer))


def _dicts_of(nodes: list[ast.AST]) -> set[str]:
    """Return the variables to which nothing but dict literals are assigned."""
    found: dict[str, bool] = {}
    for node in nodes:
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = found.get(target.id, True) and isinstance(node.value, ast.Dict)
    return {name for name, is_dict in found.items() if is_dict}


def _query_in(file: File, view: View, tried: ast.Try) -> ast.Call | None:
    """Return the call in a `try` that queries the database, or that calls what does."""
    nodes = (node for statement in tried.body for node in ast.walk(statement))
    return next((node for node in nodes if isinstance(node, ast.Call) and query_by(file, node)), None)


def _catches_queries(file: File, handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    text = file.segment(handler.type)
    return _ERRORS.search(text) is not None and not any(name in text for name in _NOT_OF_QUERIES)


def _is_sent_with_200(file: File, view: View, value: ast.expr | None, dicts: Container[str] = ()) -> bool:
    """Whether a framework sends a value with its usual status; `dicts` are variables whose values are dicts."""
    match value:
        case ast.Name(id=name):
            return name in dicts and view.framework in _SEND_DICTS
        case ast.Dict() | ast.JoinedStr() | ast.Constant(value=str()):
            return view.framework in _SEND_DICTS
        case ast.Tuple(elts=[ast.Dict(), ast.Constant(value=int())]):
            return view.framework == "fastapi"  # which sends the tuple as a list
        case ast.Call(func=ast.Name(id=name)) if view.framework == "fastapi" and name == _response_model(view):
            return not (file.resolve(value.func) or "").startswith(("fastapi.", "starlette."))
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=keywords):
            is_plain = name in _PLAIN_ANSWERS and len(value.args) < 2
            return is_plain and not any(keyword.arg in ("status", None) for keyword in keywords if name != "jsonify")
    return False


def _response_model(view: View) -> str:
    """Return the name of the class whose objects a view returns, by `response_model` or by its annotation."""
    for decorator in view.function.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "response_model" and isinstance(keyword.value, ast.Name):
                return keyword.value.id
    return view.function.returns.id if isinstance(view.function.returns, ast.Name) else ""


def _diagnostic_of_helper(
    file: File,
    view: View,
    call: ast.Call,
    answer: ast.Return,
    other: File,
    hidden: tuple[ast.Call, ast.ExceptHandler],
) -> Diagnostic:
    query, handler = hidden
    return Diagnostic(
        answer,
        f"`{view.function.name}` answers 200 although its query of the database has failed",
        path=(
            Step(file.path, file.span(call), "a helper queries the database"),
            Step(other.path, other.span(query), "the query fails"),
            Step(other.path, other.span(handler), "the error is caught"),
            Step(file.path, file.span(answer), "sent with 200"),
        ),
        fix=NoFix("cannot tell when the result means a failure; answer 503 if the helper's result is false"),
        confidence=Confidence.POSSIBLE if _is_body_read(file, view) else Confidence.LIKELY,
        notes=(_NOTE,),
        subject=view.function.name,
    )


def _diagnostic(
    file: File, view: View, handler: ast.ExceptHandler, query: ast.Call | None, statement: ast.Return
) -> Diagnostic:
    steps = ((query, "the query fails"),) if query is not None else ()
    return Diagnostic(
        statement,
        f"`{view.function.name}` answers 200 although its query of the database has failed",
        path=(*steps, (handler, "the error is caught"), (statement, "sent with 200")),
        fix=_fix(file, view, statement),
        confidence=Confidence.POSSIBLE if _is_body_read(file, view) else Confidence.LIKELY,
        notes=(_NOTE, *((_TUPLE,) if isinstance(statement.value, ast.Tuple) else ())),
        subject=view.function.name,
    )


def _is_body_read(file: File, view: View) -> bool:
    """Whether a check of a container looks at the text of the answer."""
    files = file.project.deployment()
    return any(
        route in line and any(word in line for word in _READS_TEXT)
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
        return Fix(title, (Replace(file.span(value), "($value, 503)"),), Safety.UNSAFE)
    return NoFix("the caller may read the text of the answer; raise `HTTPException(503)`")
