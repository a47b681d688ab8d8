"""`own_nodes`: the nodes of one function, without those of the functions and classes within it.

def load():
    rows = fetch()                       # the call of `fetch` is among the nodes of `load`
    return lambda: save(rows)            # the lambda is, too; but not the call of `save`
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache

from dbhygiene.source.nodes import FUNCTION, Code, Function, argument_values, children, walk

_BINDING = (
    *(ast.Name, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arg, ast.ExceptHandler, ast.alias),
    *(ast.MatchAs, ast.MatchStar, ast.MatchMapping),
)


def own_nodes(function: Code) -> tuple[ast.AST, ...]:
    """Return the nodes of a function, in the order of the source."""
    if isinstance(function, ast.Module):
        _ = function.body  # that of an edited file records who reads it
    return _own_nodes(function)


@lru_cache(maxsize=4096)
def _own_nodes(function: Code) -> tuple[ast.AST, ...]:
    return tuple(nodes_of(function.body))


def nodes_of(block: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes of statements, in the order of the source."""
    todo: list[ast.AST] = list(reversed([*block]))
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (*FUNCTION, ast.Lambda, ast.ClassDef)):
            todo += reversed(children(node))


def calls_in(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    """Yield the calls among nodes."""
    return (node for node in nodes if isinstance(node, ast.Call))


def return_expressions(function: Function) -> list[ast.expr]:
    """Return the values of the `return` statements of a function."""
    return [node.value for node in own_nodes(function) if isinstance(node, ast.Return) and node.value is not None]


@lru_cache(maxsize=4096)
def called_names(function: Function) -> frozenset[str]:
    """Return the bare names that a function calls or passes on: a parameter among them may stand for code."""
    calls = [*calls_in(own_nodes(function))]
    named = [part for call in calls for part in (call.func, *argument_values(call))]
    return frozenset(part.id for part in named if isinstance(part, ast.Name))


@lru_cache(maxsize=4096)
def tests_of_names(function: Function) -> tuple[tuple[str, ast.expr], ...]:
    """Return the single tests of a function that are a bare name, or compare one, each with this name."""
    found = []
    for node in own_nodes(function):
        if isinstance(node, (ast.If, ast.IfExp, ast.While)):
            for test in single_tests(node.test):
                compared = test.left if isinstance(test, ast.Compare) and len(test.ops) == 1 else test
                if isinstance(compared, ast.Name):
                    found.append((compared.id, test))
    return tuple(found)


@lru_cache(maxsize=4096)
def bound_once(function: Function) -> frozenset[str]:
    """Return the names that a function binds in one place, and no function within it: as a parameter, or later."""
    found: Counter[str] = Counter()
    for part in walk(function):
        match part if isinstance(part, _BINDING) else None:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found[name] += 1
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] += 1
            case ast.arg(arg=name) | ast.MatchMapping(rest=str(name)):
                found[name] += 1
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found[name] += 1
            case ast.alias(name=name, asname=other):
                found[other or name.partition(".")[0]] += 1
    return frozenset(name for name, count in found.items() if count == 1)


def single_tests(test: ast.expr) -> Iterator[ast.expr]:
    """Yield the tests of which a condition is made with `and`, `or`, `not` and `bool()`."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield from single_tests(inner)
        case ast.Call(func=ast.Name(id="bool"), args=[inner], keywords=[]):
            yield from single_tests(inner)
        case ast.BoolOp(values=values):
            for each in values:
                yield from single_tests(each)
        case _:
            yield test


@lru_cache(maxsize=4096)
def attributes_used(function: Function) -> dict[str, frozenset[str]]:
    """Return variable -> the attributes of it that a function uses, or a function in it."""
    found: dict[str, set[str]] = {}
    for node in walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.setdefault(node.value.id, set()).add(node.attr)
    return {name: frozenset(attributes) for name, attributes in found.items()}


@lru_cache(maxsize=4096)
def is_generator(function: Function) -> bool:
    """Whether a function yields."""
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(function))


def forget() -> None:
    """Forget all functions, so that those of files that are gone are freed."""
    for known in (_own_nodes, called_names, tests_of_names, bound_once, attributes_used, is_generator):
        known.cache_clear()
