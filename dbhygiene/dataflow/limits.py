"""`give_up`: name code that is too large or too entangled: its resources escape, and `--verbose` prints its name."""

from __future__ import annotations

import ast
from collections.abc import Callable

from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION

TOO_LARGE = "it is too large"
TOO_MUCH = "it has too many combinations of states"
UNSETTLED = "it is part of a recursion whose analysis does not converge"
TOO_FAR = "a value in it takes too many steps to evaluate"

_listeners: list[Callable[[str], None]] = []  # of this process, and of those that it forks
_named: set[str] = set()


def listen(report: Callable[[str], None] | None) -> None:
    """Call this, and no other, with the name of each function that is given up from now on, and the reason."""
    _listeners[:] = [report] if report is not None else []
    _named.clear()


def give_up(file: File, code: ast.AST, why: str) -> None:
    """Name a function, or the one around a piece of code, that is not followed."""
    if not _listeners:
        return
    function = code if isinstance(code, FUNCTION) else function_around(file, code)
    scope = file.functions.get(function) if function is not None else None
    words = f"{file.path}: not analysed: `{scope.name if scope else file.module}`: {why}"
    if words not in _named:
        _named.add(words)
        for listener in _listeners:
            listener(words)
