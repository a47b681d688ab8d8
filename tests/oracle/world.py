"""The environment of a judged program: every decision that it takes is a choice on a tape.

A run replays the picks of its tape and takes the first option of each new choice; `Tape.advance` turns to the
next sequence, depth first, so that all runs together are all that the environment can do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

DRIVERS = {"mariadb": True, "psycopg2": False, "sqlite3": False, "psycopg": True}  # does leaving `with conn:` close it?
EXECUTING = {"sqlite3", "psycopg"}  # `conn.execute()` gives a cursor there
CLOSING_ONCE = {"mariadb"}  # a second `close()` raises there


ASKS = {"execute", "executemany", "fetchone", "fetchall", "commit", "rollback", "flush"}  # methods of connections alone
OTHERWISE = {"get", "read_sql"}  # names that methods of other objects have, too: they may raise anything
LATE = ", too late"  # what is asked of a connection that is closed already, or of an object without its session


class Strange(Exception):  # noqa: N818  (no program names it: a handler for all of the named ones is not complete)
    """An exception that no handler names."""


class Cut(BaseException):
    """Ends a run that goes beyond the loop bound, or that uses None as a connection."""


class Tape:
    """The picks of one run, and how many options each choice had."""

    def __init__(self) -> None:
        self.picks: list[int] = []
        self.widths: list[int] = []
        self.at = 0

    def choose(self, width: int) -> int:
        at = self.at
        self.at = at + 1
        if at < len(self.picks):
            return self.picks[at]
        self.picks.append(0)
        self.widths.append(width)
        return 0

    def advance(self) -> bool:
        """Turn to the next sequence; False where there is none."""
        picks, widths = self.picks, self.widths
        while picks and picks[-1] + 1 == widths[-1]:
            picks.pop()
            widths.pop()
        if not picks:
            return False
        picks[-1] += 1
        return True


class World:
    """What a program can touch: connections, what was handed on, what happened."""

    def __init__(self, kinds: tuple[type[BaseException], ...], bound: int) -> None:
        self.kinds = kinds
        self.bound = bound
        self.tape = Tape()
        self.choose = self.tape.choose
        self.connections: list[Connection] = []
        self.handed_on: list[Any] = []
        self.read_on: list[Cursor] = []  # yielded: who has them reads on, but does not close their connections
        self.trace: list[str] = []
        self.guards = 0  # how many blocks of a guard the program is in
        self.rounds: dict[int, int] = {}
        self.combined: dict[type[BaseException], type[BaseException]] = {}
        self.combines = False  # whether the program names the errors of a driver
        self.is_cut = self.has_mistake = False
        self.modules: dict[str, Any] = {}  # what the program can import

    def begin(self) -> None:
        self.tape.at = 0
        self.connections.clear()
        self.handed_on.clear()
        self.read_on.clear()
        self.trace.clear()
        self.guards = 0
        self.is_cut = False

    def happen(self, what: str, *, asks: bool = False) -> None:
        """An operation that succeeds, or raises one of the kinds; what asks a server raises errors of its driver."""
        self.trace.append(what)
        if pick := self.choose(len(self.kinds) + 1):
            kind = self.kinds[pick - 1]
            raise self._as_database_error(kind) if asks and self.combines else kind

    def _as_database_error(self, kind: type[BaseException]) -> type[BaseException]:
        """A class of this kind that is an error of every driver, too."""
        if kind not in self.combined:
            errors = tuple(self.modules[name].Error for name in DRIVERS)
            if kind in (Exception, BaseException):
                self.combined[kind] = type(kind.__name__, errors, {})
            else:
                is_other = issubclass(kind, Exception) and kind not in errors
                self.combined[kind] = type(kind.__name__, (kind, *errors), {}) if is_other else kind
        return self.combined[kind]

    def cut(self) -> None:
        self.is_cut = True
        raise Cut

    def mistake(self) -> None:
        self.has_mistake = True
        self.cut()

    def function(self, name: str, *, nullable: bool = False) -> Callable[..., Any]:
        """A function of which the program knows nothing but that its arguments are out of its hands.

        That it reads from a cursor while it runs, and keeps none, is taken for granted, also of a list of cursors.
        """

        def unknown(*args: Any, **keywords: Any) -> Any:
            self.handed_on += (each for each in (*args, *keywords.values()) if not _are_cursors(each))
            self.happen(name, asks=name.rpartition(".")[2] in ASKS)
            return None if nullable and self.choose(2) else Value(self, name)

        return unknown

    def import_(self, name: str, *_: Any) -> Any:
        return self.modules[name] if name in self.modules else __import__(name)

    def born(self, connection: Connection) -> Connection:
        self.connections.append(connection)
        return connection


def _are_cursors(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_are_cursors, value))
    return isinstance(value, Cursor)


class Pending:
    """Something to be awaited: it happens, or raises, or is cancelled."""

    def __init__(self, world: World, what: str) -> None:
        self.world, self.what = world, what

    def __await__(self) -> Iterator[None]:
        self.world.happen(self.what)
        if self.world.choose(2):
            raise asyncio.CancelledError
        return self.result()
        yield

    def result(self) -> Any:
        return Value(self.world, self.what)


class Value:
    """Something of which nothing is known. What is asked of it twice is answered twice the same."""

    __slots__ = ("_answers", "_name", "_world")

    def __init__(self, world: World, name: str, *, is_true: bool = False) -> None:
        set_ = object.__setattr__
        set_(self, "_world", world)
        set_(self, "_name", name)
        set_(self, "_answers", {"true": True} if is_true else {})

    def _answer(self, question: object) -> bool:
        if question not in self._answers:
            self._answers[question] = self._world.choose(2) == 0
        return self._answers[question]

    def __bool__(self) -> bool:
        return self._answer("true")

    def __eq__(self, other: object) -> bool:
        return self._answer(("==", other))

    def __ne__(self, other: object) -> bool:
        return not self._answer(("==", other))

    def __gt__(self, other: object) -> bool:
        return self._answer((">", other))

    def __hash__(self) -> int:
        return id(self)

    def __iter__(self) -> Iterator[Value]:
        for _ in range(self._world.bound):
            if self._world.choose(2):
                return
            yield Value(self._world, "item")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in ("close", "cursor"):
            self._answers.setdefault("true", True)  # what has these is an object, and no number or text that is false
            return lambda *_: Value(self._world, name)
        if name == "append":  # taken not to raise, as what fills a list
            return lambda value: self._world.handed_on.append(value)
        return self._world.function(f"{self._name}.{name}")

    def __setattr__(self, name: str, value: object) -> None:
        self._world.handed_on.append(value)

    def __setitem__(self, key: object, value: object) -> None:
        self._world.handed_on.append(value)

    def __iadd__(self, added: object) -> Value:
        self._world.handed_on.append(added)
        return self

    __ior__ = __iadd__


class Guard:
    """A context manager for the sake of what its block does: a scope that is not cancelled, a lock, a span."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __enter__(self) -> Guard:
        self.world.guards += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.world.guards -= 1


