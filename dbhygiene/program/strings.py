r"""`string_method`: the result of a method or an operator of strings that are partly known.

"mysql://%s/shop" % host             # `percent`: Text("mysql://\0/shop"), where \0 is `HOLE`
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence

from dbhygiene.program.values import (
    ANY_TEXT,
    HOLE,
    UNKNOWN,
    Constant,
    Value,
    as_dict,
    choice_of,
    concatenate,
    patterns,
    text_value,
    until,
)
from dbhygiene.source.lazy_pattern import lazy_pattern

_PERCENT = lazy_pattern(r"%(?:\((?P<key>[^)]*)\))?[#0\- +]*(?:\d+|\*)?(?:\.\d+)?(?P<kind>[a-zA-Z%])")
_SAME = frozenset({"strip", "rstrip", "lstrip", "expandtabs", "encode", "decode", "casefold"})


def string_method(owner: Value, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """Return the result of a method of a string, `join` apart."""
    if name == "format":
        return _format(owner, arguments, keywords)
    if name == "replace":
        return _replace(owner, arguments)
    if name in _SAME:
        return owner
    if name in {"lower", "upper"}:
        return choice_of(text_value(getattr(pattern, name)()) for pattern in patterns(owner))
    return UNKNOWN


def percent(template: Value, values: Sequence[Value]) -> Value:
    """Return `template % values`."""
    keyed = as_dict(values[0]).items if len(values) == 1 else {}
    found = []
    for pattern in patterns(template):
        rest = iter(values)

        def fill(match: re.Match[str], rest: Iterator[Value] = rest) -> str:
            if match["kind"] == "%":
                return "%"
            known = keyed.get(match["key"], UNKNOWN) if match["key"] else next(rest, UNKNOWN)
            written = patterns(known)
            return written[0] if len(written) == 1 else HOLE

        found.append(text_value(_PERCENT.sub(fill, pattern)))
    return choice_of(found)


def _format(template: Value, positional: Sequence[Value], named: Mapping[str, Value]) -> Value:
    found: list[Value] = []
    for pattern in patterns(template):
        parts: list[Value] = []
        count = 0
        try:
            fields = list(string.Formatter().parse(pattern))
        except ValueError:
            return ANY_TEXT
        for literal, name, spec, conversion in fields:
            parts.append(Constant(literal))
            if name is None:
                continue
            if not name:
                name, count = str(count), count + 1
            known = named.get(name, UNKNOWN)
            if name.isdigit() and int(name) < len(positional):
                known = positional[int(name)]
            parts.append(ANY_TEXT if spec or conversion else known)
        found.append(concatenate(parts))
    return choice_of(found)


def _replace(template: Value, arguments: Sequence[Value]) -> Value:
    match arguments:
        case [Constant(value=str(old)), Constant(value=str(new)), *_] if old:
            return choice_of(text_value(pattern.replace(old, new)) for pattern in patterns(template))
        case [Constant(value=str(old)), *_] if old:
            return choice_of(text_value(pattern.replace(old, HOLE)) for pattern in patterns(template))
        case [old_value, *_]:
            starts = [pattern.partition(HOLE)[0] or HOLE for pattern in patterns(old_value)]
            return choice_of(text_value(until(pattern, starts)) for pattern in patterns(template))
    return ANY_TEXT


def join_text(between: str, parts: Sequence[Value]) -> Value:
    """Return `between.join(parts)`."""
    spaced = [each for part in parts for each in (Constant(between), part)]
    return concatenate(spaced[1:])
