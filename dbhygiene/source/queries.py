"""`query`: a memoised function of a file, or of a definition in one.

Its results are kept with the file, and are dropped when a file of the project is replaced: some are about its old text.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar


class Subject(Protocol):
    """The subject of a query: a `File`, or something in one."""

    @property
    def query_results(self) -> dict[Any, dict[Any, Any]]:
        """The results of the file: query -> key -> result."""

    @property
    def query_key(self) -> Hashable:
        """The key that distinguishes the subject from others in its file."""


SubjectT = TypeVar("SubjectT", bound=Subject)
About = ParamSpec("About")
Answer = TypeVar("Answer")

_MISSING: Final = object()


def query(ask: Callable[Concatenate[SubjectT, About], Answer]) -> Callable[Concatenate[SubjectT, About], Answer]:
    """Decorate a function so that it runs once for the same arguments. It must not depend on itself."""
    return _memoise(ask, _MISSING)


class _Decorator(Protocol):
    def __call__(
        self, ask: Callable[Concatenate[SubjectT, About], Answer], /
    ) -> Callable[Concatenate[SubjectT, About], Answer]: ...


def recursive_query(start: object) -> _Decorator:
    """Decorate a function so that it runs once for the same arguments; in a recursion, its result is `start`."""

    def decorate(
        ask: Callable[Concatenate[SubjectT, About], Answer],
    ) -> Callable[Concatenate[SubjectT, About], Answer]:
        return _memoise(ask, start)

    return decorate


def _memoise(
    ask: Callable[Concatenate[SubjectT, About], Answer], start: object
) -> Callable[Concatenate[SubjectT, About], Answer]:
    @wraps(ask)
    def answer_once(subject: SubjectT, /, *about: About.args, **named: About.kwargs) -> Answer:
        known = subject.query_results[ask]
        key = (subject.query_key, about, *named.items()) if named else (subject.query_key, about)
        if (answer := known.get(key, _MISSING)) is _MISSING:
            if start is not _MISSING:
                known[key] = start
            answer = known[key] = ask(subject, *about, **named)
        return answer  # type: ignore[no-any-return]

    return answer_once
