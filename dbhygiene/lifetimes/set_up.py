"""`runs_set_up`: whether a call only sets a connection up, before any work, as by `SET NAMES utf8mb4`.

What makes such a statement fail makes it fail for each connection, unless the connection is dead: then nothing is held.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

from dbhygiene.library.calls import QUERIES, SETTING
from dbhygiene.program.callees import callees
from dbhygiene.source.file import File, scope_around
from dbhygiene.source.nodes import FUNCTION, Function, argument_values, walk


def all_begin_with(file: File, asked: ast.expr, with_: re.Pattern[str]) -> bool:
    """Whether all possible texts of a query begin with this pattern."""
    from dbhygiene.program.evaluation import evaluate  # for the few that leak by an exception
    from dbhygiene.program.values import patterns

    texts = patterns(evaluate(file, asked))
    return all(with_.match(each) for text in texts for each in text.split(";") if each.strip() or each == text)


def runs_set_up(file: File, call: ast.Call, seen: Collection[ast.AST] = ()) -> bool:
    """Whether a call runs functions of the project that do nothing with a connection but set it up."""
    found = callees(file, call, scope_around(file, call))
    if not found.definitions or not found.complete:
        return False
    bodies = [(each.file, each.node) for each in found.definitions]
    return all(isinstance(node, FUNCTION) and _only_sets_up(where, node, seen) for where, node in bodies)


def _only_sets_up(file: File, function: Function, seen: Collection[ast.AST]) -> bool:
    """Whether a function sends statements, and only such that set up what its caller gives it."""
    if function in seen:
        return True
    seen = {*seen, function}
    arguments = function.args
    given = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    sent = 0
    for call in (node for node in walk(function) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in QUERIES:
            if call.func.attr != "execute" or not call.args or not all_begin_with(file, call.args[0], SETTING):
                return False
            sent += 1
        elif any(isinstance(each, ast.Name) and each.id in given for each in argument_values(call)):
            if runs_set_up(file, call, seen):
                sent += 1
            elif callees(file, call, scope_around(file, call)).definitions:
                return False  # it may use the connection for anything
    return sent > 0
