"""`shared_sources`: the names by which a module shares engines, factories of sessions, and pools with other modules.

SessionLocal = sessionmaker(engine)      # "SessionLocal": a file that imports it need not name SQLAlchemy itself
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.drivers import PACKAGES, driver
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.library.words import words
from dbhygiene.program.names import canonical_name
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION, Function, last_name

_MAKERS = words(
    "sessionmaker async_sessionmaker create_engine create_async_engine engine_from_config async_engine_from_config"
)


def shared_sources(file: File) -> Iterator[str]:
    """Yield the names of the variables of the module, of fields, and of functions that return such an object."""
    imported = [each for each in map(driver, sorted(file.imported_packages)) if each is not None]
    makers = {*_MAKERS, *(_last(name) for each in imported for pool in each.pools for name in pool.made_by)}
    makers |= {name for scope in file.scopes for name, whole in scope.imports.items() if _last(whole) in makers}
    local: dict[Function, set[str]] = {}
    for call in file.nodes(ast.Call):
        if last_name(call.func) in makers and _makes_source(file, call):
            for target in _targets(file, call):
                function = function_around(file, call)
                if isinstance(target, ast.Attribute):
                    yield target.attr
                elif function is None or target.id in file.functions[function].globals:
                    yield target.id
                else:
                    local.setdefault(function, set()).add(target.id)
            if isinstance(file.parents.get(call), ast.Return) and (function := function_around(file, call)) is not None:
                yield function.name
    for function, names in local.items():
        returned = (part.value for part in file.functions[function].returns)
        if isinstance(function, FUNCTION) and any(isinstance(v, ast.Name) and v.id in names for v in returned):
            yield function.name


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _makes_source(file: File, call: ast.Call) -> bool:
    """Whether a call makes an engine, a factory of sessions, or a driver's pool."""
    if (name := file.resolve(call.func)) is None:
        return False
    whole = canonical_name(file, name)
    package = whole.partition(".")[0]
    if package in SQLALCHEMY:
        return _last(whole) in _MAKERS
    known = driver(package) if package in PACKAGES else None
    return known is not None and any(whole in pool.made_by for pool in known.pools)


def _targets(file: File, call: ast.Call) -> Iterator[ast.Name | ast.Attribute]:
    """Yield the variables and fields to which a statement assigns the result of a call."""
    node: ast.AST = call
    if isinstance(file.parents.get(call), ast.Await):
        node = file.parents[call]
    match file.parents.get(node):
        case ast.Assign(targets=targets, value=value) if value is node:
            yield from (each for each in targets if isinstance(each, (ast.Name, ast.Attribute)))
        case ast.AnnAssign(target=ast.Name() | ast.Attribute() as target):
            yield target
