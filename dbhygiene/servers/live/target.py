"""`ServerTarget`: where a server is and which account asks it: from a URL or from an option file.

parse_url("mysql+pymysql://shop:secret@db:3306/shop", "DATABASE_URL")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from dbhygiene.config.errors import UsageError
from dbhygiene.servers.option_files import mysql_options
from dbhygiene.source.records import Record
from dbhygiene.source.regular_files import read_text

PORTS = {"mysql": 3306, "postgresql": 5432}
_SCHEMES = {
    **dict.fromkeys(("mysql", "mariadb", "mysql2", "mysqlgis", "mysql-connector"), "mysql"),
    **dict.fromkeys(("postgresql", "postgres", "pgsql", "postgis", "psql", "timescale", "timescalegis"), "postgresql"),
}
_GROUPS = ("client", "client-server", "client-mariadb")


class Secret(str):
    """A text that is not shown in representations."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"


class ServerTarget(Record):
    """A server, an account, and options of TLS by the names that URLs use: `ssl_ca`, `sslmode`.

    `source` says where all this comes from, without any secret.
    """

    database: str
    source: str
    host: str = ""
    port: int = 0
    socket: str = ""
    user: str = ""
    password: Secret = Secret()
    name: str = ""
    tls: Mapping[str, str] = {}

    def __hash__(self) -> int:
        return hash((self.database, self.host, self.port, self.socket, self.user))

    @property
    def place(self) -> str:
        """Return the address of the server: "db:3306"."""
        return self.socket or f"{self.host}:{self.port}"


def parse_url(url: str, source: str) -> ServerTarget:
    """Return the target that a URL names; raise UsageError, without the URL, if it names none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise UsageError(f"{source}: not a valid URL; write it as in `mysql://user@host/database`") from None
    database = _SCHEMES.get(parts.scheme.partition("+")[0].lower())
    if database is None:
        raise UsageError(f"{source}: not a URL of MySQL, MariaDB or PostgreSQL, such as `mysql://user@host/database`")
    query = {key.lower().replace("-", "_"): value for key, value in parse_qsl(parts.query, keep_blank_values=True)}
    host = unquote(parts.hostname or query.get("host", ""))
    socket = query.get("unix_socket") or query.get("socket", "")
    if host.startswith("/"):
        host, socket = "", host
    return target(
        database,
        source,
        host=host,
        port=str(port or query.get("port", "")),
        socket=socket,
        user=unquote(parts.username or query.get("user", "")),
        password=unquote(parts.password or query.get("password", "")),
        name=unquote(parts.path.lstrip("/")),
        tls={key: value for key, value in query.items() if key.startswith("ssl")},
    )


def target(
    database: str,
    source: str,
    *,
    host: str = "",
    port: str = "",
    socket: str = "",
    user: str = "",
    password: str = "",
    name: str = "",
    tls: Mapping[str, str] | None = None,
) -> ServerTarget:
    """Return a target with the defaults of its database; raise UsageError if the port is no number."""
    if port and not port.isdigit():
        raise UsageError(f"{source}: the port is not a number; correct it")
    return ServerTarget(
        database,
        source,
        host=host or ("" if socket else "localhost"),
        port=int(port or PORTS[database]),
        socket=socket,
        user=user,
        password=Secret(password),
        name=name,
        tls=tls or {},
    )


def read_option_file(name: str) -> ServerTarget:
    """Return the target of the group `[client]` in an option file; raise UsageError if there is none."""
    path = Path(os.path.expanduser(name))
    try:
        text = read_text(path, "replace")
    except OSError as error:
        raise UsageError(f"{name}: {(error.strerror or str(error)).lower()}") from None
    given = {option.name: option.value for option in mysql_options(text) if option.group in _GROUPS}
    if not given:
        raise UsageError(f"{name}: no group `[client]`; add it, or name another file")
    return target(
        "mysql",
        name,
        host=given.get("host", ""),
        port=given.get("port", ""),
        socket=given.get("socket", ""),
        user=given.get("user") or os.environ.get("USER", ""),
        password=given.get("password", ""),
        name=given.get("database", ""),
        tls={key: value for key, value in given.items() if key.startswith("ssl")},
    )
