"""`Setting`, `Group`: Flask-SQLAlchemy's settings in a program: where each is assigned, and which belong together.

By default, `mysql...` URLs, but not `mariadb...` ones, have a `pool_recycle` of 7200 s (2.1 - 3.1). Its 2.x reads
`SQLALCHEMY_POOL_RECYCLE` and the like, its 3.x no longer does; since 2.4 there is `SQLALCHEMY_ENGINE_OPTIONS`, since
3.0 for the default bind only. All are read when the extension meets the application.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.names import project_bases
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around, statement_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import is_none
from dbhygiene.source.records import Record
from dbhygiene.source.scopes import Scope

DISTRIBUTION = "flask-sqlalchemy"
IMPLICIT_RECYCLE = 7200
URI = "SQLALCHEMY_DATABASE_URI"
BINDS = "SQLALCHEMY_BINDS"
ENGINE_OPTIONS = "SQLALCHEMY_ENGINE_OPTIONS"
POOL_RECYCLE = "SQLALCHEMY_POOL_RECYCLE"
NEVER_READ = "SQLALCHEMY_POOL_PRE_PING"
READ_IN_2 = {  # with the names of the engine's options
    "SQLALCHEMY_POOL_RECYCLE": "pool_recycle",
    "SQLALCHEMY_POOL_SIZE": "pool_size",
    "SQLALCHEMY_POOL_TIMEOUT": "pool_timeout",
    "SQLALCHEMY_MAX_OVERFLOW": "max_overflow",
}
SETTINGS = frozenset(
    {
        *(URI, BINDS, ENGINE_OPTIONS, NEVER_READ, *READ_IN_2),
        *("SQLALCHEMY_TRACK_MODIFICATIONS", "SQLALCHEMY_ECHO", "SQLALCHEMY_RECORD_QUERIES"),
        *("SQLALCHEMY_COMMIT_ON_TEARDOWN", "SQLALCHEMY_NATIVE_UNICODE"),
    }
)
# Only Flask-SQLAlchemy has settings of these names.
_ITS_OWN = frozenset({"SQLALCHEMY_TRACK_MODIFICATIONS", "SQLALCHEMY_COMMIT_ON_TEARDOWN", "SQLALCHEMY_RECORD_QUERIES"})
_SETTINGS_OF_PYDANTIC = ("pydantic", "pydantic_settings")
_PACKAGES = ("flask", "flask_sqlalchemy", "flask_appbuilder", "flask_migrate")
_LOADING = frozenset({"from_object", "from_pyfile"})  # methods by which an application loads settings
_ASKING = ("get", "pop", "setdefault", "getattr")  # functions by which a program reads a setting
_TESTS = lazy_pattern(r"Test(?:s|ing)?(?![a-z])")  # `TestingConfig`
_DEVELOPMENT = lazy_pattern(r"(?:^|[^A-Za-z])(?:dev|test|local)|(?:^|[a-z])(?:Dev|Test|Local)")


class Setting(Record):
    """One assignment of one setting, and the form in which another is added beside it.

    `owner` is the mapping that it is assigned to an item of, if any; `holder` the call that it is a keyword of, or the
    dict that it is written in.
    """

    key: str
    value: ast.expr
    at: ast.expr
    statement: ast.stmt | None
    owner: str = ""
    holder: ast.Call | ast.Dict | None = None

    def target(self, file: File, key: str) -> str:
        """Return the target of an assignment of another setting beside this one."""
        return f"{self.owner}[{file.quote(key, self.at)}]" if self.owner else key


class Group(Record):
    """Settings that are read together: those of one class, one module, or one application's `config`."""

    name: str
    settings: tuple[Setting, ...]
    inherited: frozenset[str] = frozenset()  # keys that a base class has

    def has(self, key: str) -> bool:
        return key in self.inherited or any(setting.key == key for setting in self.settings)

    def of(self, key: str) -> list[Setting]:
        return [setting for setting in self.settings if setting.key == key]

    @property
    def is_of_application(self) -> bool:
        """Whether they are items of an application's `config`."""
        return self.name.endswith(".config")

    @property
    def is_for_development(self) -> bool:
        return _DEVELOPMENT.search(self.name) is not None

    @property
    def is_for_tests(self) -> bool:
        return _TESTS.search(self.name) is not None


def groups(file: File) -> list[Group]:
    """Return the groups of Flask-SQLAlchemy's settings in a file."""
    found = [*_groups_of_classes(file), *_groups_of_module(file), *_groups_of_applications(file)]
    return [group for group in found if _is_flask(file, group)]


def dead(file: File, group: Group) -> list[Setting]:
    """Return the settings of a group that neither Flask-SQLAlchemy nor the project reads, as the source orders them."""
    version = file.project.version_of(DISTRIBUTION)
    keys = {NEVER_READ, *(READ_IN_2 if version is not None and version >= (3,) else ())}
    found = [setting for setting in group.settings if setting.key in keys and not is_none(setting.value)]
    read = {key for key in {setting.key for setting in found} if _is_read(file, key)}
    left = (setting for setting in found if setting.key not in read)
    return sorted(left, key=lambda setting: (setting.at.lineno, setting.at.col_offset))


def _is_read(file: File, key: str) -> bool:
    """Whether the project itself reads a setting, perhaps to pass it on as an engine's option."""
    return any(_reads(each, key) for each in (file, *file.project.parsed_files_containing(key)))


