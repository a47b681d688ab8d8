"""`compare`: the findings in a project that depend on the limits of its server, with those that the server has."""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.model import Finding, NoFix
from dbhygiene.project.project import Project
from dbhygiene.servers.facts import KnownServers, read_facts
from dbhygiene.servers.live.model import LiveNumber, LiveServer
from dbhygiene.servers.live.target import ServerTarget
from dbhygiene.servers.model import Limit, Origin, Server
from dbhygiene.source.records import replace

TIMEOUTS = ("HYG503",)
CONNECTIONS = ("HYG502", "HYG507")


def compare(project: Project, target: ServerTarget, server: LiveServer) -> Iterator[Finding]:
    """Yield the findings whose rules compare the code with this server.

    The limits that the user has set, and those in the files of the repository, are left out: the server is right.
    """
    settings = Settings(
        select=(*TIMEOUTS, *CONNECTIONS),
        databases=project.settings.databases,
        exclude=project.settings.exclude,
        extend_exclude=project.settings.extend_exclude,
        src=project.settings.src,
    )
    asked = Project(project.root, settings)
    asked.__dict__["deployment_files"] = _known_servers(project, target, server)  # a cached property, filled in
    yield from check(asked, asked.discover([asked.root]).files, selected_rules(settings))


def _known_servers(project: Project, target: ServerTarget, server: LiveServer) -> KnownServers:
    files = project.deployment_files
    live = Server(
        server.family,
        frozenset({target.host}) - {""},
        _number(server.idle),
        _number(server.limit),
    )
    facts = replace(read_facts(files), servers=(live,), proxies=())
    return KnownServers(files.root, files.names, files.for_tests, facts)


def _number(found: LiveNumber | None) -> Limit | None:
    return None if found is None else Limit(found.value, found.setting, Origin.FILE)


def fix_advice(finding: Finding) -> str:
    """Return what to do about a finding: the title of its fix, or what the reason for none says."""
    if isinstance(finding.fix, NoFix):
        return finding.fix.reason.rpartition("; ")[2]
    title = finding.fix.title if finding.fix else ""
    return title[:1].lower() + title[1:]
