"""`ask`: what PostgreSQL says to an ordinary role. All of it is asked within one transaction that can only read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbhygiene.servers.live.drivers import ServerSession
from dbhygiene.servers.live.model import Connection, LiveNumber, LiveServer

_SETTINGS = (
    *("idle_session_timeout", "idle_in_transaction_session_timeout", "max_connections"),
    *("superuser_reserved_connections", "reserved_connections"),
)
_ORIGINS = {
    "default": "the default",
    "configuration file": "an option file",
    "command line": "the command line",
    "database": "`ALTER DATABASE`",
    "user": "`ALTER ROLE`",
    "database user": "`ALTER ROLE ... IN DATABASE`",
    "global": "`ALTER ROLE ALL`",
}


def ask(session: ServerSession) -> LiveServer:
    """Ask a server; `SET LOCAL` is undone by the end of the transaction, behind a pooler, too."""
    session.run("BEGIN READ ONLY")
    session.run("SET LOCAL statement_timeout = '2s'")
    settings = _settings(session)
    (first,) = session.rows(
        "SELECT current_setting('server_version') AS version, current_user AS role, pg_backend_pid() AS pid,"
        " r.rolconnlimit AS role_limit, d.datconnlimit AS database_limit, r.rolsuper AS is_super,"
        " r.rolsuper OR pg_has_role('pg_read_all_stats', 'member') AS sees_all,"
        " extract(epoch FROM now() - pg_postmaster_start_time())::bigint AS uptime"
        " FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()"
    )
    connections = _connections(session, str(first["role"]))
    session.run("ROLLBACK")
    total = _server_limit(settings, bool(first["is_super"]))
    limits = [
        total,
        LiveNumber(int(first["role_limit"]), "pg_roles.rolconnlimit"),
        LiveNumber(int(first["database_limit"]), "pg_database.datconnlimit"),
    ]
    return LiveServer(
        "postgresql",
        str(first["version"]).partition(" ")[0],
        str(first["role"]),
        pooler="a pooler such as PgBouncer" if session.handshake not in (None, first["pid"]) else "",
        sees_all=bool(first["sees_all"]),
        idle=_timeout(settings, "idle_session_timeout"),
        in_transaction=_timeout(settings, "idle_in_transaction_session_timeout"),
        limit=min((each for each in limits if each.value >= 0), key=lambda number: number.value),
        server_limit=total,
        status={"Uptime": int(first["uptime"])},
        connections=connections,
    )


def _settings(session: ServerSession) -> dict[str, Mapping[str, Any]]:
    """Return the settings as this session began: `reset_val`, and where each was set."""
    names = ", ".join(f"'{name}'" for name in _SETTINGS)
    rows = session.rows(
        f"SELECT name, reset_val, source, sourcefile, sourceline FROM pg_settings WHERE name IN ({names})"
    )
    return {str(row["name"]): row for row in rows}


def _number(settings: Mapping[str, Mapping[str, Any]], name: str) -> int:
    return int(settings[name]["reset_val"]) if name in settings else 0


def _origin(row: Mapping[str, Any]) -> str:
    if row["sourcefile"]:
        return f"{row['sourcefile']}:{row['sourceline']}"
    return _ORIGINS.get(str(row["source"]), "")


def _timeout(settings: Mapping[str, Mapping[str, Any]], name: str) -> LiveNumber | None:
    """Return a timeout in seconds; None if it is off, or if this version has none."""
    milliseconds = _number(settings, name)
    return LiveNumber(-(-milliseconds // 1000), name, _origin(settings[name])) if milliseconds else None


def _server_limit(settings: Mapping[str, Mapping[str, Any]], is_super: bool) -> LiveNumber:
    reserved = ("superuser_reserved_connections", "reserved_connections")
    kept = 0 if is_super else sum(_number(settings, name) for name in reserved)
    row = settings["max_connections"]
    return LiveNumber(int(row["reset_val"]) - kept, "max_connections", _origin(row))


def _connections(session: ServerSession, role: str) -> tuple[Connection, ...]:
    """Return the connections of clients; the state of others is hidden from an ordinary role."""
    rows = session.rows(
        "SELECT usename, application_name, host(client_addr) AS address, state,"
        " extract(epoch FROM now() - state_change)::float AS seconds FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname IS NOT NULL AND usename IS NOT NULL"
    )
    return tuple(
        Connection(
            str(row["usename"]),
            str(row["address"] or "localhost"),
            program=str(row["application_name"] or ""),
            state=str(row["state"] or ""),
            seconds=float(row["seconds"] or 0),
            is_own=row["usename"] == role,
        )
        for row in rows
    )
