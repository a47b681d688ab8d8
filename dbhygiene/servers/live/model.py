"""`LiveServer`: what a server says of itself, and of its connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbhygiene.source.records import Frozen, Record

TITLES = {"mysql": "MySQL", "mariadb": "MariaDB", "postgresql": "PostgreSQL"}
IDLE, IN_TRANSACTION = "idle", "idle in transaction"


class LiveNumber(Record):
    """A number, the expression that gives it, and where it was set, if the server says so."""

    value: int
    expression: str
    origin: str = ""

    @property
    def setting(self) -> str:
        """Return the name of the variable: `wait_timeout` for `@@session.wait_timeout`."""
        return self.expression.rpartition(".")[2]


class Connection(Record):
    """One connection of a client. Seconds are those since its state changed; of others, not all is visible."""

    user: str
    host: str = ""
    program: str = ""  # as the program itself says
    client: str = ""  # its driver
    pid: str = ""
    state: str = ""
    seconds: float = 0.0
    is_own: bool = False  # of the account that asks


class Program(Record):
    """One program: what its connections have in common."""

    user: str
    host: str
    program: str
    client: str
    pid: str


class LiveServer(Frozen):
    """A server: its kind and version, its limits, its counters, and the connections that this account may see.

    `limit` is the smallest limit that holds for this account, `server_limit` that of all accounts together.
    """

    database: str  # `mysql`, `mariadb` or `postgresql`
    version: str
    user: str
    pooler: str = ""  # the proxy or pooler in between; empty: none
    sees_all: bool = False
    idle: LiveNumber | None = None
    in_transaction: LiveNumber | None = None
    interactive: int | None = None
    packet: int | None = None  # bytes of one statement, at most
    limit: LiveNumber | None = None
    server_limit: LiveNumber | None = None
    status: Mapping[str, int] = {}
    connections: tuple[Connection, ...] = ()

    @property
    def family(self) -> str:
        return "mysql" if self.database == "mariadb" else self.database

    @property
    def title(self) -> str:
        return TITLES[self.database]

    def programs(self, state: str, seconds: float) -> Iterator[tuple[Program, list[Connection]]]:
        """Yield the programs with connections that are in a state for so long, the most connections first."""
        found: dict[Program, list[Connection]] = {}
        for each in self.connections:
            if each.state == state and each.seconds >= seconds:
                program = Program(each.user, each.host, each.program, each.client, each.pid)
                found.setdefault(program, []).append(each)
        yield from sorted(found.items(), key=lambda item: -len(item[1]))
