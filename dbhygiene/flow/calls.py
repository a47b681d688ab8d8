"""Where a name is defined, and facts about functions that depend on each other."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

from dbhygiene.flow.names import locate
from dbhygiene.flow.once import once
from dbhygiene.frozen import Record
from dbhygiene.source import FUNCTION, File, Scope

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Definable: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef"

MAX_REEXPORTS = 8
MAX_BASES = 16


class Definition(Record):
    """A function or class of the project: its file and node."""

    file: File
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    name: str  # qualified within its file

    @property
    def dotted(self) -> str:
        return f"{self.file.module}.{self.name}"

    @property
    def decorators(self) -> Iterator[str]:
        """The dotted names of the decorators that can be told; called ones by what is called."""
        for decorator in self.node.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if (name := self.file.resolve(target)) is not None:
                yield name


@once
def find(near: File, dotted: str) -> Definition | None:
    """The project's own function or class of this absolute name, through re-exports and base classes."""
    for _ in range(MAX_REEXPORTS):
        module = _module_of(dotted, near)
        if module is None:
            return None
        file, rest = module
        found = _within(file, rest)
        if not isinstance(found, str):
            return found
        if found == dotted:
            return None
        dotted, near = found, file  # imported there from elsewhere
    return None


def step(near: File, dotted: str) -> tuple[str | None, tuple[File, list[str]] | None]:
    """The module of the project that holds an absolute name, with the name there; before it, where that imports it."""
    place = _module_of(dotted, near)
    if place is None:
        return None, None
    found = _within(*place)
    return (found if isinstance(found, str) else None), place


def _module_of(dotted: str, near: File) -> tuple[File, list[str]] | None:
    """The project's file that holds a dotted name, else `near` where the name is below its own; and the name there."""
    own = f"{near.module}."
    return locate(near, dotted) or ((near, dotted[len(own) :].split(".")) if dotted.startswith(own) else None)


def _within(file: File, path: list[str]) -> Definition | str | None:
    """A definition in a file, or the absolute name under which to look for it elsewhere."""
    first, *rest = path
    if first not in file.scope.defined:
        meaning = file.meaning(first, file.scope)
        own = f"{file.module}.{first}"
        if meaning in (None, own, first):
            return None
        return ".".join([str(meaning), *rest])
    node: Definable = file.scope.defined[first]
    name = first
    while rest:
        if isinstance(node, FUNCTION):
            if rest[0] != "<locals>" or len(rest) < 2:
                return None
            inner = file.functions[node].defined.get(rest[1])
            if inner is None:
                return None
            node, name, rest = inner, f"{name}.<locals>.{rest[1]}", rest[2:]
            continue
        member, rest = rest[0], rest[1:]
        found = method(Definition(file, node, name), member)
        if found is None:
            return None
        if not rest:
            return found
        file, node, name = found.file, found.node, found.name
    return Definition(file, node, name)


def bases(cls: Definition) -> tuple[Definition, ...]:
    """The base classes of a class that the project defines, the nearest first; not the class itself."""
    known = cls.file.answers[bases]
    if cls.node not in known:
        known[cls.node] = tuple(_bases(cls))
    return known[cls.node]  # type: ignore[no-any-return]


def _bases(cls: Definition) -> Iterator[Definition]:
    assert isinstance(cls.node, ast.ClassDef)
    seen: set[ast.AST] = {cls.node}
    todo = [cls]
    while todo and len(seen) < MAX_BASES:
        each = todo.pop(0)
        for base in each.node.bases:  # type: ignore[union-attr]
            expr = base.value if isinstance(base, ast.Subscript) else base
            name = each.file.resolve(expr)
            found = find(each.file, name) if name else None
            if found and isinstance(found.node, ast.ClassDef) and found.node not in seen:
                seen.add(found.node)
                todo.append(found)
                yield found


def method(cls: Definition, name: str) -> Definition | None:
    """A class's own or inherited method, or a class within it."""
    return _own(cls, name) or next((found for each in bases(cls) if (found := _own(each, name))), None)


