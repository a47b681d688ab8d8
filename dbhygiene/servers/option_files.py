"""`OptionAssignment` and `ProxySection`: option files of MySQL, PostgreSQL, PgBouncer and HAProxy.

[mysqld]
wait-timeout = 10m        # OptionAssignment("mysqld", "wait_timeout", "10m", 2)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import Record


class OptionAssignment(Record):
    """One assignment."""

    group: str
    name: str
    value: str
    line: int


_GROUP = lazy_pattern(r"\[([^\]]*)\]")
_COMMENT = lazy_pattern(r"\s#.*")
_SERVER_GROUPS = lazy_pattern(r"(?:mysqld|mariadbd?|server|client-server)(?:-\d+(?:\.\d+)*)?", re.IGNORECASE)
_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50, "e": 1 << 60}


def mysql_options(text: str) -> Iterator[OptionAssignment]:
    """Yield the options of an option file of MySQL or MariaDB; `!include` lines have the name of their keyword."""
    group = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("!include"):
            keyword, _, path = line.partition(" ")
            yield OptionAssignment(group, keyword, path.strip(), number)
        elif found := _GROUP.match(line):
            group = found[1].strip().lower()
        elif group:
            name, _, value = line.partition("=")
            yield OptionAssignment(group, mysql_name(name), _unquote(_COMMENT.sub("", f" {value}").strip()), number)


def mysql_name(name: str) -> str:
    """Return the variable that an option of MySQL sets."""
    name = name.partition("#")[0].strip().lower().replace("-", "_")
    return name.removeprefix("loose_").removeprefix("maximum_")


def is_server_group(group: str) -> bool:
    """Whether a server of MySQL or MariaDB reads this group."""
    return _SERVER_GROUPS.fullmatch(group) is not None


def is_written_as(name: str, variable: str, shortest: int) -> bool:
    """Whether an option is this variable, or a prefix of it that is long enough to be unique."""
    return name == variable or (len(name) >= shortest and variable.startswith(name))


def mysql_number(value: str) -> int | None:
    """Return the number of a value, with the suffixes that MySQL knows: `10m` is 10,485,760."""
    found = re.fullmatch(r"(\d+)([kmgtpe]?)", value.strip().lower())
    return int(found[1]) * _SIZES.get(found[2], 1) if found else None


def _unquote(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


# -- PostgreSQL, PgBouncer ----------------------------------------------------------------------------------

_ASSIGNMENT = lazy_pattern(r"\s*([\w.]+)\s*(?:=|\s)\s*('(?:[^']|'')*'|[^\s#]+)")
_UNITS = {"": 1, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def postgresql_options(text: str) -> Iterator[OptionAssignment]:
    """Yield the options of a `postgresql.conf`."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _ASSIGNMENT.match(line):
            yield OptionAssignment("", found[1].lower(), found[2].strip("'"), number)


def ini_options(text: str) -> Iterator[OptionAssignment]:
    """Yield the options of an ini file; PgBouncer and uWSGI take a name more than once."""
    group = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;%":
            continue
        if found := _GROUP.match(line):
            group = found[1].strip().lower()
        elif "=" in line:
            name, _, value = line.partition("=")
            yield OptionAssignment(group, name.strip().lower(), re.sub(r"\s[;#].*", "", f" {value}").strip(), number)


def seconds(value: str, unit: str = "s") -> float | None:
    """Return the seconds of a time, whose unit is this one if it has none of its own."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", value.strip().lower())
    if found is None or (found[2] or unit) not in _UNITS:
        return None
    return float(found[1]) * _UNITS[found[2] or unit]


# -- HAProxy ------------------------------------------------------------------------------------------------


class ProxySection(Record):
    """A section of HAProxy's configuration: `listen galera`, with its lines."""

    kind: str
    name: str
    lines: tuple[tuple[int, tuple[str, ...]], ...] = ()

    def last(self, *words: str) -> tuple[int, tuple[str, ...]] | None:
        """Return the last line that begins with these words, and its number."""
        found = [(number, line) for number, line in self.lines if line[: len(words)] == words]
        return found[-1] if found else None

    def all(self, word: str) -> list[tuple[str, ...]]:
        return [line for _, line in self.lines if line[0] == word]


_KINDS = ("global", "defaults", "listen", "frontend", "backend")


def haproxy_sections(text: str) -> list[ProxySection]:
    """Return the sections of HAProxy's configuration; each `defaults` holds for those after it."""
    found: list[tuple[str, str, list[tuple[int, tuple[str, ...]]]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = tuple(line.partition("#")[0].split())
        if words and words[0] in _KINDS:
            found.append((words[0], words[1] if len(words) > 1 else "", []))
        elif words and found:
            found[-1][2].append((number, words))
    return [ProxySection(kind, name, tuple(lines)) for kind, name, lines in found]
