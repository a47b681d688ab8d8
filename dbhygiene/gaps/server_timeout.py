"""`closes_idle`: whether the server of a file closes idle connections; and after which idle time.

MySQL does so by default. PostgreSQL does if a file of the repository, or the setting `server-timeout`, says so.
"""

from __future__ import annotations

from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.gaps.duration import Duration, confidence_of_timeout
from dbhygiene.gaps.servers import SQLITE, UNKNOWN_SERVER, verdict
from dbhygiene.pools.server_limits import with_timeout
from dbhygiene.pools.sqlalchemy import MYSQL
from dbhygiene.program.values import UNKNOWN, Value
from dbhygiene.servers.endpoints import ANYWHERE, host_endpoints
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.limits import idle_limit
from dbhygiene.servers.model import Limit, Origin
from dbhygiene.source.file import File, ProjectView


def idle_number_of_site(file: File, host: Value = UNKNOWN) -> Limit | None:
    """Return the idle timeout of the server of a Django site; None if no file says so, or `server-timeout` is set."""
    if file.project.settings.server_timeout is not None:
        return None
    return idle_limit(server_facts(file.project), verdict(file).server, host_endpoints(host))


def idle_number_of_project(project: ProjectView) -> Limit | None:
    """Return the idle timeout of the project's MySQL servers, wherever they are; PostgreSQL's if it has no other."""
    if project.settings.server_timeout is not None:
        return None
    facts = server_facts(project)
    database = MYSQL if any(server.database == MYSQL for server in facts.servers) else "postgresql"
    return idle_limit(facts, database, (ANYWHERE,))


def timeout_settings(project: ProjectView) -> Settings:
    """Return the settings with the server's timeout: the user's, or else that of the repository's files."""
    return with_timeout(project.settings, idle_number_of_project(project))


def confidence_of_gap(project: ProjectView, seconds: Duration) -> Confidence:
    """Return how sure it is that the server closes a connection that is idle for so long."""
    number = idle_number_of_project(project)
    found = confidence_of_timeout(seconds, with_timeout(project.settings, number))
    is_default = number is not None and number.origin in (Origin.HOST, Origin.IMAGE)
    return min(found, Confidence.LIKELY) if is_default else found


def closes_idle(file: File) -> bool:
    """Whether the server is known, or assumed, to close connections that are idle for too long, or is unknown.

    MySQL does so by default; PostgreSQL and others if they, or a proxy before them, are configured so.
    """
    server = verdict(file).server
    if server in (MYSQL, SQLITE, UNKNOWN_SERVER):
        return server != SQLITE
    return file.project.settings.server_timeout is not None or idle_number_of_site(file) is not None


def may_close_nothing(file: File) -> bool:
    """Whether nothing says which server a file's site has: it may be one that closes no idle connection."""
    return file.project.settings.server_timeout is None and verdict(file).server == UNKNOWN_SERVER
