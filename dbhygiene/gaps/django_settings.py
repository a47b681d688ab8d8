"""`Databases`: the databases of the Django site that a file belongs to, their aliases, and the age of connections.

DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": 600}}
# `aliases`: "default"; `databases_in`: the engine is django.db.backends.mysql; `age_of_connections`: 600

A repository may hold several sites. `manage.py` names the settings module of each.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dbhygiene.gaps.database_urls import UrlDatabase, calls_with_url, url_databases, written_age
from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.evaluation import evaluate, evaluate_member
from dbhygiene.program.values import Called, Choice, Constant, Dict, Value, as_dict, options
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import last_name, written_items
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

_USUAL = ("settings", "config.settings", "conf.settings", "project.settings", "core.settings")
# Each of these runs or reads a file of settings.
_TAKES_SETTINGS = frozenset(
    {"exec", "execfile", "runpy.run_path", "split_settings.tools.include", "dynaconf.DjangoDynaconf"}
)
# These do if one of the others copies the returned module into the settings.
_IMPORTS_MODULE = frozenset({"importlib.import_module", "__import__"})
_COPIES_MODULE = frozenset({"globals", "locals", "vars", "setattr"})
_NAMESPACES = frozenset({"globals", "locals", "vars"})
_READS_URL = ("db", "db_url", "db_url_config")  # methods of django-environ; dj_database_url takes no age from a URL
_AGE_IN_URL = lazy_pattern(r"://[^?\s]*\?(?:\S*&)?conn_max_age=(\d+)", re.IGNORECASE)
_PARTS = ("base", "common", "production", "prod", "local", "dev", "default")


def settings_files(file: File) -> list[File]:
    """Return the files that hold the site's settings: the module that `manage.py` names, and those that it imports."""
    found = [file] if "DATABASES" in file.text and "DATABASES" in file.scope.bound else []
    named = [name for script in _scripts(file) for name in _settings_modules_in(script)]
    for name in named:
        if (settings := file.project.module(name, file)) is not None:
            _add(settings, found)
    site = _site(file) if named else None
    for name in (f"{file.module.partition('.')[0]}.settings", *_USUAL):
        settings = file.project.module(name, file)
        if settings is not None and (site is None or settings.path.is_relative_to(site)):  # else another site's
            _add(settings, found)
    return found


def _site(file: File) -> Path | None:
    """Return the directory of a file's site: of its `manage.py`, or that from which a script imports its settings."""
    if (manage := file.project.module("manage", file)) is not None:
        return manage.path.parent
    for name in _settings_modules_in(file) if "DJANGO_SETTINGS_MODULE" in file.text else ():
        if (settings := file.project.module(name, file)) is not None:
            inside = name.count(".") + (settings.path.name == "__init__.py")
            return settings.path.parents[inside]
    return None


def _scripts(file: File) -> Iterator[File]:
    """Yield the scripts that may name the settings of a file's site."""
    for script in ("manage", "wsgi"):
        if (found := file.project.module(script, file)) is not None:
            yield found
    if "DJANGO_SETTINGS_MODULE" in file.text:
        yield file


def _settings_modules_in(script: File) -> Iterator[str]:
    """Return the settings modules that `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site.settings")` names."""
    for call in script.nodes(ast.Call):
        match call.args:
            case [ast.Constant(value="DJANGO_SETTINGS_MODULE"), ast.Constant(value=str(name))]:
                yield name
    for assign in script.nodes(ast.Assign):
        match assign:
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value="DJANGO_SETTINGS_MODULE"))],
                value=ast.Constant(value=str(name)),
            ):
                yield name


def _add(settings: File, found: list[File]) -> None:
    if settings in found or len(found) > 80:
        return
    found.append(settings)
    for star in settings.scope.stars:
        if (other := settings.project.module(star, settings)) is not None:
            _add(other, found)
    if settings.path.name == "__init__.py":
        for part in _PARTS:
            if (other := settings.project.module(f"{settings.module}.{part}", settings)) is not None:
                _add(other, found)


