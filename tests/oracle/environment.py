"""The modules that a judged program can import: all but the language's own are played."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from .orm import AsyncSession, Engine, Order, Session, SessionMaker
from .world import (
    CLOSING_ONCE,
    DRIVERS,
    EXECUTING,
    ClosingConnection,
    Connecting,
    Connection,
    Cursor,
    Guard,
    Pending,
    Value,
    World,
)


def modules(world: World) -> dict[str, Any]:
    """The modules of a world, by their names."""
    fakes = {name: _driver(world, name, closes) for name, closes in DRIVERS.items()}
    fakes["aiomysql"] = types.SimpleNamespace(connect=lambda *_, **__: Connecting(world))
    return {**fakes, **_orm(world), **_runners(world), **_quiet(world), "app": _App(world)}


def _driver(world: World, name: str, closes: bool) -> types.SimpleNamespace:
    facts = {"executes": name in EXECUTING, "closes_once": name in CLOSING_ONCE}
    kind = type("Driver", (ClosingConnection if closes else Connection,), facts)
    error = type("Error", (Exception,), {"__module__": name})

    def connect(*_: Any, **__: Any) -> Connection:
        world.happen("connect")
        return world.born(kind(world))

    return types.SimpleNamespace(connect=connect, Error=error)


def _orm(world: World) -> dict[str, Any]:
    return {
        "models": types.SimpleNamespace(Order=Order),
        "sqlalchemy": types.SimpleNamespace(create_engine=lambda *_: Engine(world)),
        "sqlalchemy.orm": types.SimpleNamespace(
            Session=lambda *_: world.born(Session(world)), sessionmaker=lambda *_: SessionMaker(world)
        ),
        "sqlalchemy.ext.asyncio": types.SimpleNamespace(
            AsyncSession=lambda *_: AsyncSession(world), create_async_engine=lambda *_: Engine(world)
        ),
    }


def _runners(world: World) -> dict[str, Any]:
    """What runs a function later: who has started it does not know when."""

    def given(*args: object, **keywords: object) -> Value:
        world.handed_on += [*args, *keywords.values()]
        return Value(world, "started")

    def thread(*args: object, **keywords: object) -> types.SimpleNamespace:
        return types.SimpleNamespace(start=lambda: given(*args, **keywords), given=(args, keywords))

    return {
        "threading": types.SimpleNamespace(Thread=thread, Timer=thread),
        "atexit": types.SimpleNamespace(register=given),
    }


def _quiet(world: World) -> dict[str, Any]:
    def read_sql(_: object, connection: Connection, chunksize: int | None = None) -> Cursor | Value:
        connection.happen("read_sql")
        return Cursor(connection) if chunksize else Value(world, "frame")

    return {
        "pandas": types.SimpleNamespace(read_sql=read_sql),
        "logging": types.SimpleNamespace(info=lambda *_: None, exception=lambda *_: None),
    }


class _App:
    """A module that the project does not hold; of its functions only `find` may give None."""

    def __init__(self, world: World) -> None:
        self.__world = world

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "pause":
            return lambda: Pending(self.__world, name)
        if name == "guard":
            return self.__guard
        return self.__world.function(name, nullable=name == "find")

    def __guard(self) -> Guard:
        self.__world.happen("guard")
        return Guard(self.__world)
