"""`ask`: what MySQL and MariaDB say to an ordinary account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbhygiene.servers.live.drivers import ServerSession
from dbhygiene.servers.live.model import IDLE, Connection, LiveNumber, LiveServer

_STATUS = (
    *("Threads_connected", "Max_used_connections", "Aborted_clients", "Aborted_connects"),
    *("Connections", "Uptime"),
)
_ORIGINS = {  # MariaDB's, and MySQL's
    "CONFIG": "an option file",
    "COMMAND-LINE": "the command line",
    "SQL": "`SET GLOBAL`",
    "COMPILE-TIME": "the default",
    "GLOBAL": "an option file",
    "SERVER": "an option file",
    "EXPLICIT": "an option file",
    "EXTRA": "an option file",
    "PERSISTED": "`SET PERSIST`",
    "COMMAND_LINE": "the command line",
    "DYNAMIC": "`SET GLOBAL`",
    "COMPILED": "the default",
}
_POOLERS = ("ProxySQL", "MaxScale")


def ask(session: ServerSession) -> LiveServer:
    """Ask a server; the session can only read, and each query has two seconds."""
    session.run("SET SESSION TRANSACTION READ ONLY")
    (first,) = session.rows(
        "SELECT VERSION() AS version, @@version_comment AS comment, CURRENT_USER() AS account, USER() AS login,"
        " CONNECTION_ID() AS id, @@session.wait_timeout AS idle, @@global.interactive_timeout AS interactive,"
        " @@session.max_user_connections AS own, @@global.max_connections AS total,"
        " @@session.max_allowed_packet AS packet"
    )
    is_mariadb = "mariadb" in f"{first['version']} {first['comment']}".lower()
    session.attempt(f"SET SESSION {'max_statement_time = 2' if is_mariadb else 'max_execution_time = 2000'}")
    status = _status(session)
    connections, origins = _connections(session, first), _origins(session, is_mariadb)
    total = LiveNumber(int(first["total"]), "@@global.max_connections", origins.get("max_connections", ""))
    own = LiveNumber(int(first["own"]), "@@session.max_user_connections")
    return LiveServer(
        "mariadb" if is_mariadb else "mysql",
        str(first["version"]).partition("-")[0],
        str(first["account"]).rpartition("@")[0],
        pooler=_pooler(session, first),
        sees_all=_sees_all(session),
        idle=LiveNumber(int(first["idle"]), "@@session.wait_timeout", origins.get("wait_timeout", "")),
        in_transaction=_in_transaction(session) if is_mariadb else None,
        interactive=int(first["interactive"]),
        packet=int(first["packet"]),
        limit=min((each for each in (own, total) if each.value), key=lambda number: number.value),
        server_limit=total,
        status=status,
        connections=connections,
    )


def _status(session: ServerSession) -> dict[str, int]:
    names = ", ".join(f"'{name}'" for name in _STATUS)
    rows = session.attempt(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
    return {str(row["variable_name"]): int(row["value"]) for row in rows}


def _pooler(session: ServerSession, first: Mapping[str, Any]) -> str:
    """Return the proxy before the server: by its name, or because its connection to the server is another one."""
    if said := next((name for name in _POOLERS if name.lower() in str(first["comment"]).lower()), ""):
        return said
    return "a proxy such as ProxySQL" if session.handshake not in (None, first["id"]) else ""


def _sees_all(session: ServerSession) -> bool:
    granted = "SELECT COUNT(*) AS found FROM information_schema.user_privileges WHERE privilege_type = 'PROCESS'"
    return any(row["found"] for row in session.attempt(granted))


def _in_transaction(session: ServerSession) -> LiveNumber | None:
    for row in session.attempt("SELECT @@session.idle_transaction_timeout AS idle"):
        if row["idle"]:
            return LiveNumber(int(row["idle"]), "@@session.idle_transaction_timeout")
    return None


def _origins(session: ServerSession, is_mariadb: bool) -> dict[str, str]:
    """Return where the global values were set, as far as this account may see it."""
    names = "('wait_timeout', 'max_connections')"
    if is_mariadb:
        sql = (
            "SELECT LOWER(variable_name) AS name, global_value_origin AS origin, global_value_path AS path"
            f" FROM information_schema.system_variables WHERE variable_name IN {names}"
        )
    else:
        sql = (
            "SELECT variable_name AS name, variable_source AS origin, variable_path AS path"
            f" FROM performance_schema.variables_info WHERE variable_name IN {names}"
        )
    return {
        str(row["name"]): str(row["path"] or "") or _ORIGINS.get(str(row["origin"]), "") for row in session.attempt(sql)
    }


def _connections(session: ServerSession, first: Mapping[str, Any]) -> tuple[Connection, ...]:
    """Return the connections that are visible; the texts of queries are not read."""
    columns = "SELECT id, user, host, command, time FROM"
    rows = session.attempt(f"{columns} information_schema.processlist") or session.attempt(
        f"{columns} performance_schema.processlist"
    )
    attributes = _attributes(session)
    own = str(first["login"]).rpartition("@")[0]
    found = []
    for row in rows:
        user, number = str(row["user"]), int(row["id"])
        if number == first["id"] or row["command"] == "Daemon" or user in ("system user", "event_scheduler"):
            continue
        given = attributes.get(number, {})
        found.append(
            Connection(
                user,
                str(row["host"] or "").partition(":")[0],
                program=given.get("program_name", ""),
                client=given.get("_client_name", ""),
                pid=given.get("_pid", ""),
                state=IDLE if row["command"] == "Sleep" else "active",
                seconds=float(row["time"] or 0),
                is_own=user == own,
            )
        )
    return tuple(found)


def _attributes(session: ServerSession) -> dict[int, dict[str, str]]:
    """Return the names that programs have set, by connection: of this account, or of all."""
    wanted = "('program_name', '_client_name', '_pid')"
    for table in ("session_connect_attrs", "session_account_connect_attrs"):
        rows = session.attempt(
            "SELECT processlist_id AS id, attr_name AS name, attr_value AS value"
            f" FROM performance_schema.{table} WHERE attr_name IN {wanted}"
        )
        if rows:
            found: dict[int, dict[str, str]] = {}
            for row in rows:
                found.setdefault(int(row["id"]), {})[str(row["name"])] = str(row["value"] or "")
            return found
    return {}
