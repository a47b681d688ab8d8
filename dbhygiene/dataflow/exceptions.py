"""`Thrown`: an exception in flight; `match_handler` says whether a handler catches it.

match_handler(Thrown("KeyError", exact=True), "LookupError", bases)   # Catches.YES
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache
from typing import NamedTuple


class Thrown(NamedTuple):
    """An exception that is not caught yet: of exactly this class, or of any class derived from it but for `never`."""

    name: str
    exact: bool = True
    never: tuple[str, ...] = ()  # what it has passed the handlers of
    caught_by: frozenset[str] = frozenset()  # classes of which it surely is, whatever else

    def excluding(self, names: Iterable[str | None]) -> Thrown:
        """Return the same exception after handlers for these classes have not caught it."""
        if self.exact:
            return self
        return self._replace(never=tuple(sorted({*self.never, *(name for name in names if name)})))


class Swallow(NamedTuple):
    """The exceptions that leaving a `with` swallows: those of a class."""

    name: str | None  # dotted; None is a class that is not known
    surely: bool = True  # False: something else than the class of the exception decides, too
    exact: bool = False  # those of a derived class pass


class ItemErrors(NamedTuple):
    """The exceptions of the items of an iterable, and when they are raised: for the first item, for a later one."""

    thrown: tuple[Thrown, ...] = ()
    at_first: bool = False
    later: bool = False


ORDINARY = Thrown("Exception", exact=False)  # what an unknown call may raise
GENERATOR_EXIT = Thrown("GeneratorExit")  # what a generator that is never resumed sees at its `yield`
CANCELLED = Thrown("asyncio.CancelledError")
SYSTEM_EXIT = Thrown("SystemExit")
ASSERTION = Thrown("AssertionError")
_CANCELLED = frozenset({"asyncio.CancelledError", "asyncio.exceptions.CancelledError"})

Bases = Callable[[str], "tuple[str, ...] | None"]  # the bases of a class of the project, None where it is not known


class Catches(Enum):
    ALWAYS = "always"
    MAYBE = "maybe"
    NEVER = "never"


@cache
def _builtin_ancestors(name: str) -> frozenset[str] | None:
    if name in _CANCELLED:
        return _CANCELLED | {"BaseException"}
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, BaseException):
        aliases = {"IOError", "EnvironmentError"} if kind is OSError else set()
        return frozenset({c.__name__ for c in kind.__mro__} | aliases) - {"object"}
    return None


def ancestors(name: str, bases: Bases) -> tuple[frozenset[str], bool]:
    """Return the classes that an exception class derives from, itself included, and whether these are all."""
    found: set[str] = set()
    todo, complete = [name], True
    while todo:
        each = todo.pop()
        if each in found:
            continue
        found.add(each)
        if (known := _builtin_ancestors(each)) is not None:
            found |= known
        elif (above := bases(each)) is not None:
            todo += above
        else:
            complete = False
    if not complete:
        found |= {"Exception", "BaseException"}  # what a library raises is an ordinary exception
    return frozenset(found), complete


def match_handler(thrown: Thrown, by: str | None, bases: Bases) -> Catches:
    """Whether `except by` catches an exception; `by` is a dotted name, None if it is unknown."""
    if by == "BaseException":
        return Catches.ALWAYS
    above, complete = ancestors(thrown.name, bases)
    if by is not None and (by in above or by in thrown.caught_by):
        return Catches.ALWAYS
    if by is None:
        return Catches.MAYBE if "Exception" in above else Catches.NEVER
    if thrown.exact and complete:
        return Catches.NEVER
    handler_above, _ = ancestors(by, bases)
    if not handler_above.isdisjoint(thrown.never):
        return Catches.NEVER
    if "Exception" not in handler_above:
        return Catches.NEVER  # GeneratorExit and its like: no ordinary exception is one of them
    if thrown.exact or thrown.name in handler_above:
        return Catches.MAYBE
    return Catches.NEVER


def match_swallow(thrown: Thrown, by: Swallow, bases: Bases) -> Catches:
    """Whether leaving a `with` swallows an exception."""
    verdict = match_handler(thrown, by.name, bases)
    is_sure = by.surely and (not by.exact or thrown[:2] == (by.name, True))
    return Catches.MAYBE if verdict is Catches.ALWAYS and not is_sure else verdict


def exception_types(type_: ast.expr | None) -> list[ast.expr | None]:
    """Return the classes that an `except` clause lists; None stands for any."""
    return list(type_.elts) if isinstance(type_, ast.Tuple) else [type_]
