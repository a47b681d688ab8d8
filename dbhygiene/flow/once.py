"""Questions to a file that are answered once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Final, TypeVar

from dbhygiene.source import File

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")

_UNASKED: Final = object()


def once(ask: Callable[[File, Key], Answer]) -> Callable[[File, Key], Answer]:
    """Ask this of a file and a name, or a node, only once; until a file of the project is replaced."""

    @wraps(ask)
    def remembered(file: File, key: Key) -> Answer:
        known = file.answers.setdefault(ask, {})
        if (answer := known.get(key, _UNASKED)) is _UNASKED:
            answer = known[key] = ask(file, key)
        return answer  # type: ignore[no-any-return]

    return remembered
