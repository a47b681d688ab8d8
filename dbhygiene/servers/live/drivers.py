"""`ServerSession`: one connection to a server, through any driver that is installed; drivers are imported here only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from dbhygiene.config.errors import UsageError
from dbhygiene.servers.live.target import ServerTarget

CONNECT_SECONDS = 3
READ_SECONDS = 5
_UNVERIFIED = ("true", "1", "yes", "require", "required", "prefer", "preferred", "")
_EXTRAS = {"mysql": "PyMySQL", "postgresql": "psycopg"}


class ServerSession:
    """A connection, with the number of the server's thread or process that its handshake named; None: not known."""

    def __init__(self, connection: Any, handshake: int | None) -> None:
        self._connection = connection
        self.handshake = handshake

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query, by the names of their columns in lower case."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql)
            names = [str(column[0]).lower() for column in cursor.description or ()]
            return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()] if names else []
        finally:
            with suppress(Exception):  # of a dead connection
                cursor.close()

    def run(self, sql: str) -> None:
        """Execute a statement without a result."""
        cursor = self._connection.cursor()
        cursor.execute(sql)
        cursor.close()

    def attempt(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query that this server or this account may not know; none if it fails."""
        try:
            return self.rows(sql)
        except Exception as error:
            if is_lost(error):
                raise
            return []

    def close(self) -> None:
        """Close the connection properly: the server counts those that end otherwise."""
        with suppress(Exception):
            self._connection.close()


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else value


_LOST = (2006, 2013, 2055, 4031)
_LOST_WORDS = ("closed", "timed out", "broken pipe", "reset by peer", "terminating connection", "eof")


def is_lost(error: BaseException) -> bool:
    """Whether the connection was lost, rather than a query refused."""
    code = code_of(error)
    return code in _LOST or (not isinstance(code, int) and any(word in str(error).lower() for word in _LOST_WORDS))


def code_of(error: BaseException) -> int | str:
    """Return the number or the SQLSTATE of a driver's error; empty if it has none."""
    first = error.args[0] if error.args else None
    if isinstance(first, Mapping):  # pg8000
        return str(first.get("C", ""))
    number = getattr(error, "errno", None)
    if isinstance(first, int):
        return first
    return number or getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""


def error_text(error: BaseException) -> str:
    """Return what a driver's error says."""
    first = error.args[0] if error.args else None
    return str(first.get("M", "")) if isinstance(first, Mapping) else str(error)


def connect(target: ServerTarget) -> ServerSession:
    """Open a session by the first driver of the database that is installed; raise UsageError if there is none."""
    for package, opens in _DRIVERS[target.database]:
        try:
            driver = import_module(package)
        except ImportError:
            continue
        return opens(driver, target)
    needed = _EXTRAS[target.database]
    raise UsageError(f'{needed} is not installed: run `pip install "dbhygiene[{target.database}]"`')


# -- MySQL ------------------------------------------------------------------------------------------------


def _tls(target: ServerTarget) -> Any:
    """Return the TLS context that the options of a target ask for; None if they ask for none."""
    given = {key.removeprefix("ssl").lstrip("_"): value for key, value in target.tls.items()}
    mode = given.pop("mode", given.pop("", "")).lower()
    if not given and mode in ("", "disabled", "disable", "false", "0"):
        return None
    import ssl

    authority = given.get("ca") or given.get("rootcert")
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = mode not in (*_UNVERIFIED, "verify_ca", "verify-ca")
    if not authority and mode in _UNVERIFIED:
        context.verify_mode = ssl.CERT_NONE
    if certificate := given.get("cert"):
        context.load_cert_chain(certificate, given.get("key"))
    return context


def _pymysql(driver: Any, target: ServerTarget) -> ServerSession:
    where = {"unix_socket": target.socket} if target.socket else {"host": target.host, "port": target.port}
    connection = driver.connect(
        **where,
        user=target.user,
        password=str(target.password),
        ssl=_tls(target),
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        write_timeout=READ_SECONDS,
        autocommit=True,
        program_name="dbhygiene",
    )
    return ServerSession(connection, connection.thread_id())


def _mysqldb(driver: Any, target: ServerTarget) -> ServerSession:
    where = {"unix_socket": target.socket} if target.socket else {"host": target.host, "port": target.port}
    tls = {key.removeprefix("ssl_"): value for key, value in target.tls.items() if key.startswith("ssl_")}
    connection = driver.connect(
        **where,
        **({"ssl": tls or True} if target.tls else {}),
        user=target.user,
        password=str(target.password),
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        write_timeout=READ_SECONDS,
        autocommit=True,
    )
    return ServerSession(connection, connection.thread_id())


def _connector(driver: Any, target: ServerTarget) -> ServerSession:
    where = {"unix_socket": target.socket} if target.socket else {"host": target.host, "port": target.port}
    connection = driver.connect(
        **where,
        **{key: value for key, value in target.tls.items() if key in ("ssl_ca", "ssl_cert", "ssl_key")},
        user=target.user,
        password=str(target.password),
        connection_timeout=CONNECT_SECONDS,
        autocommit=True,
    )
    return ServerSession(connection, connection.connection_id)


# -- PostgreSQL -------------------------------------------------------------------------------------------

_LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey")


def _libpq(target: ServerTarget) -> dict[str, Any]:
    """Return the arguments of drivers that use libpq; for missing ones it reads its own files."""
    given = {
        "host": target.socket or target.host,
        "port": target.port,
        "user": target.user,
        "password": str(target.password),
        "dbname": target.name,
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "dbhygiene",
        **{key: value for key, value in target.tls.items() if key in _LIBPQ},
    }
    return {key: value for key, value in given.items() if value}


def _psycopg(driver: Any, target: ServerTarget) -> ServerSession:
    connection = driver.connect(**_libpq(target), autocommit=True, prepare_threshold=None)
    return ServerSession(connection, connection.info.backend_pid)


def _psycopg2(driver: Any, target: ServerTarget) -> ServerSession:
    connection = driver.connect(**_libpq(target))
    connection.autocommit = True
    return ServerSession(connection, connection.info.backend_pid)


def _pg8000(driver: Any, target: ServerTarget) -> ServerSession:
    connection = driver.connect(
        user=target.user,
        password=str(target.password) or None,
        host=target.host,
        port=target.port,
        unix_sock=f"{target.socket}/.s.PGSQL.{target.port}" if target.socket else None,
        database=target.name or None,
        ssl_context=_tls(target),
        timeout=READ_SECONDS,
        application_name="dbhygiene",
    )
    connection.autocommit = True
    key = getattr(connection, "_backend_key_data", None)
    return ServerSession(connection, int.from_bytes(key[:4], "big") if key else None)


_DRIVERS: dict[str, tuple[tuple[str, Callable[[Any, ServerTarget], ServerSession]], ...]] = {
    "mysql": (("pymysql", _pymysql), ("MySQLdb", _mysqldb), ("mysql.connector", _connector)),
    "postgresql": (("psycopg", _psycopg), ("psycopg2", _psycopg2), ("pg8000.dbapi", _pg8000)),
}
