"""`handler`: the decorator that makes a function answer each request, message or task.

@app.get("/orders")                  # `handler` of `orders`
def orders(): ...
"""

from __future__ import annotations

import ast

from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import Function, last_name, without_arguments

_HANDLES = frozenset(
    {
        *("route", "get", "post", "put", "patch", "delete", "websocket", "task", "shared_task", "on_message"),
        *("view_config", "errorhandler", "before_request", "after_request", "scheduled_job", "tool"),
    }
)

# Decorators that only views have, by their dotted names: Django's, its REST framework's, and those of logins.
_VIEWS = lazy_pattern(
    r"django\.views\.decorators\.|django\.contrib\.(?:auth|admin\.views)\.decorators\."
    r"|rest_framework\.decorators\.api_view$|flask_(?:login|jwt_extended|security)\.\w+_required$"
)


def is_of_view(name: str) -> bool:
    """Whether a decorator with this dotted name makes a function a view, which answers each request of its URL."""
    return _VIEWS.match(name) is not None


def handler(function: Function) -> ast.expr | None:
    """Return the decorator that makes a function answer each request, message or task."""
    for decorator in function.decorator_list:
        inner = without_arguments(decorator)
        if last_name(inner) in _HANDLES and not _is_mock(inner):
            return decorator
    return None


def _is_mock(decorator: ast.expr) -> bool:
    """Whether a decorator is `patch` of `unittest.mock`: that of a web framework is a method of an application."""
    match decorator:
        case ast.Name(id="patch") | ast.Attribute(value=ast.Name(id="mock") | ast.Attribute(attr="mock"), attr="patch"):
            return True
    return False
