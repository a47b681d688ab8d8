"""`cache_use`: whether a call of Django's cache queries the database, by the backend that the settings give.

caches["geo"].get("Paris")           # `CacheUse.QUERIES` with `django.core.cache.backends.db.DatabaseCache`
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import Enum

from dbhygiene.gaps.django_settings import settings_modules, takes_from_elsewhere
from dbhygiene.library import django
from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.classes import class_named, foreign_bases
from dbhygiene.program.evaluation import evaluate, evaluate_member
from dbhygiene.program.names import means
from dbhygiene.program.origins import behind
from dbhygiene.program.values import Called, Constant, Dict, Value, as_dict, options
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.queries import query

_TABLE = lazy_pattern(r"DatabaseCache|MySQLCache|^dbcache:")
_ELSEWHERE = lazy_pattern(r"redis|valkey|memcach|libmc|locmem|dummy|filebased|diskcache|^file:", re.IGNORECASE)


_OTHERS = ""  # the alias that stands for each one that no settings name


class CacheUse(Enum):
    """What a call of a cache does to the connection."""

    NONE = "the cache is no table"
    QUERIES = "the cache is a table of the database"
    UNKNOWN = "the backend is not known"


def cache_use(file: File, call: ast.Call) -> CacheUse:
    """Return whether a call is one of a cache's methods, and then queries the database."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in django.CACHE_METHODS:
        return CacheUse.NONE
    return use_of(file, call.func.value)


def use_of(file: File, owner: ast.expr) -> CacheUse:
    """Return whether reading from, or writing to, what an expression stands for queries the database."""
    if "cache" not in file.text or (aliases := _aliases(file, owner)) is None:
        return CacheUse.NONE
    known = backends(file)
    found = {known.get(alias, known[_OTHERS]) for alias in aliases} or {*known.values()}
    return found.pop() if len(found) == 1 else CacheUse.UNKNOWN


def _aliases(file: File, owner: ast.expr) -> tuple[str, ...] | None:
    """Return the alias of a cache that an expression is; none if it may be any; None if it is no cache."""
    file, made = behind(file, owner)
    match made:
        case ast.Name() | ast.Attribute():
            return ("default",) if means(file, made, django.CACHE) else None
        case ast.Subscript(value=handler, slice=key) if means(file, handler, django.CACHE_HANDLER):
            alias = evaluate(file, key)
        case ast.Call(func=maker, args=[key, *_]) if means(file, maker, django.GET_CACHE):
            alias = evaluate(file, key)
        case _:
            return None
    return (alias.value,) if isinstance(alias, Constant) and isinstance(alias.value, str) else ()


@query
def backends(file: File) -> dict[str, CacheUse]:
    """Return what each cache of a file's site does, by its alias, in any settings module.

    Django's own default is a cache in memory. Without any settings, the backend is not known.
    """
    modules = [each for each in settings_modules(file) if not is_test_file(each)]
    modules += [
        each for each in file.project.files_containing("CACHES") if each not in modules and not is_test_file(each)
    ]
    found: dict[str, set[CacheUse]] = {_OTHERS: set()}
    for settings in modules:
        for alias, backend in _caches_in(settings):
            found.setdefault(alias, set()).add(_use(settings, backend))
    if not modules or any(takes_from_elsewhere(each) for each in modules):
        found[_OTHERS].add(CacheUse.UNKNOWN)
    return {alias: _worst(uses) for alias, uses in found.items()}


def _worst(uses: set[CacheUse]) -> CacheUse:
    """Return the use of several settings modules, one of which is that of production."""
    return next((use for use in (CacheUse.QUERIES, CacheUse.UNKNOWN) if use in uses), CacheUse.NONE)


def _caches_in(settings: File) -> Iterator[tuple[str, Value]]:
    if "CACHES" not in settings.scope.bound:
        return
    for caches in options(evaluate_member(settings, "CACHES")):
        yield from caches.items.items() if isinstance(caches, Dict) else ()
        if not isinstance(caches, Dict) or caches.open or not caches.items:
            yield _OTHERS, caches


def _use(settings: File, cache: Value) -> CacheUse:
    """Return what one of the settings' caches does; for a URL that a variable gives, by its default."""
    uses: set[CacheUse] = set()
    for backend in options(as_dict(cache).items.get("BACKEND", cache)):
        match backend:
            case Constant(value=str(name)):
                uses.add(_use_of_backend(settings, name))
            case Called() if len([*options(cache)]) > 1:
                pass  # beside its default
            case _:
                uses.add(CacheUse.UNKNOWN)
    return _worst(uses or {CacheUse.UNKNOWN})


def _use_of_backend(settings: File, name: str) -> CacheUse:
    cls = class_named(settings, name)
    for each in (name, *(foreign_bases(cls) if cls is not None else ())):
        if _TABLE.search(each):
            return CacheUse.QUERIES
        if _ELSEWHERE.search(each):
            return CacheUse.NONE
    return CacheUse.UNKNOWN
