"""`kept_in_context`: the attribute of a request's context (Flask's `g`) in which a connection outlives the request.

g.db = connect()                     # open after the request, unless a function that runs then closes it
connections[key] = connect()         # `kept_in_module`: in each request, the one before can no longer be closed
"""

from __future__ import annotations

import ast
import re
from itertools import takewhile

from dbhygiene.diagnostics.model import Impact
from dbhygiene.library.resources import ArgumentEffect
from dbhygiene.lifetimes.fastapi import dependents, is_dependency
from dbhygiene.lifetimes.fields import assignment_targets, is_closed_in_text
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.names import is_new_container
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Function

_CONTEXTS = frozenset({"flask.g", "quart.g", "flask._app_ctx_stack.top", "flask._request_ctx_stack.top"})
_LOCALS = frozenset({"threading.local", "gevent.local.local", "asgiref.local.Local"})
_CLOSING = lazy_pattern(r"\b(?:aclosing|closing|ExitStack|enter_context|putconn|callback)\b")
_LENT = frozenset({ArgumentEffect.BORROWS, ArgumentEffect.READS, ArgumentEffect.HOLDS_PARTS})


def kept_in_context(life: Lifetime) -> str | None:
    """Return the attribute of a request's context in which a connection is left; None if some code may close it."""
    function = life.code
    if life.leak is not None or not isinstance(function, FUNCTION) or (path := _attribute(life)) is None:
        return None
    name = path.rpartition(".")[2]
    near: dict[str, File] = {str(life.file.path): life.file}
    for words in (("g", name), (function.name,)):
        if (files := life.file.project.files_mentioning_all(*words)) is None:
            return None
        near |= {str(file.path): file for file in files}
    if any(is_closed_in_text(file, life.resource) or _CLOSING.search(file.text) for file in near.values()):
        return None
    return path


def kept_in_module(life: Lifetime) -> str | None:
    """Return the variable of a module, or its element, that each request sets to a new connection.

    Return None if the function looks at it before, or if some code may close what it holds.
    """
    function, file = life.code, life.file
    if life.leak is not None or not isinstance(function, FUNCTION) or (found := _module_variable(life)) is None:
        return None
    target, name = found
    if _may_skip(life, function, name) or life.runs.impact is not Impact.REPEATED:
        return None
    near: dict[str, File] = {str(file.path): file}
    for words in ((name, file.module.rpartition(".")[2]), (function.name,)):
        if (files := file.project.files_mentioning_all(*words)) is None:
            return None
        near |= {str(each.path): each for each in files}
    takes_out = re.compile(rf"\b{name}\b(?:\.(?:pop|popitem|values|items)\b|\s*[,)])|\bin\s+{name}\b|[\])]\.close\b")
    for each in near.values():
        if is_closed_in_text(each, life.resource) or _CLOSING.search(each.text) or takes_out.search(each.text):
            return None
    return ast.unparse(target)


def _may_skip(life: Lifetime, function: Function, name: str) -> bool:
    """Whether a function may keep the connection that its module has: it looks at that first, or may do nothing."""
    around = takewhile(lambda node: node is not function, life.file.around(life.birth))
    if any(
        isinstance(each, (ast.If, ast.ExceptHandler, ast.While, ast.Match, ast.IfExp, ast.BoolOp)) for each in around
    ):
        return True
    opening = life.statement
    for part in life.file.own(function):
        if isinstance(part, (ast.Return, ast.Raise)) and part.lineno < opening.lineno:
            return True
        if isinstance(part, ast.Name) and part.id == name and part.lineno < opening.lineno:
            return True
    return False


def _module_variable(life: Lifetime) -> tuple[ast.expr, str] | None:
    """Return what a function sets to the connection, and the variable of its module: a global one, or its element."""
    scope, module = life.scope, life.file.scope
    for target in _targets(life):
        match target:
            case ast.Name(id=name) if name in scope.globals:
                return target, name
            case ast.Subscript(value=ast.Name(id=name)) | ast.Attribute(value=ast.Name(id=name)):
                values = module.aliases.get(name, ()) if name not in scope.bound else ()
                is_local = isinstance(target, ast.Attribute)
                if values and all(
                    _is_thread_local(life.file, v) if is_local else is_new_container(life.file, v) for v in values
                ):
                    return target, name
    return None


def _is_thread_local(file: File, value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and file.resolve(value.func) in _LOCALS


def _attribute(life: Lifetime) -> str | None:
    """Return how the function writes the attribute of `g` that it sets to the connection."""
    for target in _targets(life):
        if isinstance(target, ast.Attribute) and life.file.resolve(target.value) in _CONTEXTS:
            return ast.unparse(target)
    return None


def _targets(life: Lifetime) -> list[ast.expr]:
    """Return what a function assigns the connection to, by its variable, too."""
    targets = assignment_targets(life.file, life.birth)
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    for part in ast.walk(life.code):
        match part:
            case ast.Assign(targets=others, value=ast.Name(id=name)) if name in names:
                targets = [*targets, *others]
    return targets


def is_left_to_request(life: Lifetime) -> bool:
    """Whether a dependency of FastAPI returns a connection, and none of the functions that get it closes it."""
    if not life.is_returned or not isinstance(life.code, FUNCTION) or not is_dependency(life.file, life.code):
        return False
    users = dependents(life.file, life.code)
    summaries = life.analysis.effects.summaries
    return bool(users) and all(
        summaries.summary_of_body(Definition(file, function, name), parameter, life.resource).normal <= _LENT
        for file, function, name, parameter in users or ()
    )
