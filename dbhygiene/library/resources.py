"""`Resource`, `Driver`, `CallModel`: the facts about libraries, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from dbhygiene.source.records import Record, replace

Version = tuple[int, ...]
SQLITE_IN_MEMORY = r":memory:|file::memory:.*|file:.*[?&]mode=memory.*|"  # "" is a file of its own, gone with it


class Leaving(Record):
    """What leaving `with resource:` does, from a version on."""

    closes: bool
    commits: bool = False
    binds: str = "resource"  # what `as` gives: "resource", or "cursor"
    since: Version = ()
    exists: bool = True  # False: these versions have no `with` at all


class Resource(Record):
    """A kind of thing that must be closed by its owner.

    `parts` are methods whose result lives no longer than the resource, and may still read from it.
    `open_if` and `closed_if` are attributes or methods that return its state. `usable_if` are true while it is open,
    and perhaps afterwards.
    """

    kind: str  # "connection", "cursor", "session", ...
    title: str  # as in "a PyMySQL connection"
    package: str = ""
    closed_by: frozenset[str] = frozenset({"close"})
    leaving: Leaving | None = Leaving(closes=True)
    second_close_raises: bool = False
    autocommits: bool = False
    is_async: bool = False
    awaits_close: bool = False  # `close` is a coroutine
    server: str = ""  # "mysql", "postgresql", ...: whose limits a leak runs into
    parts: frozenset[str] = frozenset({"cursor", "execute", "executemany", "xcursor"})
    open_if: frozenset[str] = frozenset({"is_connected", "open", "is_open", "in_transaction"})
    closed_if: frozenset[str] = frozenset({"closed", "is_closed"})
    usable_if: frozenset[str] = frozenset()
    is_lazy: bool = False  # holds nothing before it is used, nor after `rests_after`
    is_at_rest: bool = False  # a lazy one that a function is given while it holds nothing
    rests_after: frozenset[str] = frozenset()
    rests_during: frozenset[str] = frozenset()  # methods that do not wake it
    only_builds: frozenset[str] = frozenset()  # methods that build a query, which wakes it only when it is sent
    gives_itself: frozenset[str] = frozenset()  # methods that return it
    beneath: frozenset[str] = frozenset()  # attributes with the connection that it wraps, which it closes
    gives_up: frozenset[str] = frozenset()  # methods that take it from its pool for good, for another owner
    plain_with: bool = False  # `with` closes it, and does nothing else
    is_pooled: bool = False  # its pool outlives it, and takes it back
    gives_back: str = ""  # the method of its pool that takes it back; "": its own `close` gives it back
    lent_by: str = ""  # the method of its pool that lends it
    is_object: bool = False  # of a class of the project's, which owns a connection
    opened_by: frozenset[str] = frozenset()  # methods that open it; none: it is open from the start
    may_open: frozenset[str] = frozenset()  # those of them that return when opening fails, too
    true_if_opened: frozenset[str] = frozenset()  # those of these whose result is true if it is open, and false if not
    costs_nothing: bool = False  # where it is left open: a database in memory
    closed_when_freed: bool = False  # no server holds it: CPython closes it once it is destroyed
    is_in_no_cycle: bool = False  # CPython closes it as soon as no variable refers to it
    clashing: str = ""  # "threads" or "tasks": several that use it at once get `when_shared`
    when_shared: str = ""

    @property
    def noun(self) -> str:
        """What a sentence calls it."""
        return self.kind if self.kind in {"session", "cursor"} else "connection"

    @property
    def closes_plainly(self) -> bool:
        """Whether `x.close()` closes it at once, as `contextlib.closing` calls it."""
        return "close" in self.closed_by and not (self.is_async or self.gives_back)

    @property
    def a_title(self) -> str:
        if self.is_object:
            return f"an object of {self.title}"
        return f"{'an' if self.title[:1].lower() in 'aeiou' else 'a'} {self.title}"


class Pool(Record):
    """A pool of a driver's connections: what makes or annotates one, and the method that takes a connection from it.

    `gives_back` is the method of the pool that takes it back; "" where the connection's own `close` does that. A
    connection that is not given back is lost to everybody else: the next one waits, or gets an error. `opens` is the
    package of a driver, for an object that keeps no pool: each call opens a new connection of that driver. It prefers
    that of `prefers`, if the project requires it. `counts_closed`: the pool still counts a connection as lent after the
    connection's own `close`.
    """

    made_by: tuple[str, ...]
    takes: str
    gives_back: str = ""
    leaving: Leaving | None = None  # at the end of a `with`, if it differs from that of the driver's own connections
    is_async: bool = False
    opens: str = ""
    prefers: str = ""
    counts_closed: bool = False


class Ping(Record):
    """What a bare `ping()` does with a lost connection, from a version on."""

    reconnects: bool
    since: Version = ()


class Loss(Record):
    """How a lost connection shows, and what opens it again: measured, see docs/errors.

    `first` are the classes of the error by which the loss is noticed, `later` those of each further use of the same
    connection; `numbers` is what `args[0]` is at first: one group for each way to lose it.
    """

    modules: tuple[str, ...]  # that hold the classes of errors
    first: frozenset[str]
    later: frozenset[str]
    later_text: str  # how such a later error reads
    shares: frozenset[str] = frozenset()  # packages whose classes of errors may be the same ones
    numbers: tuple[frozenset[int], ...] = ()
    error_number: str = "args[0]"  # how an error gives its number
    lacks: frozenset[str] = frozenset()  # attributes of other drivers' errors that these do not have
    pure: frozenset[str] = frozenset()  # further classes of the first error, of an implementation without C
    opens_again: frozenset[str] = frozenset()  # methods of the connection that open it again, whatever its state
    pings: tuple[Ping, ...] = ()  # the oldest first; none: there is no `ping`
    ping_takes: int = 1  # how many arguments `ping` has; the first one lets it open the connection again
    ping_names: frozenset[str] = frozenset({"reconnect"})  # those that may be given by name
    asks_nothing: frozenset[str] = frozenset()  # methods and attributes that a lost connection passes
    texts_differ: bool = False  # its client library may be MariaDB's, which words the errors in another way

    def ping_reconnects(self, lowest: Version | None, below: Version | None) -> bool | None:
        """Whether a bare `ping()` opens a lost connection again; None if it depends on a version that is not known."""
        known = set()
        for ping, later in zip(self.pings, (*self.pings[1:], None), strict=True):
            is_over = later is not None and lowest is not None and later.since <= lowest
            is_to_come = below is not None and ping.since >= below
            if not is_over and not is_to_come:
                known.add(ping.reconnects)
        return known.pop() if len(known) == 1 else None


class Driver(Record):
    """A DB-API driver, or one like it.

    `opens` are the dotted names whose call opens a connection, `opens_async` those of them whose connection must be
    awaited, and its `close` too, in a driver that has both kinds; `leavings` what `with connection:` does, by the
    version that brought it, the oldest first; `distributions` are the names under which it is installed.
    """

    name: str
    package: str
    opens: tuple[str, ...]
    leavings: tuple[Leaving, ...] = (Leaving(closes=True),)
    distributions: tuple[str, ...] = ()
    server: str = ""
    second_close_raises: bool = False
    autocommits: bool = False
    closed_by: frozenset[str] = frozenset({"close"})
    parts: frozenset[str] = frozenset({"cursor"})
    is_async: bool = False
    awaits_close: bool = False  # `close` is a coroutine
    server_side: frozenset[str] = frozenset()  # cursor classes that read rows as they are fetched
    reads_in_parts: str = ""  # code by which rows are read as they are fetched; "": there is none that is safe
    sends_many_at_once: bool = False  # `executemany` makes one packet of all rows
    in_memory: str = ""  # a pattern of the names of databases that no other connection sees
    default_database: str | None = None
    deferred_by: str = ""  # the option by which a connection is made, and not opened
    opened_by: frozenset[str] = frozenset()  # the methods that open it then
    opens_async: frozenset[str] = frozenset()
    closed_when_freed: bool = False  # no server holds a connection: CPython closes it once it is destroyed
    is_in_no_cycle: bool = False  # measured: CPython closes a connection as soon as no variable refers to it
    thread_check: str = ""  # the option that is on by default, and lets only the thread that opens a connection use it
    when_shared: str = ""  # what threads or tasks that use a connection at once get; "": each gets its own rows
    pools: tuple[Pool, ...] = ()
    loss: Loss | None = None  # None: not measured

    def leaving(self, version: Version | None) -> Leaving | None:
        """Return what `with` does in a version, or in the newest if it is unknown; None if there is no `with`."""
        known = [each for each in self.leavings if version is None or each.since <= version]
        found = known[-1] if known else self.leavings[0]
        return found if found.exists else None

    def resource(self, version: Version | None = None, *, is_async: bool = False) -> Resource:
        return Resource(
            kind="connection",
            title=f"{self.name} connection",
            package=self.package,
            closed_by=self.closed_by,
            leaving=self.leaving(version),
            second_close_raises=self.second_close_raises,
            autocommits=self.autocommits,
            is_async=self.is_async or is_async,
            awaits_close=self.awaits_close or is_async,
            server=self.server,
            parts=self.parts,
            clashing="" if not self.when_shared else "tasks" if self.is_async or is_async else "threads",
            when_shared=self.when_shared,
            closed_when_freed=self.closed_when_freed,
            is_in_no_cycle=self.is_in_no_cycle and not (self.is_async or is_async),
        )

    def resource_of_pool(self, pool: Pool, version: Version | None = None) -> Resource:
        """Return the kind of connection that a pool returns."""
        plain = self.resource(version, is_async=pool.is_async)
        return replace(
            plain,
            title=f"pooled {self.name} connection",
            leaving=pool.leaving or plain.leaving,
            second_close_raises=False,
            is_pooled=True,
            is_in_no_cycle=False,
            closed_by=plain.closed_by - {"close"} if pool.counts_closed else plain.closed_by,
            gives_back=pool.gives_back,
            lent_by=pool.takes,
        )


UNBUFFERED_CURSOR = Resource("cursor", "unbuffered cursor", parts=frozenset({"fetchall_unbuffered"}), plain_with=True)


class ArgumentEffect(Enum):
    """What a call does with something that it is given."""

    BORROWS = "borrows"
    CLOSES = "closes"
    KEEPS = "keeps"  # or gives away, or anything that we cannot see
    RETURNS = "returns"  # gives it back
    HOLDS = "holds"  # gives back something that holds it: a tuple, a list
    READS = "reads"  # gives back something that lives in it, such as a cursor
    HOLDS_PARTS = "holds parts"  # gives back a container of such
    GATHERS = "gathers"  # gives back what can be read from it


ArgumentEffects = frozenset[ArgumentEffect]
BORROWS: ArgumentEffects = frozenset({ArgumentEffect.BORROWS})
CLOSES: ArgumentEffects = frozenset({ArgumentEffect.CLOSES})
KEEPS: ArgumentEffects = frozenset({ArgumentEffect.KEEPS})
RETURNS: ArgumentEffects = frozenset({ArgumentEffect.RETURNS})
HOLDS: ArgumentEffects = frozenset({ArgumentEffect.HOLDS})
READS: ArgumentEffects = frozenset({ArgumentEffect.READS})
GATHERS: ArgumentEffects = frozenset({ArgumentEffect.GATHERS})


class ParameterSummary(Record):
    """What may become of an argument when the call returns, and when it raises."""

    normal: ArgumentEffects = KEEPS
    raising: ArgumentEffects = KEEPS

    @classmethod
    def of(cls, effects: ArgumentEffects) -> ParameterSummary:
        return cls(effects, effects)


class Element(NamedTuple):
    """A place in a tuple (`position`), in a dict or dataclass (`name`), or in a named tuple (both)."""

    position: int | None
    name: str | None = None


class CallModel(Record):
    """The model of a call: its effects as its caller sees them.

    Written by hand for libraries, declared in `pyproject.toml`, inferred for the project's own functions: one type,
    three origins. `returns` is what the caller owns afterwards; where the result is a tuple, a dict or a record,
    `element` says which of its elements. `rest` is the fate of arguments that are not listed. `instead` are the
    parameters that may be given back instead: nothing is opened where one of them is given something.
    """

    returns: Resource | None = None
    element: Element | None = None
    arguments: tuple[ParameterSummary, ...] = ()
    keywords: Mapping[str, ParameterSummary] = {}
    rest: ParameterSummary = ParameterSummary()
    is_sure: bool = True  # it never gives None, or anything else, instead
    is_shared: bool = False  # on some path, other code also gets the returned object
    may_raise: bool = True
    instead: frozenset[str] = frozenset()

    def argument(self, position: int) -> ParameterSummary:
        return self.arguments[position] if position < len(self.arguments) else self.rest

    def keyword(self, name: str | None) -> ParameterSummary:
        return self.keywords.get(name, self.rest) if name else self.rest


UNKNOWN = CallModel()
HARMLESS = CallModel(rest=ParameterSummary.of(BORROWS), may_raise=False)
BORROWER = CallModel(rest=ParameterSummary.of(BORROWS))
