r"""`Value`: the possible values of an expression. Constants, partly known strings, dicts, and choices of these.

url = f"mysql://{host}/shop"             # Text("mysql://\0/shop"), where \0 is `HOLE`
port = 3306 if host else 3307            # Choice((Constant(3306), Constant(3307)))

A value covers every run of the program: a name that is assigned several values is their `Choice`. `UNKNOWN` is
anything. `Called` is the result of a library's function, with its arguments. `evaluation` computes values.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from dbhygiene.source.file import File
from dbhygiene.source.records import Frozen, Record

HOLE = "\0"  # in a pattern: any text
_CHOICES = 8
_LONGEST = 2000  # characters of a pattern


class Unknown(Record):
    """Any value."""


class Constant(Record):
    """A known value: a string, a number, True, False, None."""

    value: Any


class Text(Record):
    """A string of which parts are known: `HOLE` stands for each of the others."""

    pattern: str

    @property
    def prefix(self) -> str:
        return self.pattern.partition(HOLE)[0]


class UnknownNumber(Record):
    """A number that is not known."""


class Named(Record):
    """A function, a class, or another object of a library, by its dotted name."""

    name: str


class Instance(Record):
    """An object of this class, by its constructor or its annotation."""

    name: str


class Dict(Frozen):
    """A dict that may have these items; others too, if it is `open`. `literal` is its source in `file`."""

    items: Mapping[str, Value] = {}
    open: bool = False
    file: File | None = None
    literal: ast.Dict | None = None


class Called(Frozen):
    """The result of a function outside of the project, by its dotted name, or by `.method` of the `receiver`."""

    name: str
    arguments: tuple[Value, ...] = ()
    keywords: Dict = Dict()
    receiver: Value | None = None
    file: File | None = None
    call: ast.Call | None = None


class Choice(Record):
    """One of several values."""

    options: tuple[Value, ...] = ()


Value: TypeAlias = "Unknown | Constant | Text | UnknownNumber | Named | Instance | Dict | Called | Choice"
UNKNOWN = Unknown()
NOTHING = Choice()  # the value of a variable in its own definition
ANY_TEXT = Text(HOLE)


def options(found: Value) -> Iterator[Value]:
    """Yield the single values that a value may be."""
    if isinstance(found, Choice):
        yield from found.options
    else:
        yield found


def choice_of(values: Iterable[Value]) -> Value:
    """Return the choice of several values; with UNKNOWN among them if there are too many to follow."""
    flat: list[Value] = []
    for one in values:
        flat += [option for option in options(one) if option not in flat]
    if len(flat) > _CHOICES:
        flat = [*flat[: _CHOICES - 1], UNKNOWN]
    return flat[0] if len(flat) == 1 else Choice(tuple(flat))


def as_dict(found: Value) -> Dict:
    """Return the dict that a value may be: with every item that it may have, open if it may be something else."""
    if isinstance(found, Dict):
        return found
    whole = Dict()
    for option in options(found):
        if isinstance(option, Dict):
            whole = merge_dicts(whole, option)
        elif not (isinstance(option, Constant) and not option.value):  # `options or {}`, `options = None`
            whole = Dict(whole.items, open=True)
    return whole


def least_number(found: Value | None) -> float:
    """Return the smallest number that a value may be; -1 if it may be something else, or is not known."""
    numbers = (
        [
            float(option.value) if isinstance(option, Constant) and type(option.value) in (int, float) else -1.0
            for option in options(found)
        ]
        if found is not None
        else []
    )
    return min(numbers, default=-1.0)


def patterns(found: Value) -> list[str]:
    """Return the strings of a value, each with `HOLE` for its unknown parts."""
    texts = []
    for option in options(found):
        match option:
            case Constant(value=bool() | str() | int() | float() as known):
                texts.append(str(known))
            case Text(pattern=pattern):
                texts.append(pattern)
            case _:
                texts.append(HOLE)
    return texts


def merge_dicts(first: Dict, second: Dict, literal: ast.Dict | None = None, file: File | None = None) -> Dict:
    """Return a dict with the items of both; where they differ, the value is either."""
    items = dict(first.items)
    for key, its_value in second.items.items():
        items[key] = choice_of([items[key], its_value]) if key in items else its_value
    kept = literal or first.literal or second.literal
    only = bool(literal) or not (first.literal and second.literal)
    owner = file or first.file or second.file
    return Dict(items, first.open or second.open, owner if only else None, kept if only else None)


def dict_with(key: Value, item: Value) -> Dict:
    """Return the dict that `d[key] = item` makes of an empty one."""
    keys = [option.value for option in options(key) if isinstance(option, Constant)]
    known = len(keys) == sum(1 for _ in options(key))
    return Dict({key: item for key in keys if isinstance(key, str)}, open=not known)


def look_up(container: Value, key: Value, default: Value) -> Value:
    """Return the possible values of `container[key]`, or the default."""
    known = as_dict(container)
    found: list[Value] = []
    for option in options(key):
        if isinstance(option, Constant) and option.value in known.items:
            found.append(known.items[option.value])
        else:
            found.append(UNKNOWN if known.open else default)
    return choice_of(found) if found else UNKNOWN


def text_value(pattern: str) -> Value:
    """Return the value of a pattern: a constant, if the pattern has no `HOLE`."""
    pattern = re.sub(f"{HOLE}+", HOLE, pattern[:_LONGEST] + (HOLE if len(pattern) > _LONGEST else ""))
    return Text(pattern) if HOLE in pattern else Constant(pattern)


def concatenate(parts: Iterable[Value]) -> Value:
    """Return the concatenation of the parts."""
    texts = [""]
    for part in parts:
        several = dict.fromkeys(patterns(part))
        if len(texts) * len(several) > (_CHOICES // 2 if any(texts) else _CHOICES):
            several = {HOLE: None}  # the first part matters most: it must not be dropped
        texts = [text + more for text in texts for more in several]
    return choice_of(text_value(text) for text in texts)


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}


def is_text(found: Value) -> bool:
    """Whether a value is a string that is fully known."""
    return isinstance(found, Constant) and isinstance(found.value, str)


def terms(expr: ast.BinOp) -> list[ast.expr]:
    """Return the terms of a sum, without recursion: a long sum is deeper than Python's own stack."""
    terms: list[ast.expr] = []
    left: ast.expr = expr
    while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):
        terms.append(left.right)
        left = left.left
    return [left, *reversed(terms)]


