"""`SESSION_RECOVERS`: what SQLAlchemy raises when a connection is lost, and which calls make a session work again."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from dbhygiene.library.words import words

SESSION_KINDS = frozenset({"session", "engine connection"})  # of resources that SQLAlchemy makes
LOSS_MODULES = ("sqlalchemy.exc", "sqlalchemy.orm.exc")  # they hold the classes of errors

# Classes that keep one session for each thread or task, until `remove` closes it.
REGISTRIES = words(
    """sqlalchemy.orm.scoped_session sqlalchemy.orm.scoping.scoped_session
    sqlalchemy.ext.asyncio.async_scoped_session"""
)
# Functions by which a registry keeps one session for each thread, as it does by itself.
SAME_AS_THREAD = words("get_ident __ident_func__ _get_ident current_thread getcurrent")
# Methods of other libraries that return a new engine: of Airflow's hooks.
MAKES_ENGINE = words(".get_sqlalchemy_engine")
# Methods of a session after which its next query takes another connection; `dispose` and `expire_all` are none.
SESSION_RECOVERS = words("rollback close close_all remove invalidate reset")
# Likewise of a connection. `invalidate` does so outside of a transaction; where it was begun, only `rollback` does.
CONNECTION_RECOVERS = words("rollback invalidate")
# Methods of a session or connection that ask the server.
ASKS = words(
    """execute scalar scalars get flush refresh merge commit exec_driver_sql connection stream stream_scalars
    bulk_save_objects bulk_insert_mappings bulk_update_mappings exec"""
)
# Classes of queries, for subclasses that repeat themselves.
QUERY_CLASSES = words(
    """sqlalchemy.orm.Query sqlalchemy.orm.query.Query flask_sqlalchemy.BaseQuery flask_sqlalchemy.query.Query
    flask_sqlalchemy.model.Query"""
)
# Methods that make a clause of a query; and these with all others that only build a query, of a session or a query.
MAKES_CLAUSE = words("subquery cte exists as_scalar scalar_subquery label alias")
BUILDS_QUERY = MAKES_CLAUSE | words(
    """query filter filter_by where order_by group_by having join outerjoin select_from with_entities with_for_update
    populate_existing options limit offset distinct add_columns add_column add_entity execution_options
    enable_eagerloads params yield_per union union_all except_ intersect from_statement correlate slice with_hint
    tuples with_session"""
)
# Methods that end a query which `session.query(...)` began.
QUERY_ASKS = words("all first one one_or_none scalar count delete update exists get yield_per fetchall")
INSTANCE_STATE = "_sa_instance_state"  # a key of the `__dict__` of each mapped object
WRITES = words("add add_all delete merge bulk_save_objects bulk_insert_mappings bulk_update_mappings")
# Methods of a query or of a `select` after which it has as many rows.
KEEPS_ROWS = words(
    """order_by options join outerjoin select_from populate_existing with_for_update add_columns add_column
    enable_eagerloads"""
)
JOINS = words("join outerjoin")  # of these, the ones that take a class, or a subquery
# Methods that send a statement and return its result; methods of a result that return its rows in another form; and
# those that read all of them at once.
EXECUTES = words("execute scalars exec exec_driver_sql")
RESULT_FORMS = words("scalars mappings tuples unique columns")
READS_ALL = words("all fetchall")


def tests_invalidated(parts: Iterable[ast.AST]) -> bool:
    """Whether SQLAlchemy's own answer is among these nodes: `error.connection_invalidated`."""
    return any(isinstance(part, ast.Attribute) and part.attr == "connection_invalidated" for part in parts)
