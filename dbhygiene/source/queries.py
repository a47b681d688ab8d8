"""`query`: a memoised function of a file. Its results are dropped when a file of the project is replaced."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from dbhygiene.source.file import File

About = ParamSpec("About")
Answer = TypeVar("Answer")

_UNASKED: Final = object()


def query(ask: Callable[Concatenate[File, About], Answer]) -> Callable[Concatenate[File, About], Answer]:
    """Compute this function of a file, and of a name or a node, once for the same arguments."""

    @wraps(ask)
    def remembered(file: File, /, *about: About.args, **named: About.kwargs) -> Answer:
        known, key = file.query_results[ask], (about, *named.items()) if named else about
        if (answer := known.get(key, _UNASKED)) is _UNASKED:
            answer = known[key] = ask(file, *about, **named)
        return answer  # type: ignore[no-any-return]

    return remembered
