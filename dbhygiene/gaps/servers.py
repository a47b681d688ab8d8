"""`Verdict`: the database server of a Django site, by configuration, settings, requirements and imports.

The configuration decides. Settings modules that are fully known come before requirements: a driver may be installed
for another database. SQLite counts only if nothing points to a server: many sites are developed with a file and
deployed with a server. If the settings leave it open, files for deployment and tests count, and settings for tests
last. If the settings name no server and no file does, it is unknown; without any settings, it is assumed to be MySQL.
"""

from __future__ import annotations

import re

from dbhygiene.gaps.django_settings import Databases, databases_in, settings_modules
from dbhygiene.pools.dialect_evidence import (
    MAY_BE_ANY,
    mentioned_servers,
    named_server,
    servers_by_imports,
    servers_by_requirements,
    servers_in_deployment,
    suggests_mysql,
    supports_mysql,
)
from dbhygiene.pools.sqlalchemy import MYSQL, UNKNOWN_DATABASE
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

SQLITE, UNKNOWN_SERVER = "sqlite", "unknown"
TITLES = {MYSQL: "MySQL", "postgresql": "PostgreSQL", SQLITE: "SQLite", "oracle": "Oracle", "mssql": "SQL Server"}

# In a module named `settings`: those of an application, which reads the site's.
_READS_SETTINGS = lazy_pattern(r"^\s*from django\.conf import (?:[\w, ]*, *)?settings\b", re.MULTILINE)


class Verdict(Record):
    """The server, and the evidence for it."""

    server: str
    reason: str
    is_assumed: bool = False

    @property
    def title(self) -> str:
        return TITLES.get(self.server, self.server)

    def __str__(self) -> str:
        if self.server == UNKNOWN_SERVER:
            return f"{self.title}: {self.reason}"
        return f"{self.title}, {'assumed: ' if self.is_assumed else ''}{self.reason}"


@query
def verdict(file: File) -> Verdict:
    """Return the server of the site that a file belongs to."""
    configured = [named_server(name) for name in file.project.settings.databases]
    if configured:
        return Verdict(_worst(configured), "set by `databases`")
    every = [module for module in settings_modules(file) if not _READS_SETTINGS.search(module.text)]
    modules = [module for module in every if not databases_in(module).is_for_tests]
    known = [databases_in(module) for module in modules]
    named = _servers_of_settings(known)
    doubt = next((each.unknown for each in known if each.unknown), "")
    by_default = _servers_of_defaults(known)
    if MYSQL in named and MYSQL not in by_default:
        return Verdict(MYSQL, named[MYSQL])
    others = sorted((server for server in named if server != SQLITE), key=lambda server: server != MYSQL)
    if others and not doubt:
        return Verdict(others[0], named[others[0]])
    required = {**servers_by_imports(file), **servers_by_requirements(file)}
    drivers = required.keys() - {SQLITE}
    for server in others:
        if server in by_default and (server in drivers or not drivers):
            return Verdict(server, named[server])  # else the driver of another server shows that no default holds
    if MYSQL in required:
        return Verdict(MYSQL, required[MYSQL])
    for found in (required, named) if by_default else (named, required):
        if servers := [server for server in found if server != SQLITE]:
            return Verdict(servers[0], found[servers[0]])
    in_tests = _servers_of_settings([databases_in(module) for module in every if module not in modules])
    in_tests.pop(SQLITE, None)
    mentioned = frozenset(server for module in modules for server in mentioned_servers(module))
    may_be_any = mentioned or any(file.project.requires(name, file) for name in MAY_BE_ANY)
    doubt = doubt or next((each.unknown for each in map(databases_in, every) if each.unknown), "")
    if SQLITE in named and not in_tests and not doubt and not may_be_any:
        return Verdict(SQLITE, named[SQLITE])
    if (by_mentions := _by_mentions(file, mentioned - {UNKNOWN_DATABASE}, doubt)) is not None:
        return by_mentions
    if in_tests:
        server = _worst([*in_tests])
        return Verdict(server, in_tests[server])
    if SQLITE in named or any(each.unknown for each in known):
        return Verdict(UNKNOWN_SERVER, f"{doubt or 'a URL gives the database'}, and no file names a server")
    return Verdict(MYSQL, "no settings, requirement or `databases` names the server", is_assumed=True)


def _by_mentions(file: File, in_settings: frozenset[str], doubt: str) -> Verdict | None:
    """Return the server that settings, or files for deployment and tests, mention; None if they mention none."""
    if len(in_settings) == 1 and MYSQL not in in_settings:
        return Verdict(next(iter(in_settings)), "the settings mention no other server")
    deployed = servers_in_deployment(file.project.deployment())
    if MYSQL in in_settings or MYSQL in deployed or suggests_mysql(file) or supports_mysql(file):
        several = "the settings mention several servers" if len(in_settings) > 1 else ""
        elsewhere = f"{deployed[MYSQL]} mentions it" if MYSQL in deployed else "the project mentions it"
        return Verdict(MYSQL, doubt or several or elsewhere, is_assumed=True)
    for server in sorted({*in_settings, *deployed}, key=lambda each: (each != "postgresql", each)):
        place = deployed.get(server, "the settings")
        return Verdict(server, f"{place} mention{'s' if server in deployed else ''} it, and no file mentions MySQL")
    return None


def is_sqlite_only(file: File) -> bool:
    """Whether every database of the site is a file, now and in production: no server, no timeout."""
    return verdict(file).server == SQLITE


def _worst(servers: list[str]) -> str:
    """Return the server to report of several: MySQL, if it is one of them, then any other but SQLite."""
    return min(servers, key=lambda server: (server != MYSQL, server == SQLITE))


def _servers_of_defaults(known: list[Databases]) -> set[str]:
    """Return the servers that only the defaults of variables' URLs name."""
    sure = {named_server(engine) for each in known for engine in each.engines if engine not in each.defaults}
    return {named_server(engine) for each in known for engine in each.defaults} - sure


def _servers_of_settings(known: list[Databases]) -> dict[str, str]:
    """Return the servers that settings modules name, each with the reason."""
    found: dict[str, str] = {}
    for each in known:
        for engine in each.engines:
            found.setdefault(named_server(engine), f"{each.place} names `{engine}`")
    return found
