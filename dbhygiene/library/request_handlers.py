"""Functions that answer each request, message or task, by the decorators that register them."""

from __future__ import annotations

import ast

from dbhygiene.source.nodes import Function, last_name

_HANDLES = frozenset(
    {
        *("route", "get", "post", "put", "patch", "delete", "websocket", "task", "shared_task", "on_message"),
        *("view_config", "errorhandler", "before_request", "after_request", "scheduled_job", "tool"),
    }
)


def handler(function: Function) -> ast.expr | None:
    """Return the decorator that makes a function answer each request, message or task."""
    for decorator in function.decorator_list:
        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
        if last_name(inner) in _HANDLES:
            return decorator
    return None