def _own(cls: Definition, name: str) -> Definition | None:
    scope = cls.file.classes.get(cls.name)
    if scope is None or name not in scope.defined:
        return None
    return Definition(cls.file, scope.defined[name], scope.inner_name(name))


def enclosing_class(file: File, scope: Scope) -> Definition | None:
    """The class around a scope, however deep within its methods."""
    here: Scope | None = scope
    while here is not None:
        if isinstance(here.node, ast.ClassDef):
            return Definition(file, here.node, here.name)
        here = here.parent
    return None


class _TooLongError(Exception):
    """A chain of questions is too long; this is what it has come to."""

    def __init__(self, end: Any) -> None:
        self.end = end


class Demand(Generic[Key, Value]):
    """Facts about things that depend on each other, computed when they are asked for.

    `compute` may ask for others, itself included: what is still under way answers with `start`, and is computed
    again until nothing changes. `start` must be the least that can be said, for this to end at the least fixed point.

    A chain of questions that is longer than `depth` ends with `start`. What is computed so depends on where the chain
    began; not where facts are to be `whole`: then the end of the chain is found first, and the chain is begun again.
    """

    def __init__(
        self, compute: Callable[[Key], Value], start: Value, rounds: int = 8, depth: int = 40, *, whole: bool = False
    ) -> None:
        self._compute, self._start, self._rounds, self._depth = compute, start, rounds, depth
        self._known: dict[Key, Value] = {}
        self._under_way: dict[Key, Value] = {}
        self._resting: dict[Key, tuple[Value, set[Key]]] = {}  # true as long as these assumptions stand
        self._leaned_on: list[set[Key]] = []  # for each under way: the others under way that it asked
        self._whole = whole
        self._ends: list[Key] = []  # of chains, each found before those that stand before it here

    def get(self, key: Key, deepest: Value | None = None) -> Value:
        """The fact; `deepest` where it would take too long a chain of others."""
        if key in self._known:
            return self._known[key]
        if key in self._under_way:
            self._lean({key})
            return self._under_way[key]
        if key in self._resting:
            value, assumed = self._resting[key]
            self._lean(assumed)
            return value
        if len(self._under_way) >= self._depth:
            if self._whole and key not in self._ends:
                raise _TooLongError(key)
            return self._start if deepest is None else deepest
        return self._settle(key) if self._under_way else self._found(key)

    def _found(self, key: Key) -> Value:
        """The fact that a chain begins with, once the ends of what is too long for one are known."""
        self._ends.append(key)
        try:
            while True:
                try:
                    value = self._settle(self._ends[-1])
                except _TooLongError as chain:
                    self._ends.append(chain.end)
                    continue
                if self._ends.pop() == key:
                    return value
        finally:
            self._ends.clear()

    def clear(self) -> None:
        """Forget what is known; nothing may be under way."""
        self._known.clear()
        self._resting.clear()

    def _lean(self, keys: set[Key]) -> None:
        for leaned in self._leaned_on:
            leaned |= keys

    def _settle(self, key: Key) -> Value:
        self._under_way[key] = value = self._start
        self._leaned_on.append(set())
        try:
            for _ in range(self._rounds):
                value = self._compute(key)
                if value == self._under_way[key] or key not in self._leaned_on[-1]:
                    break
                self._assume(key, value)
        finally:
            assumed = self._leaned_on.pop() - {key}
            self._forget(key)
            del self._under_way[key]
        if assumed := assumed & self._under_way.keys():
            self._resting[key] = value, assumed
        else:
            self._known[key] = value
        return value

    def _assume(self, key: Key, value: Value) -> None:
        self._under_way[key] = value
        self._forget(key)

    def _forget(self, key: Key) -> None:
        """Drop what was computed under an assumption that stands no longer."""
        self._resting = {k: (v, assumed) for k, (v, assumed) in self._resting.items() if key not in assumed}
