"""`[tool.dbhygiene]` of a `pyproject.toml`, or a `dbhygiene.toml`, as `Settings`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dbhygiene.mistakes import Mistake, did_you_mean
from dbhygiene.settings import Confidence, Declared, Settings


def load(root: Path) -> Settings:
    """The settings of the project with this root; raises Mistake where they are wrong."""
    for name in ("dbhygiene.toml", "pyproject.toml"):
        settings = read(root / name)
        if settings is not None:
            return settings
    return Settings()


def read(path: Path) -> Settings | None:
    """The settings in a file; None where it has none, or is not there."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}") from None
    own_file = path.name != "pyproject.toml"
    if not own_file and b"dbhygiene" not in data:  # most are not about us, and need no parser
        return None
    tables = _toml(path, data)
    if not own_file:
        tool = tables.get("tool")
        tables = tool.get("dbhygiene") if isinstance(tool, dict) else None
        if tables is None:
            return None
        if not isinstance(tables, dict):
            raise Mistake(f"{path}: `tool.dbhygiene` must be a table")
    return _settings(path, tables)


def _toml(path: Path, data: bytes) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise Mistake(f"{path}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise Mistake(f"{path}: {error}") from None


def _settings(path: Path, table: Mapping[str, Any]) -> Settings:
    values: dict[str, Any] = {}
    for key, value in table.items():
        read_value = _KEYS.get(key)
        if read_value is None:
            raise Mistake(f"{path}: unknown key `{key}`{did_you_mean(key, _KEYS)}")
        try:
            values[key.replace("-", "_")] = read_value(value)
        except ValueError as error:
            raise Mistake(f"{path}: `{key}` must be {error}") from None
    return Settings(**values)


def confidence(value: object) -> Confidence:
    """The confidence of this name; raises ValueError, whose text says what it must be."""
    if isinstance(value, str) and value.upper() in Confidence.__members__:
        return Confidence[value.upper()]
    raise ValueError("`certain`, `likely` or `possible`")


def seconds(value: object) -> int:
    """A positive whole number; raises ValueError, whose text says what it must be."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError("a number of seconds above 0")
    return value


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _words_by_pattern(value: object) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError('a table such as { "tests/*" = ["HYG1"] }')
    return {pattern: _words(words) for pattern, words in value.items()}


def _functions(value: object) -> Mapping[str, Declared]:
    if not isinstance(value, dict):
        raise ValueError('a table such as { "app.db.release" = { closes = ["conn"] } }')
    return {name: _declared(name, table) for name, table in value.items()}


def _declared(name: str, table: object) -> Declared:
    known = ("returns", "closes", "keeps", "borrows", "may-raise")
    if not isinstance(table, dict):
        raise ValueError(f"a table for `{name}`")
    for key in table:
        if key not in known:
            raise ValueError(f"a table of {', '.join(known)}; `{name}` has `{key}`{did_you_mean(key, known)}")
    returns, may_raise = table.get("returns", ""), table.get("may-raise", True)
    if not isinstance(returns, str) or not isinstance(may_raise, bool):
        raise ValueError(f"a driver's name for `returns` and true or false for `may-raise` of `{name}`")
    fates = {key: _arguments(name, table.get(key, [])) for key in ("closes", "keeps", "borrows")}
    return Declared(returns, may_raise=may_raise, **fates)


def _arguments(name: str, value: object) -> tuple[str | int, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, (str, int)) and not isinstance(each, bool) for each in values):
        raise ValueError(f"arguments of `{name}` by name, or by number from 0")
    return tuple(values)


_KEYS: Mapping[str, Callable[[object], object]] = {
    "select": _words,
    "extend-select": _words,
    "ignore": _words,
    "per-file-ignores": _words_by_pattern,
    "min-confidence": confidence,
    "server-timeout": seconds,
    "databases": _words,
    "exclude": _words,
    "src": _words,
    "functions": _functions,
}