def calculate(kind: type[ast.operator], left: Value, right: Value) -> Value:
    """Return the possible results of an arithmetic operation."""
    function = _ARITHMETIC.get(kind)
    found: list[Value] = []
    for one in options(left):
        for other in options(right):
            match one, other:
                case Constant(value=int() | float() as a), Constant(value=int() | float() as b) if function:
                    try:
                        found.append(Constant(function(a, b)))
                    except (ArithmeticError, ValueError):
                        found.append(UNKNOWN)
                case (
                    Constant(value=int() | float()) | UnknownNumber(),
                    Constant(value=int() | float()) | UnknownNumber(),
                ):
                    found.append(UnknownNumber())
                case _:
                    found.append(UNKNOWN)
    return choice_of(found)


def negative(found: Value) -> Value:
    """Return the value with the opposite sign."""
    match found:
        case Constant(value=int() | float() as number):
            return Constant(-number)
    return UnknownNumber() if isinstance(found, UnknownNumber) else UNKNOWN


def number(found: Value, kind: str) -> Value:
    """Return the result of `int(...)` or `float(...)`; `kind` is the name of the function."""
    if isinstance(found, Constant):
        try:
            return Constant(int(found.value) if kind == "int" else float(found.value))
        except (TypeError, ValueError):
            return UnknownNumber()
    return UnknownNumber()


def until(pattern: str, starts: list[str]) -> str:
    """Return the part of a pattern before the first of these beginnings."""
    cut = min((index for start in starts if (index := pattern.find(start) if start != HOLE else 0) >= 0), default=-1)
    return pattern if cut < 0 else pattern[:cut] + HOLE
