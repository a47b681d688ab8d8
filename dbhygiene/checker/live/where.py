"""`find_target`: the server that `--server WHERE` names: a URL, a variable, an option file, or a database of Django."""

from __future__ import annotations

import os
import re

from dbhygiene.checker.live.django_databases import django_target
from dbhygiene.config.errors import UsageError
from dbhygiene.project.project import Project
from dbhygiene.servers.live.target import ServerTarget, parse_url, read_option_file

_VARIABLE = re.compile(r"[A-Za-z_]\w*")


def find_target(where: str, project: Project) -> ServerTarget:
    """Return the target; raise UsageError, without any secret, if there is none."""
    if "://" in where:
        return parse_url(where, "--server")
    if where == "django" or where.startswith("django:"):
        return django_target(project, where.partition(":")[2] or "default")
    if where.startswith(("~", ".", os.sep)) or where.endswith((".cnf", ".ini")) or os.path.isfile(where):
        return read_option_file(where)
    if not _VARIABLE.fullmatch(where):
        raise UsageError("--server: name a URL, an environment variable, an option file, or `django:ALIAS`")
    value = os.environ.get(where)
    if not value:
        raise UsageError(
            f"--server: the environment variable `{where}` is not set, and no file has this name;"
            " set it, or name an option file or a URL"
        )
    return parse_url(value, where)


def shows_secret(where: str, target: ServerTarget) -> bool:
    """Whether the command line itself has the password, which every user of the machine can then list."""
    return "://" in where and bool(target.password)
