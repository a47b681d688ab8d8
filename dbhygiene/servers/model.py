"""`Facts`: the database servers, poolers, commands and probes that a repository's files describe."""

from __future__ import annotations

from enum import IntEnum
from math import inf

from dbhygiene.source.records import Record

UNKNOWN_NUMBER = inf  # a limit that is set to what the file does not say: nothing exceeds it


class Origin(IntEnum):
    """How a number is known; a smaller value means a better source."""

    FILE = 1  # written in a file of the repository, or said by the user or the server
    PROXY = 2  # likewise, for what stands between the program and its server
    HOST = 3  # the provider's, by the host name
    IMAGE = 4  # the default of an image


class FileLine(Record):
    """A line of a file, which is named relative to the root."""

    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.name}:{self.line}"


class Limit(Record):
    """A limit: its value, the setting that gives it, how it is known, and where it stands."""

    value: float
    setting: str
    origin: Origin
    place: FileLine | None = None
    image: str = ""  # or the provider

    @property
    def source(self) -> str:
        """Return how the number is known, for a message: "`wait_timeout`, deploy/mysql/my.cnf:8"."""
        if self.origin is Origin.IMAGE:
            return f"the default of `{self.image.partition('@')[0]}`, {self.place}"
        if self.origin is Origin.HOST:
            return f"the limit of {self.image}"
        return f"`{self.setting}`" if self.place is None else f"`{self.setting}`, {self.place}"


class Server(Record):
    """A database server. `hosts` are the names under which programs reach it; none where that is not known."""

    database: str
    hosts: frozenset[str] = frozenset()
    idle: Limit | None = None
    connections: Limit | None = None
    place: FileLine | None = None
    is_standalone: bool = False  # an option file that no server is seen to read


class Proxy(Record):
    """A proxy before database servers, which closes idle connections of its own accord."""

    database: str
    hosts: frozenset[str]
    idle: Limit | None = None


class Pooler(Record):
    """PgBouncer: a pool of sessions, lent by session, by transaction or by statement."""

    mode: str
    place: FileLine
    hosts: frozenset[str] = frozenset()
    keeps_prepared: bool | None = None  # None: its version is not known, which decides
    is_latest: bool = False  # its image has no version: that of the day on which it is pulled
    connections: Limit | None = None
    idle: Limit | None = None
    is_used: bool = False  # some program is given its name or its port

    @property
    def lends_by_transaction(self) -> bool:
        return self.mode in ("transaction", "statement")


class ServingCommand(Record):
    """A command that serves an application, or runs tasks."""

    program: str
    place: FileLine
    application: str = ""  # `shop.wsgi:application`
    worker: str = ""  # the class of gunicorn's workers, the pool of celery's
    processes: int = 1  # at least, of one container
    replicas: int = 1  # containers, at least
    threads: float = 1  # of one process, or what else works at the same time; infinite if nothing limits it
    interface: str = ""  # `asgi` or `wsgi`
    is_development: bool = False
    directory: str = ""  # in which it runs, relative to the root, as far as that is known


class Probe(Record):
    """A check of a container: an HTTP request, or a command, which may send one, too."""

    kind: str  # `liveness`, `readiness`, `startup`
    place: FileLine
    path: str = ""
    timeout: int = 1
    command: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()  # of its container, the workload and the image


class DeadSetting(Record):
    """A setting that does nothing, or not what it says."""

    place: FileLine
    message: str
    advice: str = ""


class Facts(Record):
    """Everything that is known."""

    servers: tuple[Server, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    poolers: tuple[Pooler, ...] = ()
    commands: tuple[ServingCommand, ...] = ()
    probes: tuple[Probe, ...] = ()
    dead: tuple[DeadSetting, ...] = ()
