"""The engines and sessions of the played environment, their queries and objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .world import LATE, OTHERWISE, ClosingConnection, Connection, Cursor, Value, World


class Engine:
    """An engine, whose connections are given back when they are closed."""

    def __init__(self, world: World) -> None:
        self.world = world

    def connect(self) -> Connection:
        self.world.happen("connect")
        return self.world.born(EngineConnection(self.world))


class EngineConnection(ClosingConnection):
    """A connection of an engine; its rows are read from it when they are asked for."""

    __slots__ = ()

    def execute(self, *_: object) -> Cursor:
        self.happen("execute")
        return Cursor(self)


class Session(ClosingConnection):
    """A session: it holds something from its first query to the end of its transaction, and objects until it closes."""

    __slots__ = ("objects",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.is_open = False
        self.objects: list[Order] = []

    def happen(self, what: str) -> None:
        self.is_open = True
        self.world.happen(what, asks=what not in OTHERWISE)

    def close(self) -> None:
        self.is_open = False
        for each in self.objects:
            each.session = None
        self.objects.clear()

    def __exit__(self, *_: object) -> None:
        self.close()

    def commit(self) -> None:
        self.happen("commit")
        self.is_open = False

    def rollback(self) -> None:
        self.happen("rollback")
        self.is_open = False

    def flush(self) -> None:
        self.happen("flush")

    def add(self, order: Order) -> None:
        order.session, order.trace = self, self.world.trace
        self.objects.append(order)

    def get(self, *_: object) -> Order:
        self.happen("get")
        self.add(order := Order())
        return order

    def query(self, *_: object) -> Query:
        return Query(self)

    def scalars(self, *_: object) -> Query:
        self.happen("scalars")
        return Query(self)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction, which ends by a commit or a rollback."""
        try:
            yield self
        except BaseException:
            self.is_open = False
            raise
        self.commit()


class AsyncSession(Session):
    """A session whose methods are awaited; then its task may be cancelled."""

    __slots__ = ()

    __enter__ = __exit__ = None  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        if name == "close":  # by which no choice is added where a fix adds one
            return lambda: Awaited(self.world, method, is_cancellable=False)
        return (lambda *given: Awaited(self.world, lambda: method(*given))) if name in AWAITED else method

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        Session.close(self)


AWAITED = tuple("close commit flush get rollback scalars".split())


class Awaited:
    """What happens when it is awaited."""

    def __init__(self, world: World, act: Callable[[], Any], *, is_cancellable: bool = True) -> None:
        self.world, self.act, self.is_cancellable = world, act, is_cancellable

    def __await__(self) -> Iterator[None]:
        result = self.act()
        if self.is_cancellable and self.world.choose(2):
            raise asyncio.CancelledError
        return result
        yield


class SessionMaker:
    """What makes sessions; one that it begins is closed at the end of the block."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self) -> Connection:
        return self.world.born(Session(self.world))

    @contextmanager
    def begin(self) -> Iterator[Session]:
        session = Session(self.world)
        with session, session.begin():
            yield session


class Query:
    """A query of a session, which loads up to two objects."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __iter__(self) -> Iterator[Order]:
        return iter(self.all())

    def all(self) -> list[Order]:
        self.session.happen("query")
        found = [Order(), Order()][: self.session.world.choose(2) + 1]
        for each in found:
            self.session.add(each)
        return found

    def first(self) -> Order | None:
        found = self.all()
        return found[0] if self.session.world.choose(2) else None

    def count(self) -> Value:
        self.session.happen("count")
        return Value(self.session.world, "count")


class Order:
    """An object of a session, which loads its owner when that is asked for; without its session it cannot."""

    def __init__(self, **_: object) -> None:
        self.session: Session | None = None
        self.trace: list[str] | None = None
        self.id = 1

    @property
    def owner(self) -> str:
        if self.trace is not None:
            self.trace.append("load" if self.session else "load" + LATE)
        return "owner"
