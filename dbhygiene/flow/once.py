"""Questions to a file that are answered once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from dbhygiene.source import File

About = ParamSpec("About")
Answer = TypeVar("Answer")

_UNASKED: Final = object()


def once(ask: Callable[Concatenate[File, About], Answer]) -> Callable[Concatenate[File, About], Answer]:
    """Ask this of a file, about a name or a node, only once; until a file of the project is replaced."""

    @wraps(ask)
    def remembered(file: File, /, *about: About.args, **named: About.kwargs) -> Answer:
        known, key = file.answers[ask], (about, *named.items()) if named else about
        if (answer := known.get(key, _UNASKED)) is _UNASKED:
            answer = known[key] = ask(file, *about, **named)
        return answer  # type: ignore[no-any-return]

    return remembered
