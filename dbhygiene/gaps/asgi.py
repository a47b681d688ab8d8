"""`may_use_own_threads`: whether an ASGI application may run each HTTP request in a thread of its own.

ProtocolTypeRouter({"websocket": ...})               # no: the handler of Channels uses one thread for all
ProtocolTypeRouter({"http": get_asgi_application()}) # yes: that of Django uses one for each request
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from dbhygiene.gaps.django_settings import settings_files
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.evaluation import evaluate_member
from dbhygiene.program.origins import ExpressionAt, behind, values_of
from dbhygiene.program.values import Constant, options
from dbhygiene.source.file import File
from dbhygiene.source.queries import query

_DJANGO = "django.core.asgi.get_asgi_application"
_HANDLER = "channels.http.AsgiHandler"  # it has one thread for all requests
_BY_SETTING = "channels.routing.get_default_application"
_ROUTER = "channels.routing.ProtocolTypeRouter"


def may_use_own_threads(settings: File, application: str) -> bool:
    """Whether a site's application, as a command names it, may run each HTTP request in a thread of its own."""
    return _follow(settings, _named(settings, application), frozenset()) is not False


@query
def site_may_use_own_threads(settings: File) -> bool:
    """Whether the application of `ASGI_APPLICATION` may do so."""
    return _follow(settings, _by_setting(settings), frozenset()) is not False


def _named(settings: File, application: str) -> list[ExpressionAt]:
    """Return the values of `shop.asgi:application`, or of `shop.asgi.application`."""
    module, _, name = application.partition(":")
    file = settings.project.module(module, settings)
    if file is None and not name:
        module, _, name = module.rpartition(".")
        file = settings.project.module(module, settings) if module else None
    if file is None:
        return []
    place = Place(file.scope, name or "application")
    if values := Bindings.of(file).values.get(place):
        return [ExpressionAt(file, value) for value in values]
    imported = file.scope.imports.get(place.path, "")
    return _named(file, ":".join(imported.rsplit(".", 1))) if imported.count(".") else []


def _by_setting(settings: File) -> list[ExpressionAt]:
    for module in settings_files(settings):
        if "ASGI_APPLICATION" in module.scope.bound:
            found = options(evaluate_member(module, "ASGI_APPLICATION"))
            names = [each.value for each in found if isinstance(each, Constant) and isinstance(each.value, str)]
            return [value for name in names for value in _named(module, name)]
    return []


def _follow(settings: File, values: Collection[ExpressionAt], above: frozenset[ast.expr]) -> bool | None:
    """Return whether one of some applications runs each HTTP request in its own thread; None if it is not known."""
    found = {_kind(settings, each, above | {each.expr}) for each in values if each.expr not in above}
    return True if True in found else False if False in found else None


def _kind(settings: File, at: ExpressionAt, above: frozenset[ast.expr]) -> bool | None:
    file, expr = at
    if not isinstance(expr, ast.Call):
        return _follow(settings, values_of(file, expr), above)
    name = file.resolve(expr.func)
    if name == _DJANGO:
        return True
    if name == _HANDLER:
        return False
    if name == _BY_SETTING:
        return _follow(settings, _by_setting(settings), above)
    if name == _ROUTER and expr.args:
        owner, routes = behind(file, expr.args[0])
        if not isinstance(routes, ast.Dict) or None in routes.keys or owner is not file or _is_changed(file, expr):
            return None
        http = [
            value
            for key, value in zip(routes.keys, routes.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == "http"
        ]
        if not http:
            return False if all(isinstance(key, ast.Constant) for key in routes.keys) else None
        return _follow(settings, [ExpressionAt(owner, http[0])], above)
    parts = [*expr.args, *(word.value for word in expr.keywords)]  # of what wraps another application
    return _follow(settings, [ExpressionAt(file, part) for part in parts], above)


def _is_changed(file: File, router: ast.Call) -> bool:
    """Whether the table of a router is a variable to which the program may add other items."""
    table = router.args[0]
    if not isinstance(table, ast.Name):
        return False
    bindings = Bindings.of(file)
    place = bindings.place(table)
    return place is None or bool(bindings.puts.get(place)) or place in bindings.possibly_mutated
