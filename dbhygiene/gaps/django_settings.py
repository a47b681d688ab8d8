"""The settings of the Django site that a file belongs to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.evaluation import evaluate_member
from dbhygiene.program.values import Called, Constant, Dict, Value, as_dict, options
from dbhygiene.source.file import File
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

_USUAL = ("settings", "config.settings", "conf.settings", "project.settings", "core.settings")
# Each of these runs or reads a file of settings.
_TAKES_SETTINGS = frozenset({"exec", "execfile", "runpy.run_path", "split_settings.tools.include"})
# These do where the module that they give is copied into the settings by one of the others.
_IMPORTS_MODULE = frozenset({"importlib.import_module", "__import__"})
_COPIES_MODULE = frozenset({"globals", "locals", "vars", "setattr"})
_PARTS = ("base", "common", "production", "prod", "local", "dev", "default")


def settings_files(file: File) -> list[File]:
    """The files that hold the site's settings: the module that `manage.py` names, and those that it imports."""
    found = [file] if "DATABASES" in file.text and "DATABASES" in file.scope.bound else []
    for name in _names(file):
        if (settings := file.project.module(name, file)) is not None:
            _add(settings, found)
    return found


def _names(file: File) -> Iterator[str]:
    for script in ("manage", "wsgi"):
        manage = file.project.module(script, file)
        if manage is not None:
            yield from _settings_modules_in(manage)
    first = file.module.partition(".")[0]
    yield from (f"{first}.settings", *_USUAL)


def _settings_modules_in(manage: File) -> Iterator[str]:
    """`os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site.settings")`."""
    for call in manage.nodes(ast.Call):
        match call.args:
            case [ast.Constant(value="DJANGO_SETTINGS_MODULE"), ast.Constant(value=str(name))]:
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
    """What the settings say of each of the site's databases, None where one of them cannot be told."""
    found: list[Value] = []
    for settings in settings_files(file):
        for option in options(evaluate_member(settings, "DATABASES")) if "DATABASES" in settings.scope.bound else ():
            if not isinstance(option, Dict) or option.open or not option.items:
                return None
            found += option.items.values()
    return found


class Databases(Record):
    """What one settings module says of the site's databases.

    `unknown` is the reason why there may be others, or other ones in production; empty where there is none.
    """

    place: str
    engines: tuple[str, ...] = ()
    unknown: str = ""
    is_for_tests: bool = False


def settings_modules(file: File) -> list[File]:
    """Every module of the site that gives it its databases: those that `manage.py` leads to, and all others."""
    found = settings_files(file)
    manage = file.project.module("manage", file)
    for other in file.project.files_containing("DATABASES"):
        is_near = manage is None or other.path.is_relative_to(manage.path.parent)
        if is_near and other not in found and other.is_program and _gives_databases(other):
            found.append(other)
    return found


def _gives_databases(file: File) -> bool:
    return "DATABASES" in file.scope.bound or any("DATABASES" in cls.bound for cls in file.classes.values())


@query
def databases_in(settings: File) -> Databases:
    """The `ENGINE`s that a settings module names."""
    root = settings.project.root
    is_below = root is not None and settings.path.is_relative_to(root)
    place = str(settings.path.relative_to(root) if root and is_below else settings.path.name)
    engines: list[str] = []
    unknown = f"{place} reads settings from elsewhere" if _takes_from_elsewhere(settings) else ""
    if "DATABASES" in settings.scope.bound:
        for option in options(evaluate_member(settings, "DATABASES")):
            for database in option.items.values() if isinstance(option, Dict) else ():
                for engine in options(as_dict(database).items.get("ENGINE", database)):
                    if isinstance(engine, Constant) and isinstance(engine.value, str):
                        engines.append(engine.value)
                    else:
                        unknown = f"an `ENGINE` in {place} is unknown"
            if not isinstance(option, Dict) or option.open or not option.items:
                unknown = f"the `DATABASES` in {place} are not fully known"
    elif _gives_databases(settings):
        unknown = f"{place} sets `DATABASES` in a class"
    is_for_tests = is_test_file(settings) or re.search(r"(?:^|_)tests?(?:_|$)", settings.path.stem) is not None
    return Databases(place, tuple(dict.fromkeys(engines)), unknown, is_for_tests)


def _takes_from_elsewhere(settings: File) -> bool:
    """Whether settings come from a file that is not part of the project, and may give other databases."""
    called = {settings.resolve(call.func) for call in settings.nodes(ast.Call)}
    if called & _TAKES_SETTINGS or (called & _IMPORTS_MODULE and called & _COPIES_MODULE):
        return True
    unseen = (star for star in settings.scope.stars if settings.project.module(star, settings) is None)
    return any(not star.startswith("django.") for star in unseen)


@query
def age_of_connections(file: File) -> float | None:
    """How old a connection may get before `close_old_connections()` closes it, by `CONN_MAX_AGE`.

    0 where each is closed, and where health checks would find out; None where the settings do not tell.
    """
    ages: list[float] = []
    for database in _databases(file) or ():
        if (age := _age_in(database)) is None:
            return None
        ages.append(age)
    return max(0.0, *ages) if ages else None


def _age_in(database: Value) -> float | None:
    """The age of one database's connections: as a dict says it, or the arguments of `dj_database_url`."""
    if isinstance(database, Called):
        said, age, checks = database.keywords, "conn_max_age", "conn_health_checks"
    else:
        said, age, checks = as_dict(database), "CONN_MAX_AGE", "CONN_HEALTH_CHECKS"
    match said.items.get(age, Constant(0)), said.items.get(checks, Constant(False)):
        case _ if said.open:
            return None
        case _, Constant(value=True):
            return 0
        case Constant(value=None), Constant():
            return float("inf")
        case Constant(value=int() | float() as seconds), Constant():
            return seconds
    return None


def aliases(file: File) -> set[str]:
    """The names of the site's databases, as far as its settings say."""
    for settings in settings_files(file):
        if "DATABASES" in settings.scope.bound:
            return {
                alias for option in options(evaluate_member(settings, "DATABASES")) for alias in as_dict(option).items
            }
    return set()
