"""`Report`: what `doctor --server` says of a server, as remarks for people and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dbhygiene.checker.doctor import NOTE, OK, PROBLEM, Remark
from dbhygiene.checker.live.comparison import CONNECTIONS, compare, fix_advice
from dbhygiene.diagnostics.model import Finding
from dbhygiene.diagnostics.quantities import seconds_text
from dbhygiene.project.project import Project
from dbhygiene.servers.live.model import IDLE, IN_TRANSACTION, Connection, LiveNumber, LiveServer, Program
from dbhygiene.servers.live.target import ServerTarget

LONG = 300  # seconds: connections that are idle for longer are listed
_LONG_TRANSACTION = 60
_MOST_PROGRAMS = 5
_NEARLY = 0.9  # of a limit
_ABORTED = 0.05  # of all connections
_WITH_POOLER = "not compared with the code: the pooler has limits of its own"


class Report(NamedTuple):
    """The remarks, and the findings among them, by the number of the remark."""

    remarks: list[Remark]
    findings: Mapping[int, Finding]


def report(project: Project, target: ServerTarget, server: LiveServer) -> Report:
    """Return all remarks on a server, the most important first."""
    remarks = [_server(target, server), *_timeout(project, server)]
    findings: dict[int, Finding] = {}
    found = () if server.pooler else sorted(compare(project, target, server), key=lambda each: each.code in CONNECTIONS)
    for finding in found:
        findings[len(remarks)] = finding
        topic = "connections" if finding.code in CONNECTIONS else "server-timeout"
        path = finding.path.relative_to(project.root).as_posix()
        message = f"{path}:{finding.span.line} {finding.message} ({finding.code})"
        remarks.append(Remark(topic, PROBLEM, message, fix_advice(finding)))
    if server.pooler:
        remarks.append(Remark("pooler", NOTE, _WITH_POOLER))
    for part in (_packet, _connections, _transactions, _idle, _unnamed_connections, _aborted_connections, _visibility):
        remarks += part(server)
    return Report(remarks, findings)


def _server(target: ServerTarget, server: LiveServer) -> Remark:
    between = f"{server.pooler} is in between" if server.pooler else "no pooler in between"
    where = f"{server.title} {server.version} at {target.place}, as `{server.user}`"
    return Remark("server", OK, f"{where}; {between}; nothing was changed")


# -- limits -------------------------------------------------------------------------------------------------


def _timeout(project: Project, server: LiveServer) -> Iterator[Remark]:
    said = project.settings.server_timeout
    place = project.settings.place("server-timeout")
    if server.idle is None:
        yield Remark("server-timeout", OK, "the server closes no idle connection")
        if said is not None:
            yield Remark("server-timeout", NOTE, f"{place}`server-timeout` is {said} s, but this server has no timeout")
    else:
        found = server.idle.value
        message = f"{seconds_text(found)} ({_source(server.idle)})"
        if server.interactive not in (None, found):
            message += f"; `interactive_timeout`, {server.interactive} s, holds for the `mysql` command only"
        if said is not None and said > found:
            message = f"{place}`server-timeout` is {said} s, but this server closes after {message}"
            yield Remark("server-timeout", PROBLEM, message, f"set `server-timeout = {found}`")
        else:
            yield Remark(
                "server-timeout",
                OK,
                message,
                "" if said is not None else f"set `server-timeout = {found}`, or `--save`",
            )
    if server.in_transaction is not None:
        limit = seconds_text(server.in_transaction.value)
        message = f"a connection that is idle in a transaction is closed after {limit}"
        yield Remark("server-timeout", OK, f"{message} ({_source(server.in_transaction)})")


def _packet(server: LiveServer) -> Iterator[Remark]:
    if server.packet is not None:
        yield Remark("packet", OK, f"one statement may have up to {server.packet:,} bytes (`max_allowed_packet`)")


def _source(number: LiveNumber) -> str:
    return f"`{number.setting}`, by {number.origin}" if number.origin else f"`{number.setting}`"


def _connections(server: LiveServer) -> Iterator[Remark]:
    limit, total = server.limit, server.server_limit
    own = [each for each in server.connections if each.is_own]
    if limit is None or total is None:
        return
    long = sum(each.state == IDLE and each.seconds >= LONG for each in own)
    message = f"{len(own)} of {limit.value} of this account are open ({_source(limit)})"
    message += f", {long} of them idle for more than {LONG} s" if own else ""
    counted = server.status.get("Threads_connected") or (len(server.connections) if server.sees_all else None)
    most = server.status.get("Max_used_connections")
    if counted is not None:
        message += f"; {counted} of {total.value} of the server"
        message += f", {most} at most since it started" if most is not None else ""
    is_near = len(own) >= limit.value * _NEARLY or (counted or 0) >= total.value * _NEARLY
    yield Remark("connections", PROBLEM if is_near else NOTE, message)
    if most is not None and most > total.value:
        said = f"the limit has been reached: {most} connections of {total.value} (error 1040)"
        yield Remark("connections", PROBLEM, said, "`dbhygiene check --select HYG1,HYG2,HYG5`")


# -- connections ------------------------------------------------------------------------------------------


def _transactions(server: LiveServer) -> Iterator[Remark]:
    for program, held in server.programs(IN_TRANSACTION, _LONG_TRANSACTION):
        oldest = max(each.seconds for each in held)
        message = f"{len(held)} of {_name(program)} in a transaction, the oldest for {oldest:.0f} s"
        yield Remark("idle", PROBLEM, message, "`dbhygiene check --select HYG209,HYG210,HYG3`")


def _idle(server: LiveServer) -> Iterator[Remark]:
    programs = list(server.programs(IDLE, LONG))
    for program, held in programs[:_MOST_PROGRAMS]:
        longest = max(each.seconds for each in held)
        yield Remark("idle", NOTE, f"{len(held)} for up to {longest:.0f} s: {_name(program)}")
    if more := programs[_MOST_PROGRAMS:]:
        yield Remark("idle", NOTE, f"{sum(len(held) for _, held in more)} more of {len(more)} other programs")


def _name(program: Program) -> str:
    process = f", process {program.pid}" if program.pid else ""
    return f"{program.program or program.client or f'a program of `{program.user}`'}{process} on {program.host or '?'}"


def _unnamed_connections(server: LiveServer) -> Iterator[Remark]:
    long = [each for each in server.connections if each.state == IDLE and each.seconds >= LONG]
    if long and not any(each.program for each in long):
        option = "application_name=" if server.family == "postgresql" else "program_name="
        message = "these connections do not name their programs"
        yield Remark("idle", NOTE, message, f"pass `{option}` to the driver")


def _aborted_connections(server: LiveServer) -> Iterator[Remark]:
    aborted, total = server.status.get("Aborted_clients", 0), server.status.get("Connections", 0)
    if total and aborted / total > _ABORTED:
        message = f"{aborted} of {total} connections ended without `close()`, or by the server's timeout"
        yield Remark("aborted", NOTE, message, "`dbhygiene check --select HYG1,HYG2`")


def _visibility(server: LiveServer) -> Iterator[Remark]:
    if server.sees_all:
        yield Remark("visibility", OK, "the connections of all accounts")
    else:
        grant = "GRANT pg_monitor" if server.family == "postgresql" else "GRANT PROCESS"
        yield Remark("visibility", OK, "the connections of this account only", f"`{grant}` shows those of all")


# -- JSON ---------------------------------------------------------------------------------------------------


def as_json(target: ServerTarget, server: LiveServer, made: Report, project: Project) -> dict[str, Any]:
    """Return all of it as plain data."""
    return {
        "server": {
            "database": server.database,
            "version": server.version,
            "host": target.host or target.socket,
            "port": target.port,
            "user": server.user,
            "pooler": server.pooler or False,
            "sees": "all accounts" if server.sees_all else "own account",
        },
        "facts": {
            "server-timeout": _fact(server.idle),
            "transaction-timeout": _fact(server.in_transaction),
            "max-packet": server.packet,
            "max-connections": _fact(server.limit, server=server.server_limit.value if server.server_limit else None),
            "status": dict(server.status),
        },
        "idle": [_group(program, held) for program, held in server.programs(IDLE, 0)],
        "remarks": [_remark(each, made.findings.get(at), project) for at, each in enumerate(made.remarks)],
    }


def _fact(number: LiveNumber | None, **more: object) -> dict[str, Any] | None:
    return None if number is None else {"value": number.value, "from": number.expression, **more}


def _group(program: Program, held: list[Connection]) -> dict[str, Any]:
    return {
        "user": program.user,
        "host": program.host,
        "program": program.program or program.client,
        "pid": program.pid,
        "idle": len(held),
        "longest": int(max(each.seconds for each in held)),
    }


def _remark(remark: Remark, finding: Finding | None, project: Project) -> dict[str, Any]:
    found: dict[str, Any] = remark._asdict()
    if finding is not None:
        path = finding.path.relative_to(project.root).as_posix()
        found |= {"filename": path, "row": finding.span.line, "rule": finding.code}
    return found
