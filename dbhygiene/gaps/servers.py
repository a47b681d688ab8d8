"""`Verdict`: the database server of a Django site, by configuration, settings, requirements and imports.

The configuration decides. Settings modules that are fully known come before requirements: a driver may be installed
for another database. SQLite counts only if nothing points to a server: many sites are developed with a file and
deployed with a server. Without any evidence, the server is assumed to be MySQL.
"""

from __future__ import annotations

from dbhygiene.gaps.django_settings import Databases, databases_in, settings_modules
from dbhygiene.pools.dialect_evidence import (
    MAY_BE_ANY,
    mentioned_servers,
    named_server,
    servers_by_imports,
    servers_by_requirements,
)
from dbhygiene.pools.sqlalchemy import MYSQL, UNKNOWN_DATABASE
from dbhygiene.source.file import File
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

SQLITE = "sqlite"
TITLES = {MYSQL: "MySQL", "postgresql": "PostgreSQL", SQLITE: "SQLite", "oracle": "Oracle", "mssql": "SQL Server"}


class Verdict(Record):
    """The server, and the evidence for it."""

    server: str
    reason: str
    is_assumed: bool = False

    @property
    def title(self) -> str:
        return TITLES.get(self.server, self.server)

    def __str__(self) -> str:
        return f"{self.title}, {'assumed: ' if self.is_assumed else ''}{self.reason}"


@query
def verdict(file: File) -> Verdict:
    """Return the server of the site that a file belongs to."""
    configured = [named_server(name) for name in file.project.settings.databases]
    if configured:
        return Verdict(_worst(configured), "set by `databases`")
    modules = settings_modules(file)
    known = [databases_in(module) for module in modules]
    named = _servers_of_settings(known)
    others = [server for server in named if server != SQLITE]
    if MYSQL in named:
        return Verdict(MYSQL, named[MYSQL])
    if others and not any(each.unknown for each in known):
        return Verdict(others[0], named[others[0]])
    required = {**servers_by_imports(file), **servers_by_requirements(file)}
    if MYSQL in required:
        return Verdict(MYSQL, required[MYSQL])
    for found in (named, required):
        if servers := [server for server in found if server != SQLITE]:
            return Verdict(servers[0], found[servers[0]])
    mentioned = frozenset(server for module in modules for server in mentioned_servers(module))
    doubt = next((each.unknown for each in known if each.unknown), "")
    if (
        SQLITE in named
        and not doubt
        and not mentioned
        and not any(file.project.requires(name, file) for name in MAY_BE_ANY)
    ):
        return Verdict(SQLITE, named[SQLITE])
    only = mentioned - {UNKNOWN_DATABASE}
    if len(only) == 1 and MYSQL not in only:
        return Verdict(next(iter(only)), "the settings mention no other server")
    reason = doubt or ("the settings mention several servers" if only else "")
    return Verdict(MYSQL, reason or "no settings, requirement or `databases` names the server", is_assumed=True)


def is_sqlite_only(file: File) -> bool:
    """Whether every database of the site is a file, now and in production: no server, no timeout."""
    return verdict(file).server == SQLITE


def _worst(servers: list[str]) -> str:
    """Return the server to report of several: MySQL, if it is one of them, then any other but SQLite."""
    return min(servers, key=lambda server: (server != MYSQL, server == SQLITE))


def _servers_of_settings(known: list[Databases]) -> dict[str, str]:
    """Return the servers that settings modules name, each with the reason; a file used in tests is no evidence."""
    found: dict[str, str] = {}
    for each in known:
        for engine in each.engines:
            server = named_server(engine)
            if not (each.is_for_tests and server == SQLITE):
                found.setdefault(server, f"{each.place} names `{engine}`")
    return found