def _reads(file: File, key: str) -> bool:
    named: list[ast.Name | ast.Attribute] = [
        *(each for each in file.nodes(ast.Name) if each.id == key),
        *(each for each in file.nodes(ast.Attribute) if each.attr == key),
    ]
    if any(isinstance(each.ctx, ast.Load) for each in named):
        return True
    items = (each for each in file.nodes(ast.Subscript) if isinstance(each.ctx, ast.Load))
    if any(_is_text(each.slice, key) and file.resolve(each.value) != "os.environ" for each in items):
        return True
    calls = (call for name in _ASKING for call in file.calls.get(name, ()))
    asked = (call for call in calls if any(_is_text(given, key) for given in call.args[:2]))
    return any(file.resolve(call.func) != "os.environ.get" for call in asked)


def _is_text(expr: ast.expr, text: str) -> bool:
    return isinstance(expr, ast.Constant) and expr.value == text


def handles_options(file: File) -> bool:
    """Whether a file passes engine options to the extension in another way than by settings."""
    words = ("engine_options", "apply_driver_hacks", "apply_pool_defaults")
    return any(word in file.text for word in words)


def options_elsewhere(file: File, group: Group, own: list[Group]) -> bool:
    """Whether other code of the project, or of this file's `own` groups, passes options to the engine of a group.

    That is any that sets no URL; and an object with options that an application loads, before it sets its own URL.
    """
    others = [other for other in file.project.parsed_files_containing(ENGINE_OPTIONS) if other.path != file.path]
    found = [*own, *(group for other in others for group in groups(other))]
    loads = group.is_of_application and not _LOADING.isdisjoint(file.calls)
    if any(each.has(ENGINE_OPTIONS) and (loads or not each.has(URI)) for each in found):
        return True
    users = (other for other in file.project.parsed_files_containing("engine_options") if other.path != file.path)
    return any("flask_sqlalchemy" in other.text for other in users)


def _is_flask(file: File, group: Group) -> bool:
    keys = {setting.key for setting in group.settings} | group.inherited
    if not keys & SETTINGS:
        return False
    imported = file.imported_packages
    if imported & {*_SETTINGS_OF_PYDANTIC}:
        return False
    return bool(keys & _ITS_OWN) or bool(imported & {*_PACKAGES}) or file.project.requires(DISTRIBUTION, file)


def _groups_of_classes(file: File) -> Iterator[Group]:
    for name, scope in file.classes.items():
        settings = tuple(_settings_in(file, scope))
        if settings:
            yield Group(name, settings, _base_keys(file, scope))


def _groups_of_module(file: File) -> Iterator[Group]:
    if "create_engine" in file.scope.imports:  # a URL for an engine of its own
        return
    settings = tuple(_settings_in(file, file.scope))
    if settings:
        yield Group(file.path.stem, settings)


def _settings_in(file: File, scope: Scope) -> Iterator[Setting]:
    values = Bindings.of(file).values
    for key in sorted(SETTINGS):
        for value in values.get(Place(scope, key), ()):
            statement = statement_around(file, value)
            yield Setting(key, value, _target(statement) or value, statement)


def _base_keys(file: File, scope: Scope) -> frozenset[str]:
    bases = (base for _, base in closure((file, scope), lambda cls: project_bases(*cls)) if base is not scope)
    return frozenset(key for base in bases for key in SETTINGS if key in base.bound)


def _groups_of_applications(file: File) -> Iterator[Group]:
    found: dict[tuple[str, ast.AST | None], list[Setting]] = defaultdict(list)
    for assign in file.nodes(ast.Assign):
        match assign.targets:
            case [ast.Subscript(value=owner, slice=ast.Constant(value=str(key))) as target] if key in SETTINGS:
                if isinstance(owner, ast.Attribute) and owner.attr == "config":
                    name = file.segment(owner)
                    found[name, function_around(file, assign)].append(Setting(key, assign.value, target, assign, name))
    for call in file.nodes(ast.Call):
        match call.func:
            case ast.Attribute(value=ast.Attribute(attr="config") as owner, attr="update" | "from_mapping"):
                found[file.segment(owner), function_around(file, call)] += _in_call(file, call)
            case ast.Attribute(value=ast.Attribute(attr="config") as owner, attr="setdefault"):
                found[file.segment(owner), function_around(file, call)] += _default(file, call, file.segment(owner))
    for (name, _), settings in found.items():
        if not settings:
            continue
        yield Group(name, tuple(sorted(settings, key=lambda setting: setting.at.lineno)))


def _in_call(file: File, call: ast.Call) -> Iterator[Setting]:
    """Yield the settings of `config.update(KEY=value)` and `config.from_mapping({"KEY": value})`."""
    statement = statement_around(file, call)
    for keyword in call.keywords:
        if keyword.arg in SETTINGS:
            yield Setting(keyword.arg, keyword.value, keyword.value, statement, holder=call)
    for given in (each for each in call.args if isinstance(each, ast.Dict)):
        for key, value in zip(given.keys, given.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in SETTINGS:
                yield Setting(key.value, value, value, statement, holder=given)


def _default(file: File, call: ast.Call, owner: str) -> Iterator[Setting]:
    """Yield the setting of `config.setdefault("KEY", value)`."""
    match call.args:
        case [ast.Constant(value=str(key)), value] if key in SETTINGS:
            yield Setting(key, value, value, statement_around(file, call), owner)


def _target(statement: ast.stmt | None) -> ast.expr | None:
    match statement:
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
            return target
    return None
