"""`pool_of_call`: the driver's pool that a call takes a connection from. It must be returned as others must be closed.

pool = psycopg2.pool.SimpleConnectionPool(1, 10, dsn)
conn = pool.getconn()            # the function must call `pool.putconn(conn)`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.drivers import driver
from dbhygiene.library.prefilter import GIVING
from dbhygiene.library.resources import Driver, Pool
from dbhygiene.program.arguments import has_parameter
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.classes import foreign_bases
from dbhygiene.program.definitions import find_definition
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Called, Constant, Instance, Named, Value, options
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.scopes import Scope

_OF_PSYCOPG = "psycopg2.pool.AbstractConnectionPool"
_TAKES = lazy_pattern(GIVING)


def pool_of_call(file: File, call: ast.Call, scope: Scope) -> tuple[Driver, Pool] | None:
    """Return the pool that a call takes a connection from, and its driver; None for any other call.

    A pool that the same function makes does not count: its connections end with it. Of the pools of two drivers, the
    one counts of whose connections a `with` may return them.
    """
    func = call.func
    if not isinstance(func, ast.Attribute):
        return None
    names = _makers(file, func.value)
    if func.attr == "getconn" and names <= {""} and "putconn" in file.text:
        return _pool(_OF_PSYCOPG, "getconn")  # a pool that is given: no other library has such methods
    makers = {_pool(name, func.attr) for name in names}
    known = [each for each in makers if each is not None]
    if len(known) != len(makers) or (len(known) > 1 and any(pool.opens for _, pool in known)):
        return None
    found = min(known, key=_order, default=None)
    if found is None or found[1].opens:
        return found
    return None if isinstance(func.value, ast.Name) and _is_made_in(scope, func.value.id) else found


def _order(found: tuple[Driver, Pool]) -> tuple[bool, str]:
    leaving = found[0].resource_of_pool(found[1], None).leaving
    return leaving is None or not leaving.closes, found[0].package


def lenders(file: File, call: ast.Call) -> set[Driver]:
    """Return the drivers of which a call may take a connection from a pool."""
    func = call.func
    if not isinstance(func, ast.Attribute) or not _TAKES.search(func.attr):
        return set()
    names = _makers(file, func.value) | set(_makers_by_either_name(file, func.value))
    return {found[0] for name in names if (found := _pool(name, func.attr)) is not None}


def _makers_by_either_name(file: File, pool: ast.expr) -> Iterator[str]:
    """Yield the same for a class that has a name of its own only where its package is installed."""
    place = Bindings.of(file).place(pool)
    for value in Bindings.of(file).values.get(place, ()) if place is not None else ():
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            for meaning in file.scope.aliases.get(value.func.id, ()):
                yield file.resolve(meaning) or ""


def _is_made_in(scope: Scope, name: str) -> bool:
    return name in scope.bound and not has_parameter(scope.node, name)


def _makers(file: File, pool: ast.expr) -> set[str]:
    """Return the names of the calls that may have made a pool, or of its annotation."""
    return {_maker(file, option) for option in options(evaluate(file, pool)) if option != Constant(None)}


def _maker(file: File, option: Value) -> str:
    """Return the name of the call that made a pool; for an object of the project's class, of the library's class."""
    name = option.name if isinstance(option, (Called, Instance)) else ""
    cls = find_definition(file, option.name) if isinstance(option, (Called, Instance, Named)) else None
    if cls is None or not isinstance(cls.node, ast.ClassDef):
        return name
    pools = {each for each in foreign_bases(cls) if any(each in pool.made_by for pool in _pools_of(each))}
    return pools.pop() if len(pools) == 1 else name


def _pools_of(name: str) -> tuple[Pool, ...]:
    known = driver(name.partition(".")[0])
    return known.pools if known is not None else ()


def _pool(maker: str, method: str) -> tuple[Driver, Pool] | None:
    known = driver(maker.partition(".")[0])
    pool = next((each for each in _pools_of(maker) if maker in each.made_by and each.takes == method), None)
    return (known, pool) if known is not None and pool is not None else None