def _databases(file: File) -> list[Value] | None:
    """Return the settings of each of the site's databases; None if one of them is not known."""
    found: list[Value] = []
    for settings in settings_files(file):
        for option in options(evaluate_member(settings, "DATABASES")) if "DATABASES" in settings.scope.bound else ():
            if not isinstance(option, Dict) or option.open or not option.items:
                return None
            found += option.items.values()
    return found


class Databases(Record):
    """The databases of one settings module.

    `unknown` is the reason why there may be others, or other ones in production; empty if there is no such reason.
    `defaults` are those of the engines that only the default of a variable's URL names.
    """

    place: str
    engines: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()
    unknown: str = ""
    is_for_tests: bool = False


def settings_modules(file: File) -> list[File]:
    """Return every settings module of the site that configures databases, whether `manage.py` leads to it or not."""
    found = settings_files(file)
    site = _site(file)
    for other in file.project.files_containing("DATABASES"):
        is_near = site is None or other.path.is_relative_to(site)
        if is_near and other not in found and other.is_program and _gives_databases(other):
            found.append(other)
    return found


def _gives_databases(file: File) -> bool:
    return "DATABASES" in file.scope.bound or any("DATABASES" in cls.bound for cls in file.classes.values())


@query
def databases_in(settings: File) -> Databases:
    """Return the databases of a settings module, by their `ENGINE`s."""
    place = settings.relative_name
    engines, defaults = list[str](), list[str]()
    unknown = f"{place} reads settings from elsewhere" if takes_from_elsewhere(settings) else ""
    if "DATABASES" in settings.scope.bound:
        for option in options(evaluate_member(settings, "DATABASES")):
            for database in option.items.values() if isinstance(option, Dict) else ():
                if isinstance(database, Dict) and database.open:
                    unknown = f"a database in {place} is not fully known"
                if by_url := [*url_databases(database)]:
                    if any(each.is_default for each in by_url):
                        unknown = f"a URL gives a database in {place}"
                    continue
                for engine in options(as_dict(database).items.get("ENGINE", database)):
                    if isinstance(engine, Constant) and isinstance(engine.value, str):
                        engines.append(engine.value)
                    else:
                        unknown = f"an `ENGINE` in {place} is unknown"
            if not isinstance(option, Dict) or option.open or not option.items:
                unknown = f"the `DATABASES` in {place} are not fully known"
        if any(map(_merges_unseen, [*settings.nodes(ast.AugAssign), *settings.calls.get("update", ())])):
            unknown = f"a database in {place} is not fully known"
        for _, each in calls_with_url(settings):
            (defaults if each.is_default else engines).extend(each.schemes)
    elif _gives_databases(settings):
        unknown = f"{place} sets `DATABASES` in a class"
    is_for_tests = is_test_file(settings) or re.search(r"(?:^|_)tests?(?:_|$)", settings.path.stem) is not None
    only_defaults = tuple(each for each in dict.fromkeys(defaults) if each not in engines)
    return Databases(place, (*dict.fromkeys(engines), *only_defaults), only_defaults, unknown, is_for_tests)


def takes_from_elsewhere(settings: File) -> bool:
    """Whether settings come from a file outside the project, which may configure other databases."""
    called = {settings.resolve(call.func) for call in settings.nodes(ast.Call)}
    if called & _TAKES_SETTINGS or (called & _IMPORTS_MODULE and called & _COPIES_MODULE):
        return True
    if any(map(_sets_any_name, [*settings.nodes(ast.Subscript), *settings.calls.get("update", ())])):
        return True
    unseen = (star for star in settings.scope.stars if settings.project.module(star, settings) is None)
    return any(not star.startswith("django.") for star in unseen)


def _sets_any_name(node: ast.AST) -> bool:
    """Whether a node sets settings whose names it does not write: `globals()[name] = ...`, `globals().update(...)`."""
    match node:
        case ast.Subscript(value=ast.Call(func=ast.Name(id=name)), slice=key, ctx=ast.Store()):
            return name in _NAMESPACES and not isinstance(key, ast.Constant)
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id=name)), attr="update"), args=[_, *_]):
            return name in _NAMESPACES
    return False


