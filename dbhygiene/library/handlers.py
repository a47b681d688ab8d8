"""Functions that answer each request, message or task, by the decorators that register them."""

from __future__ import annotations

import ast

from dbhygiene.source import Function

_HANDLES = frozenset(
    {
        *("route", "get", "post", "put", "patch", "delete", "websocket", "task", "shared_task", "on_message"),
        *("view_config", "errorhandler", "before_request", "after_request", "scheduled_job", "tool"),
    }
)


def handler(function: Function) -> ast.expr | None:
    """The decorator that makes a function answer each request, message or task."""
    for decorator in function.decorator_list:
        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
        last = inner.attr if isinstance(inner, ast.Attribute) else inner.id if isinstance(inner, ast.Name) else ""
        if last in _HANDLES:
            return decorator
    return None
