"""`cache_of`: the decorator that keeps what a function returns, so that its body runs once.

@lru_cache
def engine():                        # `lru_cache` is its cache
    return create_engine(URL)
"""

from __future__ import annotations

import ast
from collections.abc import Container

from dbhygiene.library.django import CACHES
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Function, without_arguments

_LIMITS = {"ttl", "validate"}  # arguments of a cache that calls the function again: after a time, and after a test


def cache_of(file: File, function: Function, caches: Container[str] = CACHES) -> ast.expr | None:
    """Return the decorator, one of some caches, that keeps a function's result without a limit of time."""
    return next((each for each in function.decorator_list if _keeps_result(file, each, caches)), None)


def _keeps_result(file: File, decorator: ast.expr, caches: Container[str]) -> bool:
    named = [word.arg for word in decorator.keywords] if isinstance(decorator, ast.Call) else []
    return file.resolve(without_arguments(decorator)) in caches and _LIMITS.isdisjoint(named)
