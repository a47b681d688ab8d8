"""`django_target`: the server of one of Django's `DATABASES`, with the variables of this environment filled in.

Nothing is executed: the settings are read, and calls such as `os.environ.get("DB_HOST", "db")` and
`env("DB_HOST", default="db")` are answered from the environment.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator

from dbhygiene.config.errors import UsageError
from dbhygiene.gaps.django_settings import settings_modules
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.dialect_evidence import named_server
from dbhygiene.project.project import Project
from dbhygiene.servers.live.target import PORTS, ServerTarget, parse_url, target
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.nodes import written_items
from dbhygiene.source.queries import recursive_query

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_PARTS = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "NAME": "name"}


def django_target(project: Project, alias: str) -> ServerTarget:
    """Return the target of a database of Django; raise UsageError if it is not found, or not known."""
    reasons: list[str] = []
    for settings in _settings(project):
        entry = _entry(settings, alias)
        if entry is None:
            continue
        found = _target(settings, entry, f"django:{alias}")
        if isinstance(found, ServerTarget):
            return found
        reasons.append(f"{settings.relative_name}: {found}")
    why = "; ".join(reasons) or "no settings module has this database"
    raise UsageError(f"django:{alias}: {why}; name an environment variable or a URL")


def _settings(project: Project) -> Iterator[File]:
    """Yield the modules that may set `DATABASES`, the one that this environment names first."""
    named = os.environ.get("DJANGO_SETTINGS_MODULE")
    found = [file for file in project.files_containing("DATABASES") if file.is_program and not is_test_file(file)]
    files = [module for file in found[:1] for module in settings_modules(file)] + found
    yield from sorted(dict.fromkeys(files), key=lambda file: file.module != named)


def _entry(settings: File, alias: str) -> ast.expr | None:
    """Return the expression of one database."""
    found: ast.expr | None = None
    for name, value in _assignments(settings):
        match name:
            case ast.Name(id="DATABASES") if isinstance(value := _behind(settings, value), ast.Dict):
                found = written_items(value).get(alias, found)
            case ast.Subscript(value=ast.Name(id="DATABASES"), slice=ast.Constant(value=key)) if key == alias:
                found = value
    return found


def _assignments(settings: File) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in settings.tree.body:
        if isinstance(node, ast.Assign):
            yield from ((each, node.value) for each in node.targets)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield node.target, node.value


def _behind(settings: File, value: ast.expr) -> ast.expr:
    """Return the expression that a name of the module stands for, if only one is assigned to it."""

    def only_value(expr: ast.expr) -> list[ast.expr]:
        named = expr.id if isinstance(expr, ast.Name) else None
        found = [each for name, each in _assignments(settings) if isinstance(name, ast.Name) and name.id == named]
        return found if len(found) == 1 else []

    *_, last = closure(value, only_value)
    return last


def _target(settings: File, entry: ast.expr, source: str) -> ServerTarget | str:
    """Return the target of a database, or the reason why it is not known."""
    entry = _behind(settings, entry)
    if isinstance(entry, ast.Call):
        url = _url(settings, entry)
        return parse_url(url, source) if url else "the URL of the database is not known here"
    if not isinstance(entry, ast.Dict):
        return "the database is not written as a dict or as a call with a URL"
    written = written_items(entry)
    engine = _text(settings, written["ENGINE"]) if "ENGINE" in written else None
    database = named_server(engine) if engine else ""
    if database not in PORTS:
        return f"`{engine}` is neither MySQL nor PostgreSQL" if engine else "the `ENGINE` is not known here"
    known = {field: _text(settings, written[key]) for key, field in _PARTS.items() if key in written}
    if missing := [key for key, field in _PARTS.items() if key in written and known[field] is None]:
        return f"the value of `{missing[0]}` is not known here; is its environment variable set?"
    given = {field: value or "" for field, value in known.items()}
    is_socket = given.get("host", "").startswith("/")
    return target(
        database,
        source,
        port=given.pop("port", ""),
        password=given.pop("password", ""),
        tls=dict(_tls(settings, written.get("OPTIONS"))),
        **({"socket": given.pop("host")} if is_socket else {}),
        **given,
    )


def _tls(settings: File, found: ast.expr | None) -> Iterator[tuple[str, str]]:
    """Yield the options of TLS: `"sslmode": "require"`, `"ssl": {"ca": "ca.pem"}`."""
    for key, value in (written_items(found) if isinstance(found, ast.Dict) else {}).items():
        key = str(key)
        if key == "ssl" and isinstance(value, ast.Dict):
            yield from ((f"ssl_{name}", _text(settings, each) or "") for name, each in written_items(value).items())
        elif key.startswith("ssl"):
            yield key, _text(settings, value) or ""


def _url(settings: File, call: ast.Call) -> str | None:
    """Return the URL of `dj_database_url.config(default=...)`, `.parse(...)` or `env.db("DATABASE_URL")`."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method == "parse" and call.args:
        return _text(settings, call.args[0])
    variable = named.get("env") or (call.args[0] if call.args and method != "config" else None)
    name = variable.value if isinstance(variable, ast.Constant) else "DATABASE_URL"
    return os.environ.get(str(name)) or (_text(settings, named["default"]) if "default" in named else None)


@recursive_query(None)
def _text(settings: File, expr: ast.expr) -> str | None:
    """Return the text of an expression in this environment; None if it is not known."""
    match _behind(settings, expr):
        case ast.Constant(value=None):
            return ""
        case ast.Constant(value=str() | int() as constant):
            return str(constant)
        case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name))):
            return os.environ.get(name)
        case ast.JoinedStr(values=parts):
            texts = [_text(settings, part) for part in parts]
            return None if None in texts else "".join(text or "" for text in texts)
        case ast.FormattedValue(value=inner, format_spec=None):
            return _text(settings, inner)
        case ast.BoolOp(op=ast.Or(), values=several):
            texts = [_text(settings, each) for each in several]
            return next((text for text in texts if text), texts[-1])
        case ast.Call(func=ast.Name(id="str" | "int"), args=[inner]):
            return _text(settings, inner)
        case ast.Call(args=[ast.Constant(value=str(name)), *rest], keywords=keywords) if _VARIABLE.fullmatch(name):
            defaults = [*rest[:1], *(keyword.value for keyword in keywords if keyword.arg == "default")]
            value = os.environ.get(name)
            return value if value is not None or not defaults else _text(settings, defaults[0])
    return None
