"""`Numbers`: the limits in option files and command lines of a database server, the last assignment of each.

mysqld --wait-timeout=60 --wait-timeout=600      # an idle timeout of 600 s
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.library.deployment import MYSQL, POSTGRESQL, Image
from dbhygiene.servers.model import UNKNOWN_NUMBER, DeadSetting, FileLine, Limit, Origin
from dbhygiene.servers.option_files import (
    OptionAssignment,
    is_server_group,
    is_written_as,
    mysql_name,
    mysql_number,
    mysql_options,
    postgresql_options,
    seconds,
)
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import Record

_LONGEST = 31536000  # seconds: the most that MySQL takes for `wait_timeout`
_RESERVED = 3  # of PostgreSQL's connections, for superusers
_VARIABLES = {  # of MySQL: variable -> how much of its name is unique
    "wait_timeout": 6,
    "max_connections": 8,
    "max_user_connections": 8,
}
_OF_POSTGRESQL = ("max_connections", "superuser_reserved_connections", "idle_session_timeout")


class Assignment(Record):
    """A variable of a server, its value and its place."""

    variable: str
    value: str
    place: FileLine


class Numbers(Record):
    """The numbers of one server."""

    idle: Limit | None = None
    connections: Limit | None = None

    def or_default(self, default: Numbers) -> Numbers:
        """Return these numbers, with those of the image where nothing else sets them."""
        connections = self.connections or default.connections
        if connections and default.connections and connections.setting == "max_user_connections":
            connections = min(connections, default.connections, key=lambda number: number.value)
        return Numbers(self.idle or default.idle, connections)


def image_numbers(image: Image, name: str, place: FileLine) -> Numbers:
    """Return the numbers of the server in an image, if nothing else sets them."""
    idle, connections = (
        None if value is None else Limit(value, setting, Origin.IMAGE, place, name)
        for value, setting in ((image.idle, "wait_timeout"), (image.connections, "max_connections"))
    )
    return Numbers(idle, connections)


def numbers(database: str, assignments: Iterable[Assignment]) -> Numbers:
    """Return what a server makes of its assignments: the last one of each variable holds."""
    last = {each.variable: each for each in assignments}
    return _numbers_of_mysql(last) if database == MYSQL else _numbers_of_postgresql(last)


def _numbers_of_mysql(last: dict[str, Assignment]) -> Numbers:
    idle, connections = None, None
    if given := last.get("wait_timeout"):
        value = mysql_number(given.value)
        found = UNKNOWN_NUMBER if value is None else max(1, min(value, _LONGEST))
        idle = Limit(found, given.variable, Origin.FILE, given.place)
    limits = []
    for variable in ("max_connections", "max_user_connections"):
        if given := last.get(variable):
            value = mysql_number(given.value)
            if value or variable == "max_connections":  # `max_user_connections = 0`: no limit of its own
                found = UNKNOWN_NUMBER if value is None else max(value, 1)
                limits.append(Limit(found, variable, Origin.FILE, given.place))
    if limits:
        connections = min(limits, key=lambda number: number.value)
    return Numbers(idle, connections)


def _numbers_of_postgresql(last: dict[str, Assignment]) -> Numbers:
    idle, connections = None, None
    if given := last.get("idle_session_timeout"):
        value = seconds(given.value, "ms")
        if value != 0:  # off
            idle = Limit(UNKNOWN_NUMBER if value is None else value, given.variable, Origin.FILE, given.place)
    if given := last.get("max_connections"):
        kept = last.get("superuser_reserved_connections")
        reserved = int(kept.value) if kept and kept.value.isdigit() else _RESERVED
        found = int(given.value) - reserved if given.value.isdigit() else UNKNOWN_NUMBER
        connections = Limit(found, given.variable, Origin.FILE, given.place)
    return Numbers(idle, connections)


def option_file(
    database: str, name: str, files: Deployment, within: frozenset[str] = frozenset()
) -> Iterator[Assignment]:
    """Yield the assignments of an option file, in order, those of the files that it includes in their place.

    Arguments:
        within: the files that include it, perhaps each other.
    """
    if database == POSTGRESQL:
        for option in postgresql_options(files.text(name)):
            if option.name in _OF_POSTGRESQL:
                yield Assignment(option.name, option.value, FileLine(name, option.line))
        return
    for option in mysql_options(files.text(name)):
        if option.name.startswith("!include"):
            for other in _included_files(option, name, files) if name not in within else ():
                yield from option_file(database, other, files, within | {name})
        elif is_server_group(option.group) and (variable := _variable(option.name)):
            yield Assignment(variable, option.value, FileLine(name, option.line))


def _variable(name: str) -> str | None:
    return next((known for known, least in _VARIABLES.items() if is_written_as(name, known, least)), None)


def _included_files(option: OptionAssignment, name: str, files: Deployment) -> list[str]:
    """Return the files that a line includes, if they lie beside the file: its path is one of the server's machine."""
    around = name.rpartition("/")[0]
    last = option.value.rstrip("/").rpartition("/")[2]
    target = f"{around}/{last}".lstrip("/")
    if option.name == "!include":
        return [target] if target in files.names else []
    return [each for each in files.names if each.rpartition("/")[0] == target and each.endswith(".cnf")]


