"""`Key`: the schema of the settings, for each key its value type, meaning, example and JSON schema."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeGuard

from dbhygiene.config.errors import did_you_mean
from dbhygiene.config.settings import FORMATS, Confidence, Declared, Lasting, Settings
from dbhygiene.library.drivers import PACKAGES, drivers


class ValueType(NamedTuple):
    """The type of a value: its name, its JSON schema, and the function that reads it.

    `read` raises ValueError, whose text says what the value must be. Values of a kind that is a `list` may be written
    with commas between them where only a text can be given.
    """

    name: str
    schema: Mapping[str, object]
    read: Callable[[object], object]
    list: bool = False


class Key(NamedTuple):
    """One key; `meaning` is Markdown, `example` TOML."""

    name: str
    kind: ValueType
    meaning: str
    example: str

    @property
    def field(self) -> str:
        return self.name.replace("-", "_")

    @property
    def default(self) -> object:
        return getattr(Settings(), self.field)


# -- kinds ----------------------------------------------------------------------------------------------


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _words_by_pattern(value: object) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError('a table such as { "tests/*" = ["HYG1"] }')
    return {pattern: _words(words) for pattern, words in value.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("`true` or `false`")
    return value


def _seconds(value: object) -> int:
    return _positive(value, "a number of seconds above 0")


def _connections(value: object) -> int:
    return _positive(value, "a number above 0")


def _positive(value: object, noun: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(noun)
    return value


def one_of(known: tuple[str, ...], made: Callable[[str], object] = str) -> ValueType:
    """Return the type of a value that is one of these words."""
    listed = ", ".join(f"`{word}`" for word in known[:-1]) + f" or `{known[-1]}`"

    def read(value: object) -> object:
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{listed}{did_you_mean(value, known) if isinstance(value, str) else ''}")
        return made(value)

    return ValueType(listed, {"enum": list(known)}, read)


def _databases(value: object) -> tuple[str, ...]:
    for word in (words := _words(value)):  # there are more than are known here: only what looks mistyped is wrong
        if word.lower() not in _DATABASES and (hint := did_you_mean(word.lower(), _DATABASES, least=0.75)):
            raise ValueError(f"a list of databases; `{word}` is unknown{hint}")
    return words


_DATABASES = ("mysql", "mariadb", "postgresql", "sqlite", "oracle", "mssql", "duckdb", "snowflake", "redshift", "db2")


def _functions(value: object) -> Mapping[str, Declared]:
    if not isinstance(value, dict):
        raise ValueError('a table such as { "app.db.release" = { closes = ["conn"] } }')
    return {name: _parse_function(name, table) for name, table in value.items()}


def _parse_function(name: str, table: object) -> Declared:
    keys = ("returns", "closes", "keeps", "borrows", "may-raise")
    if not isinstance(table, dict):
        raise ValueError(f"a table of tables; `{name}` is not a table")
    for key in table:
        if key not in keys:
            raise ValueError(f"a table with the keys {', '.join(keys)}; `{name}` has `{key}`{did_you_mean(key, keys)}")
    returns, may_raise = table.get("returns", ""), table.get("may-raise", True)
    if not isinstance(returns, str) or not isinstance(may_raise, bool):
        raise ValueError(f"a table of tables; in `{name}`, `returns` is a driver's name, `may-raise` true or false")
    if returns and returns not in PACKAGES and returns not in (known := {"connection", *(d.name for d in drivers())}):
        hint = did_you_mean(returns, [*PACKAGES, *known])
        raise ValueError(f"a table whose `returns` is a driver or `connection`, not `{returns}`{hint}")
    fates = {key: _arguments(name, table.get(key, [])) for key in ("closes", "keeps", "borrows")}
    return Declared(returns, may_raise=may_raise, **fates)


def _arguments(name: str, value: object) -> tuple[str | int, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, (str, int)) and not isinstance(each, bool) for each in values):
        raise ValueError(f"a table that gives arguments of `{name}` by name, or by number from 0")
    return tuple(values)


UNBOUNDED = "unbounded"


def _gaps(value: object) -> Mapping[str, Lasting]:
    if not isinstance(value, dict):
        raise ValueError('a table such as { "shop.search.reindex" = 600 }')
    for name in value:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"a table whose keys are dotted names of functions, not `{name}`")
    return {name: _parse_lasting(name, lasts) for name, lasts in value.items()}


def _parse_lasting(name: str, lasts: object) -> Lasting:
    match lasts:
        case "unbounded":
            return Lasting(0, math.inf)
        case [least, most] if _is_time(least) and _is_time(most) and least <= most:
            return Lasting(least, most)
        case _ if _is_time(lasts):
            return Lasting(lasts, lasts)
    hint = did_you_mean(lasts, (UNBOUNDED,)) if isinstance(lasts, str) else ""
    raise ValueError(f'a table that gives seconds, `[least, most]` or "{UNBOUNDED}" for `{name}`{hint}')


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


_STRINGS = {"type": "array", "items": {"type": "string"}}
_ARGUMENT = {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}
_ARGUMENTS = {"anyOf": [*_ARGUMENT["anyOf"], {"type": "array", "items": _ARGUMENT}]}
_FUNCTION = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "returns": {"type": "string", "description": "A driver's name, or `connection`: the caller must close it."},
        "closes": {**_ARGUMENTS, "description": "Arguments that the function closes."},
        "keeps": {**_ARGUMENTS, "description": "Arguments that the function keeps, and closes later."},
        "borrows": {**_ARGUMENTS, "description": "Arguments that the function only uses: the caller must close them."},
        "may-raise": {"type": "boolean", "default": True},
    },
}

_TIME = {"type": "number", "minimum": 0}
_LASTING = {"anyOf": [_TIME, {"type": "array", "items": _TIME, "minItems": 2, "maxItems": 2}, {"enum": [UNBOUNDED]}]}

WORDS = ValueType("a list of strings", _STRINGS, _words, list=True)
DATABASES = ValueType("a list of strings", _STRINGS, _databases, list=True)
BY_PATTERN = ValueType(
    "a table of lists of strings", {"type": "object", "additionalProperties": _STRINGS}, _words_by_pattern
)
TEXT = ValueType("a string", {"type": "string"}, _text)
FLAG = ValueType("`true` or `false`", {"type": "boolean"}, _flag)
SECONDS = ValueType("a number of seconds", {"type": "integer", "minimum": 1}, _seconds)
CONNECTIONS = ValueType("a number", {"type": "integer", "minimum": 1}, _connections)
CONFIDENCE = one_of(tuple(str(each) for each in Confidence), lambda word: Confidence[word.upper()])
FUNCTIONS = ValueType("a table of tables", {"type": "object", "additionalProperties": _FUNCTION}, _functions)

GAPS = ValueType("a table of seconds", {"type": "object", "additionalProperties": _LASTING}, _gaps)


# -- keys -----------------------------------------------------------------------------------------------

KEYS = (
    Key(
        "select",
        WORDS,
        "The enabled rules: names, codes, prefixes of codes, or `ALL`. If it is empty, all rules are enabled that are"
        " on by default; the others are enabled only by their own name or code, not by a prefix or `ALL`. If `select`"
        " and `ignore` both match a rule, the more specific one decides: a name or a code is more specific than a"
        " prefix, and a longer prefix more specific than a shorter one. If they are equally specific, the rule is"
        " ignored.",
        'select = ["HYG1", "engine-without-protection"]',
    ),
    Key(
        "extend-select",
        WORDS,
        "Rules that are enabled in addition to those of `select`.",
        'extend-select = ["cursor-not-closed"]',
    ),
    Key("ignore", WORDS, "The ignored rules.", 'ignore = ["connection-not-closed-on-error"]'),
    Key(
        "extend-ignore",
        WORDS,
        "Rules that are ignored in addition to those of `ignore`.",
        'extend-ignore = ["HYG3"]',
    ),
    Key(
        "per-file-ignores",
        BY_PATTERN,
        "Rules that are ignored in some files. Each key is a name or a pattern as in `.gitignore`, relative to the"
        " root. Unlike in `.gitignore`, `*` also matches slashes.",
        'per-file-ignores = { "tests/*" = ["HYG1"], "scripts" = ["HYG102"] }',
    ),
    Key(
        "fixable",
        WORDS,
        "The rules whose fixes may be applied: names, codes, prefixes of codes, or `ALL`. By default, all may be"
        " applied. If `fixable` and `unfixable` both match a rule, the more specific one decides, as with `select`.",
        'fixable = ["connection-not-closed"]',
    ),
    Key("unfixable", WORDS, "The rules whose fixes are never applied.", 'unfixable = ["HYG2"]'),
    Key(
        "min-confidence",
        CONFIDENCE,
        "The lowest confidence of a reported finding. *certain*: the code fails or leaks as written. *likely*: it fails"
        " or leaks if a call raises, or unless code or configuration that dbhygiene cannot see prevents it. *possible*:"
        " it may fail or leak; check it by hand.",
        'min-confidence = "certain"',
    ),
    Key(
        "server-timeout",
        SECONDS,
        "The seconds after which the server closes an idle connection: `SELECT @@global.wait_timeout` on MySQL, or"
        " the limit of a proxy in between if that is less. If it is not set, dbhygiene looks for the timeout in the"
        " repository: in compose files, Dockerfiles, Kubernetes documents and option files. If there is none, it"
        " assumes two values: waits are compared with 300, a common value of hosted MySQL, and the lifetimes of"
        " pooled connections with 28800, the default of MySQL. A wait between the two is *likely*, not *certain*."
        " PostgreSQL and others close no idle connection by default: for them, waits are reported only if this"
        " setting, or a file of the repository, gives a timeout.",
        "server-timeout = 300",
    ),
    Key(
        "max-connections",
        CONNECTIONS,
        "The number of connections that the server accepts from the account of the program. To see it, run"
        " `dbhygiene doctor --server`. If it is not set, dbhygiene looks for the limit in the repository.",
        "max-connections = 50",
    ),
    Key(
        "databases",
        DATABASES,
        "The databases that the project uses: `mysql`, `mariadb`, `postgresql`, `sqlite`, ... If it is not set,"
        " dbhygiene infers them from settings modules, requirements and imports. `dbhygiene doctor` prints the result.",
        'databases = ["mysql"]',
    ),
    Key(
        "functions",
        FUNCTIONS,
        "Functions whose source is not part of the project, by their dotted names. `returns` is a driver's name or"
        " `connection`: the function returns a connection that the caller must close. `closes`, `keeps` and `borrows`"
        " name the arguments that the function closes, keeps (and closes later), or only uses: by name, or by number"
        " from 0. `may-raise = false` means that a call never raises.",
        "[tool.dbhygiene.functions]\n"
        '"vendor.open_db" = { returns = "pymysql" }\n'
        '"vendor.release" = { closes = 0 }\n'
        '"vendor.run" = { borrows = ["conn"], may-raise = false }',
    ),
    Key(
        "fix-style",
        one_of(("with", "finally")),
        "How fixes close a connection: with a `with` block wherever possible, or always in a `finally`. If it is not"
        " set, an existing `close` moves into a `finally`. If there is none, the fix adds a `with` block, or a"
        " `finally` if the first line of the `with` would be too long.",
        'fix-style = "finally"',
    ),
    Key(
        "gaps",
        GAPS,
        "Functions that take long without querying the database, by their dotted names. The value is a number of"
        ' seconds, a shortest and a longest time, or `"unbounded"`; 0 means that the function takes no noticeable'
        " time. The value replaces what dbhygiene knows of a function. A key can also be a package, one of"
        " `pandas`, `polars`, `sklearn`, `keras`, `tensorflow`, `torch`, `lightning`, `pytorch_lightning`,"
        " `transformers`, `sentence_transformers`, `xgboost`, `lightgbm`, `catboost`, `statsmodels`, `prophet`,"
        " `gensim`, `spacy`, `ultralytics`: it stands for the functions of the package that take long on much"
        " data, such as reading, joining or training. Without such a key, they count as taking no time.",
        "[tool.dbhygiene.gaps]\n"
        "pandas = [0, 1800]\n"
        'sklearn = "unbounded"\n'
        '"shop.search.reindex" = "unbounded"\n'
        '"vendor.Client.upload" = [10, 1800]\n'
        '"vendor.render" = 0',
    ),
    Key(
        "src",
        WORDS,
        "Directories in which imports are looked up, besides the root and its directory named `src`.",
        'src = ["lib", "backend"]',
    ),
    Key(
        "cache-dir",
        TEXT,
        "The directory of the cache, relative to the root.",
        'cache-dir = ".cache/dbhygiene"',
    ),
    Key(
        "exclude",
        WORDS,
        "Files and directories that are not checked: names, or patterns as in `.gitignore`, relative to the root. It"
        " replaces the default; to add to the default, use `extend-exclude`. Paths named on the command line are"
        " checked even if they match, unless `--force-exclude` is given. Files that git"
        " ignores are checked only if the command line names them.",
        'exclude = [".venv", "build"]',
    ),
    Key(
        "extend-exclude",
        WORDS,
        "Files and directories that are not checked, in addition to those of `exclude`.",
        'extend-exclude = ["generated/", "*_pb2.py"]',
    ),
    Key(
        "require-reason",
        FLAG,
        "Whether a comment that silences a finding must give a reason. HYG004 reports comments without one.",
        "require-reason = true",
    ),
    Key(
        "baseline",
        TEXT,
        "A baseline file, relative to the root: the findings listed there are not reported. `dbhygiene baseline`"
        " writes it.",
        'baseline = "dbhygiene-baseline.txt"',
    ),
    Key(
        "output-format",
        one_of(FORMATS),
        "The format of the report if `--output-format` is not given.",
        'output-format = "concise"',
    ),
    Key(
        "required-version",
        TEXT,
        "The versions of dbhygiene that may check the project. Any other version stops with exit status 2.",
        'required-version = ">=0.1,<1"',
    ),
)
BY_NAME: Mapping[str, Key] = {key.name: key for key in KEYS}


def schema() -> dict[str, object]:
    """Return the JSON schema of the table `[tool.dbhygiene]`, or of a `dbhygiene.toml`."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "dbhygiene",
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _property(key) for key in KEYS},
    }


def _property(key: Key) -> dict[str, object]:
    default = toml_value(key.default)
    shown = {} if default is None or default == "" else {"default": default}
    return {"description": key.meaning, **key.kind.schema, **shown}


def toml_value(value: object) -> object:
    """Return the value of a setting as TOML and JSON write it."""
    if isinstance(value, Confidence):
        return str(value)
    if value == Lasting(0, math.inf):
        return UNBOUNDED
    return list(value) if isinstance(value, tuple) else value
