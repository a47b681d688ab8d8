"""`KnownServers`: everything that the files of a repository say of its servers, read once for a project."""

from __future__ import annotations

from dbhygiene.servers.model import Facts
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.file import ProjectView
from dbhygiene.source.queries import query


def server_facts(project: ProjectView) -> Facts:
    """Return what the project's files say of its servers. The findings of the file that asks then depend on them."""
    return read_facts(project.deployment())


class KnownServers(Deployment):
    """The files of a repository, of whose servers more is known than they say."""

    facts: Facts = Facts()


@query
def read_facts(files: Deployment) -> Facts:
    """Read all of these files."""
    if isinstance(files, KnownServers):
        return files.facts
    if not files.names:
        return Facts()
    from dbhygiene.servers.reader import Reader  # most projects have no such file

    return Reader(files).read()