def _merges_unseen(node: ast.AST) -> bool:
    """Whether a node adds items that are not written here to one of the databases, or to all of them."""
    match node:
        case ast.AugAssign(target=database, op=ast.BitOr(), value=value):
            pass
        case ast.Call(func=ast.Attribute(value=database, attr="update"), args=[value]):
            pass
        case _:
            return False
    is_known = isinstance(value, ast.Dict) and None not in value.keys
    return not is_known and (_is_database(database) or last_name(database) == "DATABASES")


@query
def age_of_connections(file: File) -> float | None:
    """Return the age at which `close_old_connections()` closes a connection, by `CONN_MAX_AGE`.

    It is 0 if each is closed, and if health checks detect a lost one; None if the settings leave it open.
    """
    ages: list[float] = []
    for database in _databases(file) or ():
        if (age := _age_in(database)) is None:
            return None
        ages.append(age)
    for settings in _modules_that_set_ages(file):
        for change in ages_set(settings):
            if (age := change.seconds) is None:
                return None
            ages.append(0.0 if change.is_checked else age)
    return max(0.0, *ages) if ages else None


def _age_in(database: Value) -> float | None:
    """Return the age of one database's connections, from a dict or from the arguments of `dj_database_url`."""
    by_url = next(url_databases(database), None)
    said = as_dict(database)
    age, checks = said.items.get("CONN_MAX_AGE"), said.items.get("CONN_HEALTH_CHECKS")
    if by_url is not None:
        age, checks = by_url.age, by_url.checks
    elif said.open:
        return None
    if checks == Constant(True):
        return 0
    return seconds_of(age or Constant(0)) if checks is None else None


def seconds_of(age: Value) -> float | None:
    """Return the number of an age, or the default of an environment variable; infinite if it is None."""
    match age:
        case Constant(value=None):
            return float("inf")
        case Constant(value=int() | float() as seconds):
            return seconds
        case Choice(options=several):  # `env.int("CONN_MAX_AGE", default=60)`: that, or its default
            constants = [each for each in several if isinstance(each, Constant)]
            unknown = (each for each in several if not isinstance(each, (Constant, Called)))
            return seconds_of(constants[0]) if len(constants) == 1 and not any(unknown) else None
    return None


class AgeChange(Record):
    """A statement that sets the age of a database's connections, outside of the dict of the database.

    `is_checked`: the module turns health checks on in the same way. `in_url`: the value is a URL that says it.
    `database` is the one that a URL gives, if the statement reads it.
    """

    value: ast.expr
    seconds: float | None
    is_checked: bool
    in_url: bool = False
    database: UrlDatabase | None = None


@query
def ages_set(settings: File) -> tuple[AgeChange, ...]:
    """Return the changes of `DATABASES["default"]["CONN_MAX_AGE"]` by a subscript, `update` or a URL."""
    checked = any(evaluate(settings, value) == Constant(True) for value in _set(settings, "CONN_HEALTH_CHECKS"))
    values = _set(settings, "CONN_MAX_AGE")
    found = [AgeChange(value, seconds_of(evaluate(settings, value)), checked) for value in values]
    for call, database in calls_with_url(settings):
        if (age := written_age(settings, call)) is not None:
            is_checked = checked or database.checks == Constant(True)
            found.append(AgeChange(age, seconds_of(evaluate(settings, age)), is_checked, database=database))
    return (*found, *_ages_in_urls(settings, checked))


