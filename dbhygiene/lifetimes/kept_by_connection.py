"""`kept_by_connection`: what a connection keeps only because it is open, such as a lock. Later code may need it.

cursor.execute("select get_lock('nightly', 0)")      # the last use of the connection
send_orders()                                        # another process must not do this at the same time
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.library.words import words
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.openings import openings
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import patterns
from dbhygiene.source.file import File, file_query
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, argument_values, last_name

_LOCKS = lazy_pattern(r"(?i)GET_LOCK|advisory_(?!unlock)\w*lock|getapplock|LOCKING_MODE|READ\s+LOCK|LOCK\s+TABLES?\b")
_UNLOCKS = lazy_pattern(r"(?i)RELEASE_LOCK|advisory_unlock|releaseapplock|UNLOCK\s+TABLES")
_ROW_LOCKS = lazy_pattern(
    r"(?i)\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE)\b|\bLOCK\s+IN\s+SHARE\b|with_for_update"
    r"|\bBEGIN\s+(?:EXCLUSIVE|IMMEDIATE)|\bLOCK\s+TABLE\b"
)
_ENDS_TRANSACTION = lazy_pattern(r"(?i)commit|rollback|\bbegin\(|begin_nested|transaction\(|\batomic\(")
_IN_SHARED_MEMORY = lazy_pattern(r"cache=shared|vfs=memdb|[\"']:memory:\w")
_QUERIES = words("execute executemany executescript query fetch fetchval fetchrow fetchone scalar scalars")


def kept_by_connection(life: Lifetime) -> str | None:
    """Return what the connection may keep after its last use, as part of a sentence; None if it keeps nothing."""
    if any(_mentions_shared_memory(opening.file) for opening in openings(life)):
        return "the database in memory"
    text = "\n".join(_texts(life))
    if _LOCKS.search(text) and not _UNLOCKS.search(text):
        return "the lock"
    if _ROW_LOCKS.search(text) and not _ENDS_TRANSACTION.search(text):
        return "the lock"
    return None


@file_query
def _mentions_shared_memory(file: File) -> bool:
    return _IN_SHARED_MEMORY.search(file.text) is not None


def _texts(life: Lifetime) -> Iterator[str]:
    """Yield the code of the functions that use the connection, and their SQL."""
    yield from _code(life.file, life.scope.node)
    seen: set[ast.AST] = set()
    for node, fact in life.history:
        if not isinstance(node.event, cfg.Call):
            continue
        call, holds = node.event.node, life.analysis.transfer.holds
        if call not in seen and any(holds(each, fact) for each in argument_values(call)):
            seen.add(call)
            for each in life.analysis.effects.of(call).definitions:
                if isinstance(each.node, FUNCTION) and each.node not in seen:
                    seen.add(each.node)
                    yield from _code(each.file, each.node)


def _code(file: File, code: ast.AST) -> Iterator[str]:
    yield file.text if isinstance(code, ast.Module) else file.segment(code)  # type: ignore[arg-type]
    for node in file.own(code):
        if isinstance(node, ast.Call) and last_name(node.func) in _QUERIES:
            for value in argument_values(node)[:1]:
                inner = argument_values(value)[0] if isinstance(value, ast.Call) and value.args else value
                if isinstance(inner, (ast.Name, ast.Attribute)):
                    yield from patterns(evaluate(file, inner))