class Connection:
    """A connection that knows whether it is open, and where it was born."""

    __slots__ = ("is_foreign", "is_guarded", "is_open", "is_true", "site", "world")
    executes = closes_once = False

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_open = self.is_true = True
        self.is_foreign = False  # the caller's own
        self.is_guarded = False  # closed within the block of a guard
        self.site: int | None = None

    def __bool__(self) -> bool:
        return self.is_true

    def close(self) -> None:
        if self.closes_once and not self.is_open:
            self.world.trace.append("close" + LATE)
        if self.is_open:
            self.is_guarded = self.world.guards > 0
        self.is_open = False

    def cursor(self) -> Cursor:
        return Cursor(self)

    def happen(self, what: str) -> None:
        """An operation, which its trace shows to be one of a connection that is closed already."""
        self.world.happen(what if self.is_open else what + LATE, asks=what not in OTHERWISE)

    def execute(self, *_: object) -> Cursor | Value:
        self.happen("execute")
        return Cursor(self) if self.executes else Value(self.world, "rows")

    def commit(self) -> None:
        self.happen("commit")

    def rollback(self) -> None:
        self.happen("rollback")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        """It ends a transaction, and raises where the connection is closed already."""
        if not self.is_open:
            self.world.trace.append("exit" + LATE)


class ClosingConnection(Connection):
    """A connection of a driver whose `with` closes."""

    __slots__ = ()

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncConnection(Connection):
    """A connection of an asynchronous driver: no `with` of the ordinary kind."""

    __slots__ = ()
    __enter__ = __exit__ = None  # type: ignore[assignment]


class Connecting(Pending):
    """A connection to be awaited, or entered by `async with`, which closes it."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "connect")
        self.site: int | None = None

    def result(self) -> Connection:
        self.connection = AsyncConnection(self.world)
        self.connection.site = self.site
        self.world.connections.append(self.connection)
        return self.connection

    async def __aenter__(self) -> Connection:
        return await self

    async def __aexit__(self, *_: object) -> None:
        self.connection.close()
        if self.world.choose(2):
            raise asyncio.CancelledError


class Cursor:
    """A cursor, which holds on to its connection, and reads its one row when it is asked for it; that never fails."""

    __slots__ = ("connection", "is_read")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_read = False

    def __iter__(self) -> Cursor:
        return self

    def __next__(self) -> Value:
        if self.is_read:
            raise StopIteration
        self.is_read = True
        self.connection.world.trace.append("row" if self.connection.is_open else "row" + LATE)
        return Value(self.connection.world, "row")

    def close(self) -> None:
        """Some drivers raise where the connection is closed already."""
        if not self.connection.is_open:
            self.connection.world.trace.append("close of cursor" + LATE)

    def execute(self, *_: object) -> None:
        self.connection.happen("execute")

    def fetchall(self) -> Value:
        self.connection.happen("fetchall")
        return Value(self.connection.world, "rows")

    def fetchone(self) -> Value | None:
        self.connection.happen("fetchone")
        world = self.connection.world
        return None if world.choose(2) else Value(world, "row")

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        pass
