"""`dependents`: the functions that get the result of a dependency of FastAPI, which resumes it only if it yields.

def get_db(): ...

@app.get("/orders")
def orders(conn=Depends(get_db)): ...    # `dependents` of `get_db` are `orders`, with its parameter `conn`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.program.arguments import defaults, named_parameters
from dbhygiene.program.names import canonical_name
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import Function

DEPENDS = frozenset(
    {"fastapi.Depends", "fastapi.params.Depends", "fastapi.Security", "fastapi.param_functions.Depends"}
)


def is_dependency(file: File, function: Function) -> bool:
    """Whether some `Depends(...)` of the project names a function of this file's module scope."""
    return next(_mentions(file, function), None) is not None


def dependents(file: File, function: Function) -> list[tuple[File, Function, str, str]] | None:
    """Return the functions that get the result of a dependency: file, function, its name, parameter; None if unknown.

    Of the form `conn: Annotated[Connection, Depends(get)]`, those of an alias `Conn = Annotated[...]` are found, too.
    """
    found: list[tuple[File, Function, str, str]] = []
    for where, call in _mentions(file, function):
        users = _users_of(where, call)
        if users is None:
            return None
        found += users
    return found


def _users_of(file: File, call: ast.Call) -> list[tuple[File, Function, str, str]] | None:
    match next(node for node in file.around(call) if isinstance(node, (ast.stmt, ast.Lambda))):
        case ast.FunctionDef() | ast.AsyncFunctionDef() as user:
            given = [name for name, default, note in _parameters(user) if _is_within(call, default, note)]
            return [(file, user, file.functions[user].name, given[0])] if given else None
        case ast.Assign(targets=[ast.Name(id=alias)], value=value) if file.scope.aliases.get(alias) == [value]:
            users: list[tuple[File, Function, str, str]] = []
            for other in files_with_word(file, alias):
                functions: list[Function] = [*other.nodes(ast.FunctionDef), *other.nodes(ast.AsyncFunctionDef)]
                for each in functions:
                    for name, _, note in _parameters(each):
                        if note is not None and _is_alias(other, note, file, alias):
                            users.append((other, each, other.functions[each].name, name))
            return users
    return None


def _is_alias(file: File, note: ast.expr, owner: File, alias: str) -> bool:
    """Whether an annotation is a global name of a file, by this name or an import of it."""
    if isinstance(note, ast.Name) and file is owner:
        return note.id == alias
    name = file.resolve(note)
    return name is not None and f"{owner.module}.{alias}" in (name, canonical_name(file, name))


def _parameters(function: Function) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """Yield the name, the default and the annotation of each parameter."""
    given = defaults(function)
    for parameter in named_parameters(function):
        yield parameter.arg, given.get(parameter.arg), parameter.annotation


def _is_within(node: ast.AST, *outer: ast.AST | None) -> bool:
    return any(each is not None and node in ast.walk(each) for each in outer)


def _mentions(owner: File, function: Function) -> Iterator[tuple[File, ast.Call]]:
    """Yield each `Depends(...)` that names a function, with its file."""
    if owner.scope.defined.get(function.name) is not function:
        return
    wanted = f"{owner.module}.{function.name}"
    for file in files_with_word(owner, function.name):
        for call in file.nodes(ast.Call) if "Depends" in file.text else ():
            if file.resolve(call.func) in DEPENDS:
                for given in (*call.args[:1], *(k.value for k in call.keywords if k.arg == "dependency")):
                    name = file.resolve(given)
                    if name is not None and wanted in (name, canonical_name(file, name)):
                        yield file, call
