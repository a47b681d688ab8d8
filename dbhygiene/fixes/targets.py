"""`EditError`: why an edit cannot be carried out; the places that edits name, and the order of imported names."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from dbhygiene.diagnostics.edits import Edit, MoveIntoWith, WrapInTry
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import Span

# Comments that are directives of a tool about their line: they are removed with it.
PRAGMA = lazy_pattern(r"#\s*(noqa|type:\s*ignore|pylint:|pragma:|nosec|pyright:|dbhygiene:|fmt:|isort:|ruff:)", re.I)
NameOrder: TypeAlias = Callable[[str], object]


class EditError(Exception):
    """Why an edit cannot be carried out, in words that end the sentence "not fixed: ..."."""


def target_spans(edit: Edit) -> tuple[Span, ...]:
    """Return the spans that an edit names."""
    match edit:
        case MoveIntoWith(assign, last):
            return assign, last
        case WrapInTry(first, last, moved=moved):
            return first, last, *moved
    return (edit[0],)


def by_kind(name: str) -> tuple[int, str, str]:
    """Return the key of isort's default order: constants, classes, variables."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name.lower(), name)


_ORDERS: tuple[NameOrder, ...] = (by_kind, str.lower, str)


def insertion_index(names: Sequence[str], new: str, preferred: Sequence[NameOrder] = ()) -> int:
    """Return the index of a name among others, in their order; the end if they are unordered."""
    for order in (*preferred, *_ORDERS):
        keys = [order(name) for name in names]
        if keys == sorted(keys):  # type: ignore[type-var]
            return sum(key <= order(new) for key in keys)  # type: ignore[operator]
    return len(names)


def name_orders(tree: ast.Module) -> list[NameOrder]:
    """Return the sort orders of the names of all imports in the body of a module."""
    lines = (node.names for node in tree.body if isinstance(node, ast.ImportFrom))
    return common_orders([alias.name for alias in names] for names in lines if names[0].name != "*")


def common_orders(rows: Iterable[Sequence[str]]) -> list[NameOrder]:
    """Return the orders by which each of these rows of names is sorted."""
    rows = list(rows)
    return [order for order in _ORDERS if all(row == sorted(row, key=order) for row in rows)]  # type: ignore[arg-type]
