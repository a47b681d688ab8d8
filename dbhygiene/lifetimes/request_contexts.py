"""Connections that live as long as a request: kept in Flask's `g`, or returned by a dependency of FastAPI.

g.db = connect()                     # open after the request, unless a function that runs then closes it
"""

from __future__ import annotations

import ast
import re

from dbhygiene.library.resources import ArgumentEffect
from dbhygiene.lifetimes.fastapi import dependents, is_dependency
from dbhygiene.lifetimes.fields import assignment_targets, is_closed_in_text
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION

_CONTEXTS = frozenset({"flask.g", "quart.g", "flask._app_ctx_stack.top", "flask._request_ctx_stack.top"})
_CLOSING = re.compile(r"\b(?:aclosing|closing|ExitStack|enter_context|putconn|callback)\b")
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


def _attribute(life: Lifetime) -> str | None:
    """Return how the function writes the attribute of `g` that it sets to the connection."""
    targets = assignment_targets(life.file, life.birth)
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    for part in ast.walk(life.code):
        match part:
            case ast.Assign(targets=others, value=ast.Name(id=name)) if name in names:
                targets = [*targets, *others]
    for target in targets:
        if isinstance(target, ast.Attribute) and life.file.resolve(target.value) in _CONTEXTS:
            return ast.unparse(target)
    return None


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
