"""`server`: the database server of a service in a compose file, by its option files, flags and image.

db: {image: "mysql:8", command: "--wait-timeout=60"}          # a `Server` named `db`, which closes after 60 s
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from dbhygiene.library.deployment import MYSQL, POSTGRESQL, Image, image_server
from dbhygiene.servers.commands import programs_of
from dbhygiene.servers.compose import Service, all_volumes, command_words, mounted_files
from dbhygiene.servers.databases import Assignment, Numbers, flags, image_numbers, numbers, option_file
from dbhygiene.servers.model import UNKNOWN_NUMBER, DeadSetting, FileLine, Limit, Origin, Server
from dbhygiene.servers.yaml_nodes import at, pairs
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern

_ENDINGS = {MYSQL: (".cnf", "my.ini"), POSTGRESQL: (".conf",)}
_SERVER_PROGRAMS = frozenset(
    ("mysqld", "mysqld_safe", "mariadbd", "mariadbd-safe", "postgres", "docker-entrypoint.sh", "docker-entrypoint")
)
_CLIENT = lazy_pattern(r"backup|dump|restore|migrat|seed|wait|cron", re.IGNORECASE)
_SERVER_PROGRAM = lazy_pattern(r"\b(?:mysqld|mariadbd|postgres|docker-entrypoint)\b")
_DEAD_VARIABLES = ("MYSQL_WAIT_TIMEOUT", "MYSQL_MAX_CONNECTIONS", "MARIADB_WAIT_TIMEOUT", "POSTGRES_MAX_CONNECTIONS")


def server(service: Service, files: Deployment) -> tuple[Server, set[str]] | None:
    """Return the database server of a service, and the option files that it reads; None if it is none."""
    image = image_server(service.image)
    words, place = _words_with_file(service, files)
    runs = image is not None and _runs_server(service, words, files)
    if image is None or runs is False:
        return None
    read = _option_files(service, image, words, files)
    assignments = [each for name in sorted(read) for each in option_file(image.database, name, files)]
    assignments += _assignments_of_init_scripts(service, files)
    assignments += flags(image.database, words, place)
    found = numbers(image.database, assignments).or_default(image_numbers(image, service.image, service.image_place))
    if runs is None or (_takes_unseen_options(service, words, read, files) and not assignments):
        unknown = (Limit(UNKNOWN_NUMBER, name, Origin.FILE, service.image_place) for name in _UNKNOWN[image.database])
        found = Numbers(*unknown)
    made = Server(image.database, service.hosts, found.idle, found.connections, service.image_place)
    return made, read


def _words_with_file(service: Service, files: Deployment) -> tuple[list[tuple[str, int]], str]:
    """Return the words of a service's command, or of the one that it overrides, and the file that has them."""
    words = command_words(service, files)
    if not words and service.base is not None:
        return _words_with_file(service.base, files)
    if not words and service.dockerfile:
        from dbhygiene.servers.docker import commands_of

        found = list(commands_of(service.dockerfile, files))
        return [(word, found[-1][0]) for word in found[-1][1]] if found else [], service.dockerfile
    return words, service.file


def _runs_server(service: Service, words: list[tuple[str, int]], files: Deployment) -> bool | None:
    """Whether a command starts the server of an image, rather than a client such as `pg_dump`; None if unknown."""
    texts = [word for word, _ in words]
    if not texts or texts[0].startswith("-"):
        return True
    if any("pgbouncer" in text for text in texts):  # which may be installed in the server's image
        return False
    if programs_of(texts) & _SERVER_PROGRAMS:
        return True
    script = next((text for text in texts[:2] if text.endswith(".sh")), None)
    if any(_CLIENT.search(name) for name in (service.name, script or "")):
        return False
    if script is None:
        return None if "$" in texts[0] else False
    base = script.rpartition("/")[2]
    sources = [name for name in mounted_files(service, files) if name.rpartition("/")[2] == base]
    return None if any(_SERVER_PROGRAM.search(files.text(name)) for name in sources) or not sources else False


