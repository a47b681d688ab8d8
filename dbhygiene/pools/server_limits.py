"""`connection_number`: how many connections an engine's server accepts; and its idle timeout, by files.

command: --wait-timeout=600          # of a MySQL server in a compose file: `idle_number_of_engine` is 600
"""

from __future__ import annotations

from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.quantities import seconds_text
from dbhygiene.pools.engines import Engine, timeout_confidence
from dbhygiene.pools.sqlalchemy import MYSQL, UNKNOWN_DATABASE
from dbhygiene.servers.endpoints import endpoints
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.limits import connection_limit, idle_limit
from dbhygiene.servers.model import Limit, Origin
from dbhygiene.source.records import replace

_NAMES = {MYSQL: MYSQL, "postgresql": "postgresql", "postgres": "postgresql"}


def database_of_engine(made: Engine) -> str | None:
    """Return the database of an engine; if its URL is not known, the only one that the repository describes."""
    found = made.databases
    known = {_NAMES.get(name, "") for name in found - {UNKNOWN_DATABASE}}
    if UNKNOWN_DATABASE in found:
        known |= {server.database for server in server_facts(made.file.project).servers}
    return known.pop() or None if len(known) == 1 else None


def idle_number_of_engine(made: Engine) -> Limit | None:
    """Return the idle timeout of an engine's server by the repository's files; None if `server-timeout` is set."""
    if made.file.project.settings.server_timeout is not None or (database := database_of_engine(made)) is None:
        return None
    return idle_limit(server_facts(made.file.project), database, endpoints(made.url))


def connection_number(made: Engine) -> Limit | None:
    """Return how many connections an engine's server accepts, by `max-connections` or the repository's files."""
    if (said := made.file.project.settings.max_connections) is not None and "sqlite" not in made.databases:
        return Limit(said, "max-connections", Origin.FILE)
    if (database := database_of_engine(made)) is None:
        return None
    return connection_limit(server_facts(made.file.project), database, endpoints(made.url))


def settings_with_timeout_of(made: Engine) -> Settings:
    """Return the settings with the server's timeout: the user's, or else that of the repository's files."""
    return with_timeout(made.file.project.settings, idle_number_of_engine(made))


def with_timeout(settings: Settings, number: Limit | None) -> Settings:
    """Return the settings with this timeout, if there is one."""
    return settings if number is None else replace(settings, server_timeout=max(1, int(number.value)))


def confidence_of(made: Engine, number: Limit) -> Confidence:
    """Return how sure it is that a limit holds for an engine: a host's or an image's may be replaced elsewhere."""
    written = number.origin in (Origin.FILE, Origin.PROXY)
    sure = timeout_confidence(made) or Confidence.CERTAIN
    return sure if written and UNKNOWN_DATABASE not in made.databases else min(sure, Confidence.LIKELY)


def limit_text(number: Limit) -> str:
    """Return the server's timeout, and how it is known."""
    return f"{seconds_text(number.value)} ({number.source})"
