"""`examine_server`: what `doctor --server` does: find the server, ask it, compare, save its limits; `Examined`."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from dbhygiene.checker.doctor import NOTE, OK, PROBLEM, Remark
from dbhygiene.checker.live.remarks import as_json, report
from dbhygiene.checker.live.where import find_target, shows_secret
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.config.saving import with_values
from dbhygiene.project.atomic_write import replace_file, write_file
from dbhygiene.project.project import Project
from dbhygiene.servers.live.asking import ask
from dbhygiene.servers.live.failures import AskError
from dbhygiene.servers.live.model import LiveServer
from dbhygiene.servers.live.target import ServerTarget

_SHOWN = "the password in the URL can be read in the list of processes (`ps`)"


class Examined(NamedTuple):
    """The remarks, and all that is known, as plain data."""

    remarks: list[Remark]
    data: dict[str, Any]


def examine_server(project: Project, where: str, *, save: bool = False) -> Examined:
    """Ask the server that `where` names; raise UsageError if it names none."""
    target = find_target(where, project)
    extra = (
        [Remark("password", NOTE, _SHOWN, "name an environment variable instead")]
        if shows_secret(where, target)
        else []
    )
    try:
        server = ask(target)
    except AskError as error:
        remarks = [Remark("server", PROBLEM, error.message, error.advice), *extra]
        return Examined(remarks, {"server": None, "remarks": [remark._asdict() for remark in remarks]})
    made = report(project, target, server)
    extra += [_save(project, target, server)] if save else []
    data = as_json(target, server, made, project)
    data["remarks"] += [remark._asdict() for remark in extra]
    return Examined([*made.remarks, *extra], data)


def _save(project: Project, target: ServerTarget, server: LiveServer) -> Remark:
    """Write the limits into the project's file, with the date and the source."""
    if server.pooler:
        return Remark("save", PROBLEM, "not saved: the limits of the pooler are not known", "ask it by its own console")
    limits = {"server-timeout": server.idle, "max-connections": server.limit}
    values = {key: number.value for key, number in limits.items() if number is not None}
    holding = [name for name in loading.FILES if loading.read_file(project.root / name) is not None]
    existing = [name for name in ("pyproject.toml",) if (project.root / name).exists()]
    path = project.root / (holding or existing or ["dbhygiene.toml"])[0]
    source = target.place if target.source == "--server" else f"the server of {target.source}"
    comment = f"{date.today().isoformat()}: {source}"
    try:
        old = path.read_bytes() if path.exists() else b""
        new = with_values(path, old.decode(), values, comment).encode()
        replace_file(path, new, was=old) if path.exists() else write_file(path, new)
    except (UsageError, UnicodeDecodeError, OSError) as error:
        return Remark("save", PROBLEM, str(error) if isinstance(error, UsageError) else f"{path.name}: not saved")
    said = ", ".join(f"`{key} = {value}`" for key, value in values.items())
    return Remark("save", OK, f"{path.name}: {said}")