def _takes_unseen_options(service: Service, words: list[tuple[str, int]], read: set[str], files: Deployment) -> bool:
    """Whether a service takes options that are not known: of a file that it names or mounts, or of a variable."""
    if not read and any("config_file=" in word or "--defaults-" in word for word, _ in words):
        return True
    neighbours = pairwise(word for word, _ in words)
    if any(word.startswith("$") and (before == "-c" or not before.startswith("-")) for before, word in neighbours):
        return True  # `postgres ${EXTRA_ARGUMENTS}`
    if any(word == "RUN" and _WRITES_OPTIONS.search(text) for word, text in _instructions(service, files)):
        return True
    sources = [source for source, target in all_volumes(service) if _OPTION_FILE.search(target)]
    return any(not any(name == source or name.startswith(f"{source}/") for name in files.names) for source in sources)


def _instructions(service: Service, files: Deployment) -> list[tuple[str, str]]:
    """Return the words and the texts of the instructions of a service's Dockerfile; none if it has none."""
    if not service.dockerfile:
        return []
    from dbhygiene.servers.docker import instructions

    return [(each.word, each.text) for each in instructions(files.text(service.dockerfile))]


_OPTION_FILE = lazy_pattern(r"\.(?:cnf|ini)$|postgresql\.conf$|/etc/mysql(?:/[\w.]*conf\.d)?/?$")


_WRITES_OPTIONS = lazy_pattern(r"max_?-?connections|(?:wait|session)_timeout|\.cnf\b|postgresql\.conf")
_INIT = "/docker-entrypoint-initdb.d"
_PERMANENT = lazy_pattern(r"\b(?:ALTER\s+SYSTEM\s+SET|SET\s+PERSIST)\s+(\w+)\s*(?:=|\bTO\b)\s*'?(\w+)", re.IGNORECASE)


def _assignments_of_init_scripts(service: Service, files: Deployment) -> Iterator[Assignment]:
    """Yield what scripts of a new database set for good: `ALTER SYSTEM SET max_connections = 300`."""
    sources = [source for source, target in all_volumes(service) if target.startswith(_INIT)]
    for name in files.names:
        if any(name == source or name.startswith(f"{source}/") for source in sources):
            text = files.text(name)
            for found in _PERMANENT.finditer(text):
                line = text.count("\n", 0, found.start()) + 1
                yield Assignment(found[1].lower(), found[2], FileLine(name, line))


def _option_files(service: Service, image: Image, words: list[tuple[str, int]], files: Deployment) -> set[str]:
    """Return the option files that a service mounts, or copies in its build."""
    endings = _ENDINGS[image.database]
    found = {name for name in mounted_files(service, files) if name.endswith(endings)}
    if service.dockerfile:
        copied = [text for word, text in _instructions(service, files) if word in _COPIES]
        for name in files.names:
            base = name.rpartition("/")[2]
            if name.endswith(endings) and name.startswith(service.context or ""):
                if any(base in text or name.rpartition("/")[0].rpartition("/")[2] in text.split() for text in copied):
                    found.add(name)
    if image.database == POSTGRESQL:
        text = " ".join(word for word, _ in words)
        targets = [target for source, target in all_volumes(service) if source in found]
        if "config_file" not in text and not any("/data" in target for target in targets):
            return found if service.dockerfile else set()
    return found


_COPIES = ("COPY", "ADD")
_UNKNOWN = {MYSQL: ("wait_timeout", "max_connections"), POSTGRESQL: ("idle_session_timeout", "max_connections")}


def dead_variables(service: Service) -> Iterator[DeadSetting]:
    """Yield the variables of the environment that look like settings, and that the service's image does not read."""
    if (image := image_server(service.image)) is None or "bitnami" in service.image:
        return
    for name, _, line in pairs(at(service.node, "environment")):
        if name in _DEAD_VARIABLES:
            option = name.partition("_")[2].lower()
            flag = f"--{option}=" if image.database == MYSQL else f"-c {option}="
            message = f"the image `{service.image}` does not read `{name}`"
            yield DeadSetting(FileLine(service.file, line), message, f"write `command: {flag}...`")
