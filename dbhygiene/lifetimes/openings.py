"""`openings`: the calls (each an `Opening`) that open a resource: its own, and those in functions that it calls.

def connect():
    return pymysql.connect(port=6032)    # the second opening of `conn`

conn = connect()                         # the first one
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial

from dbhygiene.lifetimes.effects import FunctionSummaries
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.program.definitions import Definition
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.records import Row


class Opening(Row):
    """A call that returns a resource, and its file."""

    file: File
    call: ast.Call


def openings(life: Lifetime) -> Iterator[Opening]:
    """Yield the call that returns a resource, and then those by which functions of the project open it."""
    return closure(Opening(life.file, life.birth), partial(_openings_behind, life.analysis.effects.summaries))


def _openings_behind(summaries: FunctionSummaries, opening: Opening) -> Iterator[Opening]:
    """Yield the calls that open what a function of the project returns."""
    for function in definitions_of(summaries, opening):
        if isinstance(function.node, FUNCTION):
            inner = summaries.effects(function.file, function.node)
            calls = (node for node in function.file.own(function.node) if isinstance(node, ast.Call))
            yield from (Opening(function.file, call) for call in calls if inner.acquires(call))


def definitions_of(summaries: FunctionSummaries, opening: Opening) -> Sequence[Definition]:
    """Return the functions and classes of the project that a call may run."""
    file, call = opening
    return summaries.effects(file, function_around(file, call) or file.tree).of(call).definitions
