"""`protect`: the edit that gives an engine the options that keep dead connections away.

engine = create_engine(url, pool_pre_ping=True, pool_recycle=280)        # the two options are added
"""

from __future__ import annotations

import ast

from dbhygiene.diagnostics.edits import AddItem, AddKeyword, Edit, Replace, SetKeyword, verbatim
from dbhygiene.diagnostics.model import Fix, NoFix, Safety
from dbhygiene.pools.engines import Engine, option_expression
from dbhygiene.pools.server_limits import settings_with_timeout_of
from dbhygiene.pools.sqlalchemy import MYSQL, UNKNOWN_DATABASE, has_server
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Called, Dict
from dbhygiene.source.nodes import keyword_value, last_name

PRE_PING, RECYCLE = "pool_pre_ping", "pool_recycle"
_BOTH = "Test connections before use, and replace old ones"
_TITLES: dict[tuple[str, ...], str] = {
    (PRE_PING,): "Test connections before use",
    (RECYCLE,): "Replace old connections before use",
}


def protect(made: Engine) -> Fix | NoFix:
    """Return the edit that adds the options beside this engine's other options, or the reason why there is none.

    If the database may be one in memory, a test of each connection is enough: see `add_options`.
    """
    wanted = {name: code for name, code in options_of(made).items() if name not in made.options.items}
    if PRE_PING in wanted and not has_server(made.databases):
        wanted.pop(RECYCLE, None)
    return add_options(made, wanted)


def options_of(made: Engine) -> dict[str, str]:
    """Return the options that its version of SQLAlchemy takes and its driver accepts."""
    recycle = {RECYCLE: str(settings_with_timeout_of(made).safe_lifetime)}
    version = made.file.project.version_of("sqlalchemy")
    if version is None and "strategy" in made.options.items:
        version = (1, 0)  # none from 1.4 on has `strategy`: it may be older than `pool_pre_ping`
    if version is not None and version < (1, 2):
        return recycle
    if made.is_async and {MYSQL, UNKNOWN_DATABASE} & made.databases and (version is None or version < (2, 0, 50)):
        return recycle
    return {PRE_PING: "True", **recycle}


def add_options(made: Engine, wanted: dict[str, str]) -> Fix | NoFix:
    """Return the edit that gives an engine some options, none of which it has.

    `pool_recycle` is unsafe unless the engine has a server.
    """
    if not wanted:
        return NoFix("they are turned off explicitly; turn one of the options on")
    fix = _add_options(made, wanted)
    return unsafe_in_memory(fix, made.databases) if RECYCLE in wanted else fix


def unsafe_in_memory(fix: Fix | NoFix, databases: frozenset[str]) -> Fix | NoFix:
    """Return a fix that replaces connections, made unsafe if one of them may hold a database in memory."""
    if isinstance(fix, NoFix) or has_server(databases):
        return fix
    return fix._replace(safety=Safety.UNSAFE)


def _add_options(made: Engine, wanted: dict[str, str]) -> Fix | NoFix:
    if made.keyword:
        return _in_argument(made, wanted)
    if (pool := keyword_value(made.call, "pool")) is not None:
        return _in_pool(made, pool, wanted)
    if (spread := next((k.value for k in made.call.keywords if k.arg is None), None)) is not None:
        return _in_literal(made, spread, wanted)
    if any(isinstance(argument, ast.Starred) for argument in made.call.args):
        return NoFix(f"its arguments come from a list; add {_spell_options(wanted)}")
    edits = _keywords(made, made.call, wanted)
    if made.configured:
        same = "the same option" if len(wanted) == 1 else "the same options"
        return Fix(f"{_title(wanted)}; this overrides {same} of the configuration", edits, Safety.UNSAFE)
    return Fix(_title(wanted), edits)


def _title(wanted: dict[str, str]) -> str:
    return _TITLES.get(tuple(wanted), _BOTH)


def _spell_options(wanted: dict[str, str]) -> str:
    return " and ".join(f"`{name}={code}`" for name, code in wanted.items())


def rewrite(made: Engine, name: str, code: str) -> Fix | NoFix:
    """Return the edit that gives an option another value."""
    if any(keyword.arg == name for keyword in made.call.keywords):
        return Fix(f"Change it to `{name}={code}`", (SetKeyword(made.file.span(made.call), name, verbatim(code)),))
    at = option_expression(made, name)
    if at is None:
        return NoFix(f"it is not set in this file; change `{name}` to {code} where it is set")
    return Fix(f"Change it to {code}", (Replace(made.file.span(at), verbatim(code)),))


def _keywords(made: Engine, call: ast.Call, wanted: dict[str, str]) -> tuple[Edit, ...]:
    return tuple(AddKeyword(made.file.span(call), name, code) for name, code in wanted.items())


def _in_pool(made: Engine, expr: ast.expr, wanted: dict[str, str]) -> Fix | NoFix:
    pool = evaluate(made.file, expr)
    if not isinstance(pool, Called) or pool.file is not made.file or pool.call is None:
        return NoFix(f"that is not in this file; add {_spell_options(wanted)} where the pool is created")
    named = {name.removeprefix("pool_"): code for name, code in wanted.items()}
    return Fix(_title(wanted), _keywords(made, pool.call, named))


def _in_argument(made: Engine, wanted: dict[str, str]) -> Fix | NoFix:
    """Return the edit of the argument that holds the options, which it adds if there is none."""
    given = keyword_value(made.call, made.keyword)
    if given is not None:
        return _in_literal(made, given, wanted)
    items = ", ".join(f"{made.file.quote(name, made.call)}: {code}" for name, code in wanted.items())
    return Fix(_title(wanted), (AddKeyword(made.file.span(made.call), made.keyword, verbatim(f"{{{items}}}")),))


def _in_literal(made: Engine, spread: ast.expr, wanted: dict[str, str]) -> Fix | NoFix:
    given = evaluate(made.file, spread)
    if not isinstance(given, Dict) or given.file is not made.file or given.literal is None:
        return NoFix(
            f"the options do not come from one literal in this file; add {_spell_options(wanted)} to the options"
        )
    where, literal = made.file.span(given.literal), given.literal
    return Fix(
        _title(wanted),
        tuple(AddItem(where, made.file.quote(name, literal), code) for name, code in wanted.items()),
        safety=Safety.SAFE if _is_for_engines(made, literal) else Safety.UNSAFE,
    )


def _is_for_engines(made: Engine, literal: ast.expr) -> bool:
    """Whether the variable that holds a dict of options only passes them to engines: other code may refuse them."""
    file = made.file
    match file.parents.get(literal):
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            uses = [each for each in file.nodes(ast.Name) if each.id == name and isinstance(each.ctx, ast.Load)]
            return all(_makes_engine_or_adds(made, file.parents.get(each)) for each in uses)
    return True


def _makes_engine_or_adds(made: Engine, use: ast.AST | None) -> bool:
    """Whether a use of options passes them, as `**options`, to a function that makes an engine, or adds one."""
    match use:
        case ast.keyword(arg="engine_options"):
            return True
        case ast.keyword():
            call = made.file.parents.get(use)
            return isinstance(call, ast.Call) and last_name(call.func) in _MAKE_ENGINES
        case ast.Subscript(ctx=ast.Store()) | ast.Attribute(attr="update" | "setdefault"):
            return True
    return False


_MAKE_ENGINES = frozenset({"create_engine", "create_async_engine", "SQLAlchemy"})
