"""The pen that small random programs are written with.

Names are bound before they are used; everything else that can go wrong with a connection may go wrong. Randomness
comes from a `random.Random`; Hypothesis can play one, and so shrink a program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple, TypeAlias

Names: TypeAlias = "dict[str, str]"  # what is bound: "conn", "maybe" (or None), "cursor", "stack", "list", "flag"
Step = Callable[["Writer"], None]

CONNECTIONS = ("conn", "a", "b")
DRIVERS = ("mariadb", "psycopg2", "sqlite3", "psycopg")


class Feature(NamedTuple):
    """A kind of statement: how common it is, where it can stand, and whether it holds no others."""

    weight: float
    step: Step
    when: Callable[[Writer], bool]
    is_simple: bool
    later: bool  # of what is read or used later: for fixes only


FEATURES: dict[str, Feature] = {}


def feature(
    weight: float,
    when: Callable[[Writer], bool] = lambda w: True,
    *,
    compound: bool = False,
    later: bool = False,
) -> Callable[[Step], Step]:
    """Make a kind of statement known."""

    def register(step: Step) -> Step:
        FEATURES[step.__name__] = Feature(weight, step, when, not compound, later)
        return step

    return register


LEAVING: list[Callable[[Writer], list[str]]] = []  # what may be returned that needs a connection, or a session, later


def leaving(forms: Callable[[Writer], list[str]]) -> Callable[[Writer], list[str]]:
    """Make ways to return something known that is used later."""
    LEAVING.append(forms)
    return forms


class Writer:
    """Writes one function, statement by statement, and knows which names are bound where it stands."""

    def __init__(self, rng: Random, weights: dict[str, float], helpers: Iterable[tuple[str, str]] = ()) -> None:
        self.rng = rng
        self.weights = weights
        self.helpers = list(helpers)  # (kind, name)
        self.methods: list[tuple[str, str]] = []  # the same, of the class that this is a method of
        self.drivers = rng.sample(DRIVERS, rng.choice((1, 1, 2, 4)))
        self.lines: list[str] = []
        self.frames: list[Names] = [{}]
        self.depth = 0
        self.budget = 0
        self.loops = 0  # how many are around us
        self.handlers: list[str] = []  # the names of the exceptions that are being handled
        self.ended = False  # what comes next cannot be reached
        self.is_method = self.is_generator = False
        self.later = any(FEATURES[name].later for name in weights)
        self.captured = False  # whether an inner function holds on to a name
        self.is_sync = False  # whether an inner function connects, which cannot await

    # -- names

    def of(self, *kinds: str) -> list[str]:
        bound: Names = {}
        for frame in self.frames:
            bound.update(frame)
        return [name for name, kind in bound.items() if kind in kinds]

    def pick(self, *kinds: str) -> str:
        return self.rng.choice(self.of(*kinds))

    def has(self, *kinds: str) -> bool:
        return bool(self.of(*kinds))

    def bind(self, name: str, kind: str) -> str:
        for frame in self.frames[:-1]:
            if frame.get(name, kind) != kind:
                frame[name] = "maybe"
        self.frames[-1][name] = kind
        return name

    def new(self, kind: str = "conn") -> str:
        pools = {"conn": CONNECTIONS, "maybe": CONNECTIONS, "cursor": ("cur",), "stack": ("stack", "stack", "other")}
        pool = pools.get(kind, (kind,))
        if self.maybe(0.6):  # else a name is used once more
            pool = [name for name in pool if name not in self.of(kind, "conn")] or pool
        return self.bind(self.rng.choice(pool), kind)

    def fresh(self, name: str) -> str:
        """A name that is not used yet."""
        while any(re.search(rf"\b{name}\b", line) for line in self.lines):
            name += "_"
        return name

    def merge(self, *branches: Names | None) -> None:
        """After branches that meet again: what all of them bound is bound. None: a branch that does not get here."""
        names = merged(*branches)
        self.ended = names is None
        for name, kind in (names or {}).items():
            self.bind(name, kind)

    # -- lines

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def jump(self, text: str) -> None:
        self.line(text)
        self.ended = True

    def block(self, header: str, *steps: Step, names: Names | None = None, size: int | None = None) -> Names | None:
        """A header and its block: these steps, or else random ones. Gives what it bound, None if it ends in a jump."""
        self.line(header)
        self.depth += 1
        self.frames.append(dict(names or {}))
        start = len(self.lines)
        for step in steps:
            if not self.ended:
                step(self)
        if not steps or size:
            self.statements(size or self.rng.choice((1, 1, 2, 3)))
        if len(self.lines) == start:
            self.line("pass")
        self.depth -= 1
        bound = self.frames.pop()
        ended, self.ended = self.ended, False
        return None if ended else bound

    def statements(self, count: int) -> None:
        for _ in range(count):
            if self.ended:
                return
            self.statement()

    def statement(self) -> None:
        self.budget -= 1
        small = self.budget <= 0 or self.depth > 5
        fit = [
            name
            for name, each in FEATURES.items()
            if name in self.weights and (each.is_simple or not small) and each.when(self)
        ]
        if fit:
            FEATURES[self.rng.choices(fit, [self.weights[name] for name in fit])[0]].step(self)

    # -- expressions

    def maybe(self, probability: float = 0.5) -> bool:
        return self.rng.random() < probability

    def connect(self) -> str:
        owners = [name for kind, name in self.helpers if kind == "owner"]
        if owners and self.maybe(0.4):
            return f"{self.rng.choice(owners)}()"
        return f"{self.rng.choice(self.drivers)}.connect()"

    def test(self) -> str:
        tests = ["check()", "not check()"]
        if not self.loops:  # what stays the same in a loop is asked there only if it was asked before
            simple = ["p", "p", "q", "check()"]
            tests = [*simple, *simple, "not p", "p and q", "p or check()", 'mode == "a"', "not check()"]
        elif any(line.lstrip() == "if p:" for line in self.lines):
            tests += ["p", "not p"]
        for name in self.of("maybe"):
            tests += [name, f"{name} is None", f"{name} is not None", f"not {name}", f"{name} and p"]
        if self.has("flag"):
            tests += ["flag", "not flag"] * 2
        return self.rng.choice(tests)

    def error(self) -> str:
        return self.rng.choice(("ValueError", "ValueError", "KeyError", "Failure"))


def merged(*branches: Names | None) -> Names | None:
    """What is bound after any of these branches; None where none of them gets there."""
    live = [branch for branch in branches if branch is not None]
    if not live:
        return None
    kinds = {name: {branch[name] for branch in live} for name in live[0] if all(name in branch for branch in live)}
    return {name: each.pop() if len(each) == 1 else "maybe" for name, each in kinds.items()}
