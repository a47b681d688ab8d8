"""`IdleClosing`: whether the servers of a project's files close idle connections; and after which idle time.

MySQL does so by default. PostgreSQL does if a file of the repository, or the setting `server-timeout`, says so.
"""

from __future__ import annotations

import os

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
from dbhygiene.source.file import File, NoProject, ProjectView, readable_file
from dbhygiene.source.inputs import answer

_SETTINGS = ("DATABASES", "DJANGO_SETTINGS_MODULE")  # in each file that holds settings of its own, or names them


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


@answer
def closes_idle_near(project: ProjectView, path: str) -> bool:
    """Whether the server of the site to which the file at a path belongs closes idle connections."""
    file = readable_file(project, path)
    return file is None or closes_idle(file)


class IdleClosing:
    """Whether the servers of a project's files close idle connections: asked once for the files of one directory.

    These belong to one site: modules are found, and requirements apply, by directory. Only a file with settings of its
    own may differ, and one whose name is that of another package.
    """

    def __init__(self, project: ProjectView) -> None:
        self._project = project
        self._asked: dict[tuple[str, str], str] = {}  # the file for which it is asked, by directory and package

    def applies_to(self, file: File) -> bool:
        """Whether the server that a file uses is known, or assumed, to close connections that are idle for too long."""
        if isinstance(self._project, NoProject) or any(word in file.text for word in _SETTINGS):
            return closes_idle(file)
        place = file.directory, file.module.partition(".")[0]
        if place not in self._asked:
            package = os.path.join(file.directory, "__init__.py")  # edited less often: its answer lasts
            self._asked[place] = package if os.path.isfile(package) else str(file.path)
        return closes_idle_near(self._project, self._asked[place])

    @property
    def is_known(self) -> bool:
        """Whether it is known for any file, as after a check of the whole project."""
        return any(kind == closes_idle_near.__name__ for kind, *_ in self._project.inputs.answers)
