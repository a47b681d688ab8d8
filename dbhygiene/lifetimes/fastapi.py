"""FastAPI's dependencies: functions that it calls for each request, and resumes after it only if they yield."""

from __future__ import annotations

import ast

from dbhygiene.program.names import canonical_name
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import Function

_DEPENDS = frozenset(
    {"fastapi.Depends", "fastapi.params.Depends", "fastapi.Security", "fastapi.param_functions.Depends"}
)


def is_dependency(file: File, function: Function) -> bool:
    """Whether some `Depends(...)` of the project names a function of this file's module scope."""
    if file.scope.defined.get(function.name) is not function:
        return False
    files = files_with_word(file, function.name)
    return any("Depends" in each.text and _depends_on(each, file, function) for each in files)


def _depends_on(file: File, owner: File, function: Function) -> bool:
    wanted = f"{owner.module}.{function.name}"
    for call in file.nodes(ast.Call):
        if file.resolve(call.func) in _DEPENDS:
            for given in (*call.args[:1], *(k.value for k in call.keywords if k.arg == "dependency")):
                name = file.resolve(given)
                if name is not None and wanted in (name, canonical_name(file, name)):
                    return True
    return False