def _ages_in_urls(settings: File, checked: bool) -> Iterator[AgeChange]:
    """Return the ages in URLs that django-environ reads: `env.db("URL", default="mysql://db/app?conn_max_age=60")`."""
    for call, database in calls_with_url(settings):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _READS_URL:
            continue
        for part in (*call.args, *(word.value for word in call.keywords)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                if (age := _AGE_IN_URL.search(part.value)) is not None:
                    is_checked = checked or "conn_health_checks=true" in part.value.lower()
                    yield AgeChange(part, float(age[1]), is_checked, in_url=True, database=database)


@query
def runs_under_daphne(settings: File) -> bool:
    """Whether a settings module installs daphne, which serves the site by ASGI."""
    values = (
        value
        for place, values in Bindings.of(settings).values.items()
        if place.scope is settings.scope and place.path.endswith("_APPS")
        for value in values
    )
    parts = (part for value in values for part in ast.walk(value))
    return any(isinstance(part, ast.Constant) and part.value == "daphne" for part in parts)


def _set(settings: File, key: str) -> Iterator[ast.expr]:
    """Return the values that a module assigns to a key of one of its databases."""
    for assign in settings.nodes(ast.Assign):
        for target in assign.targets:
            match target:
                case ast.Subscript(value=database, slice=ast.Constant(value=name)) if name == key:
                    yield from (assign.value,) if _is_database(database) or _is_each(settings, database) else ()
    for literal in settings.nodes(ast.Dict):
        if _extends_database(settings, literal):
            yield from _values_of(literal, key)
    for call in settings.calls.get("dict", ()):
        if call.args and isinstance(call.func, ast.Name) and is_in_databases(settings, call):
            yield from (word.value for word in call.keywords if word.arg == key)
    for merge in settings.nodes(ast.AugAssign):
        if isinstance(merge.op, ast.BitOr) and _is_database(merge.target):
            yield from _values_of(merge.value, key)
    for call in (call for name in ("update", "setdefault") for call in settings.calls.get(name, ())):
        match call:
            case ast.Call(func=ast.Attribute(value=database), args=args, keywords=words) if _is_database(database):
                yield from (word.value for word in words if word.arg == key)
                for each in args:
                    yield from _values_of(each, key)
                if len(args) == 2 and isinstance(args[0], ast.Constant) and args[0].value == key:
                    yield from args[1:2]


def _extends_database(settings: File, literal: ast.Dict) -> bool:
    """Whether a dict adds items to a database that another expression gives: `{**env.db(), "CONN_MAX_AGE": 60}`."""
    is_added = None in literal.keys or isinstance(settings.parents.get(literal), ast.BinOp)
    return is_added and "ENGINE" not in written_items(literal) and is_in_databases(settings, literal)


def is_in_databases(settings: File, expr: ast.expr) -> bool:
    """Whether an expression is one of `DATABASES`, or a part of one."""
    for around in settings.around(expr):
        match around:
            case ast.Assign(targets=[ast.Name(id="DATABASES")]) | ast.AnnAssign(target=ast.Name(id="DATABASES")):
                return True
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id="DATABASES"))]):
                return True
    return False


def _values_of(literal: ast.expr, key: str) -> Iterator[ast.expr]:
    """Yield the values that a dict, if it is one, has for a key."""
    if isinstance(literal, ast.Dict):
        pairs = zip(literal.keys, literal.values, strict=True)
        yield from (value for name, value in pairs if isinstance(name, ast.Constant) and name.value == key)


def _is_each(settings: File, expr: ast.expr) -> bool:
    """Whether a variable stands for each of the databases: `for database in DATABASES.values()`."""
    if not isinstance(expr, ast.Name):
        return False
    for loop in settings.around(expr):
        match loop:
            case ast.For(
                target=ast.Name(id=name) | ast.Tuple(elts=[_, ast.Name(id=name)]),
                iter=ast.Call(func=ast.Attribute(value=ast.Name(id="DATABASES"), attr="values" | "items")),
            ) if name == expr.id:
                return True
    return False


def _is_database(expr: ast.expr) -> bool:
    """Whether an expression is `DATABASES["default"]`."""
    match expr:
        case ast.Subscript(value=ast.Name(id="DATABASES") | ast.Attribute(attr="DATABASES")):
            return True
    return False


def _modules_that_set_ages(file: File) -> list[File]:
    """Return the settings modules of the site that set ages: of development, production or any other place."""
    site = _site(file)
    found = {each.path: each for each in settings_files(file)}
    for word in ("CONN_MAX_AGE", "conn_max_age"):
        for other in file.project.files_containing(word):
            is_near = site is None or other.path.is_relative_to(site)
            if is_near and other.is_program and not is_test_file(other):
                found.setdefault(other.path, other)
    return [*found.values()]


def aliases(file: File) -> set[str]:
    """Return the names of the site's databases that its settings mention."""
    for settings in settings_files(file):
        if "DATABASES" in settings.scope.bound:
            return {
                alias for option in options(evaluate_member(settings, "DATABASES")) for alias in as_dict(option).items
            }
    return set()
