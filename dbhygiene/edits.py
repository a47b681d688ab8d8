"""What a fix may do, as data; `fixes.editor` is the only place that knows how.

An edit names its targets by their `Span` in the text that was checked. Code in an edit may name what it needs by
its full dotted name in braces, `{contextlib.closing}(...)`: the editor writes the name as the file already spells
it, and imports it where the file does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dbhygiene.source import Span


@dataclass(frozen=True)
class AddKeyword:
    """`f(a)` -> `f(a, name=value)`."""

    call: Span
    name: str
    value: str


@dataclass(frozen=True)
class SetKeyword:
    """`f(a, name=old)` -> `f(a, name=value)`."""

    call: Span
    name: str
    value: str


@dataclass(frozen=True)
class AddItem:
    """`{k: v}` -> `{k: v, key: value}`; `key` and `value` are code."""

    dict: Span
    key: str
    value: str


@dataclass(frozen=True)
class Replace:
    """An expression, by another."""

    expression: Span
    code: str


@dataclass(frozen=True)
class InsertBefore:
    """Statements, on lines of their own, before a statement."""

    statement: Span
    code: str


@dataclass(frozen=True)
class InsertAfter:
    """Statements, on lines of their own, after a statement."""

    statement: Span
    code: str


@dataclass(frozen=True)
class InsertFirst:
    """Statements, first in the body of a loop, a function or a `with`; after its docstring."""

    owner: Span
    code: str


@dataclass(frozen=True)
class Remove:
    """A simple statement, alone on its line; its comments stay. An emptied block gets a `pass`."""

    statement: Span


@dataclass(frozen=True)
class MoveIntoWith:
    """`assign; ...; last` -> `with items: ...; last`, for statements of one block.

    `assign` is replaced by the `with`; `items` is code, such as `{contextlib.closing}(connect()) as conn`, in which
    `$value` stands for the assigned expression as it is written. `is_async` makes it `async with`.
    """

    assign: Span
    last: Span
    items: str
    is_async: bool = False


@dataclass(frozen=True)
class WrapInTry:
    """`first; ...; last` -> `try: first; ...; last` and a clause, for statements of one block.

    `clause` is `finally` or `except BaseException`; `code` is its body.
    """

    first: Span
    last: Span
    clause: str
    code: str


Edit: TypeAlias = (
    "AddKeyword | SetKeyword | AddItem | Replace | InsertBefore | InsertAfter | InsertFirst | Remove"
    " | MoveIntoWith | WrapInTry"
)
