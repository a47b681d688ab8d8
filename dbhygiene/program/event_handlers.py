"""`event_registration`: where a library is given a function that it calls at each event.

client.on_message = store            # with paho-mqtt: this assignment registers `store`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.event_callbacks import ATTRIBUTES, DECORATED, DECORATORS, PACKAGES, REGISTERS, WRITTEN
from dbhygiene.program.arguments import argument
from dbhygiene.program.classes import class_named, foreign_bases
from dbhygiene.program.names import canonical_name
from dbhygiene.source.file import File, is_mentioned
from dbhygiene.source.nodes import Located, last_name, without_arguments


def event_registration(file: File, mention: ast.expr) -> Located | None:
    """Return the call, or the assigned attribute, that registers a function at a mention of it."""
    above = file.parents.get(mention)
    call = file.parents.get(above) if isinstance(above, ast.keyword) else above
    match call:
        case ast.Assign(targets=[target], value=value) if value is mention and is_event_attribute(file, target):
            return target
        case ast.Call() if call.func is not mention and mention in event_arguments(file, call):
            return call
    return None


def event_arguments(file: File, call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call that are functions which a library calls at each event."""
    word = last_name(call.func)
    if word not in WRITTEN or not any(is_mentioned(file, package) for package in PACKAGES[word]):
        return []
    known = [argument(call, *REGISTERS[name]) for name in _names(file, call.func) if name in REGISTERS]
    return [given for given in known if given is not None]


def is_event_attribute(file: File, target: ast.expr) -> bool:
    """Whether a library calls the function that is stored in an attribute: `client.on_message = store`."""
    return (
        isinstance(target, ast.Attribute) and target.attr in WRITTEN and not ATTRIBUTES.isdisjoint(_names(file, target))
    )


def is_event_decorator(file: File, decorator: ast.expr) -> bool:
    """Whether a decorator makes a library call the function at each event: `@bot.command()`."""
    called = without_arguments(decorator)
    return last_name(called) in DECORATED and not DECORATORS.isdisjoint(_names(file, called))


def _names(file: File, expr: ast.expr) -> Iterator[str]:
    """Yield the dotted names that an expression may have: by import, and by the class of its owner."""
    if (resolved := file.resolve(expr)) is not None:
        yield canonical_name(file, resolved)
    if isinstance(expr, ast.Attribute):
        from dbhygiene.program.types import ObjectInstance, TypeInference

        match TypeInference.of(file).type_of(expr.value):
            case ObjectInstance(name=name, others=others):
                for each in (name, *others):
                    own = class_named(file, each)
                    yield from (f"{base}.{expr.attr}" for base in (each, *(foreign_bases(own) if own else ())))
            case None:
                yield from (f"{owner}.{expr.attr}" for owner in _names(file, expr.value))
