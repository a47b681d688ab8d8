"""`may_lose_writes`: whether a function may write to a connection that its driver may lose, by itself or by its calls.

cursor.execute("insert into orders values (%s)", row)     # such a statement, spelt out in the program, is rare

So the few functions with one are found first, by the text of files. Most projects have none: no call is followed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.prefilter import import_lines
from dbhygiene.library.server_calls import CONNECTION_ASKS, CURSOR_ASKS
from dbhygiene.program.arguments import has_parameter
from dbhygiene.program.bindings import Place
from dbhygiene.program.callers import calls_that_lead_to
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.handles import owner_of
from dbhygiene.recovery.operations import writes_rows
from dbhygiene.source.file import File, ProjectView, function_around
from dbhygiene.source.inputs import answer
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import Code
from dbhygiene.source.queries import query

_SENDING = ("execute", "query(")  # a part of each name by which a statement is sent to such a connection
_METHODS = CURSOR_ASKS | CONNECTION_ASKS
_WORD = lazy_pattern(r"\w+")
_SENT = lazy_pattern(r"(?:execute\w*|query)\(\s*([A-Za-z_]\w*)")
# A string that begins as a statement does. Of those with a capital, most are docstrings: `"""Update the list."""`
_STATEMENT = lazy_pattern(
    r"""["']\s*(?:\\(?:[nrt]|\r?\n)\s*)*(?:(?:INSERT|UPDATE|DELETE|REPLACE|MERGE|insert|update|delete|replace|merge)\b(?!["'])"""
    r"""|(?i:(?:insert|replace|merge)\s+(?:into\b|\w+\s+into\b)|delete\s+from\b|update\s+\S+\s+set\b))"""
)


def may_lose_writes(file: File, code: Code) -> bool:
    """Whether code, or what it calls, may write to a connection that can be lost, and that is not made on the spot."""
    found = [*writers(file.project), *_writers_in(file)]  # the text of this file may differ from the project's
    return any(name in ("", getattr(code, "name", None)) for _, name in found)


@answer
def writers(project: ProjectView) -> list[list[str]]:
    """Return the functions that may lose what they write by themselves or by a call: path and name; no name: all."""
    files = {file.path: file for word in _SENDING for file in project.files_containing(word)}
    return [[path, name] for file in files.values() for path, name in _writers_in(file)]


@query
def _writers_in(file: File) -> list[tuple[str, str]]:
    if not _may_write(file) or not file.is_program:
        return []
    found = dict[tuple[str, str], None]()
    for call in file.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS and writes_rows(file, call):
            owner = owner_of(file, call)
            if owner is not None and loss_of(owner.library) is not None and isinstance(owner.root, Place):
                found.update(dict.fromkeys(_losers(file, call, owner.root)))
    return [*found]


def _may_write(file: File) -> bool:
    """Whether a file sends a statement that it spells out, or imports, by its text."""
    if not any(word in file.text for word in _SENDING):
        return False
    if _STATEMENT.search(file.text):
        return True
    sent = set(_SENT.findall(file.text))
    return bool(sent) and not sent.isdisjoint(_WORD.findall(import_lines(file.text)))


def _losers(file: File, call: ast.Call, root: Place) -> Iterator[tuple[str, str]]:
    """Yield the functions that may lose what a call writes: path and name; no name: all of them.

    If a variable of the function holds the connection, only this function may; else, also those that lead to it.
    """
    function = function_around(file, call)
    yield str(file.path), function.name if function is not None else ""
    if function is not None and (root.scope.node is not function or has_parameter(function, root.path)):
        for found in calls_that_lead_to(file, function):
            above = function_around(*found) if found is not None else None
            yield (str(found[0].path), above.name) if found is not None and above is not None else ("", "")