def flags(database: str, words: Iterable[tuple[str, int]], name: str) -> Iterator[Assignment]:
    """Yield the assignments of a command line: `--wait-timeout=600`, `-c max_connections=200`."""
    before, line_before = "", 0
    for word, line in words:
        if before == "-c" and database == POSTGRESQL:
            yield from parse_assignment(database, word, FileLine(name, line))
        elif before == "-N" and database == POSTGRESQL and word:
            yield Assignment("max_connections", word, FileLine(name, line))
        elif before.startswith("--") and "=" not in before and not word.startswith("-"):
            yield from parse_assignment(database, f"{before[2:]}={word}", FileLine(name, line_before))
        elif "=" in word and word.startswith(("--", "-c") if database == POSTGRESQL else "--"):
            yield from parse_assignment(database, word[2:], FileLine(name, line))
        before, line_before = word, line


def parse_assignment(database: str, text: str, place: FileLine) -> Iterator[Assignment]:
    """Yield what `wait_timeout=600` assigns, if it is one of the variables that are known."""
    variable, _, value = text.partition("=")
    if database == MYSQL:
        known = _variable(mysql_name(variable))
    else:
        name = variable.strip().lower().replace("-", "_")
        known = name if name in _OF_POSTGRESQL else None
    if known:
        yield Assignment(known, value.strip().strip("'\""), place)


# -- settings that do nothing -------------------------------------------------------------------------------

_TIMES = lazy_pattern(r"\d+[mM]")
_NOT_READ = ("mysqld_safe", "client", "mysql", "mysqldump")


def dead_options(name: str, files: Deployment) -> Iterator[DeadSetting]:
    """Yield the settings of an option file of MySQL that do nothing, or not what they seem to say."""
    for option in mysql_options(files.text(name)):
        place = FileLine(name, option.line)
        if option.name not in _VARIABLES:
            continue
        if option.group in _NOT_READ:
            message = f"`{option.name}` stands under `[{option.group}]`, which no server reads"
            yield DeadSetting(place, message, "move it under `[mysqld]`")
        elif option.name == "wait_timeout" and is_server_group(option.group):
            value = mysql_number(option.value)
            if _TIMES.fullmatch(option.value):
                size = min(value or 0, _LONGEST)
                message = f"`wait_timeout = {option.value}` is {size} s: `m` stands for 1048576, not for minutes"
                yield DeadSetting(place, message, "write seconds")
            elif value == 0:
                yield DeadSetting(place, "`wait_timeout = 0` becomes 1 s, not no limit", "write seconds")
