"""`query`: a memoised function of a file, or of a definition in one.

Its results are kept with the file, and are dropped when a file of the project is replaced: some are about its old text.

A query that depends on itself, directly or by others, is computed to a fixed point: in the first round its result is
taken to be `start`, in each further round that of the round before. What other queries make of such a provisional
result is dropped with it. So a result does not depend on which query was asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial, wraps
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeVar


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


_MOST_ROUNDS: Final = 20  # until a result must be stable; one that is not is unknown


class _Provisional(NamedTuple):
    """A result that holds only in this round of the evaluation at a level of the stack."""

    result: Any
    level: int


class _Evaluation:
    """A query that is being computed.

    `level`: its place on the stack. `depends_on`: the lowest level whose provisional result it has used.
    `is_recursive`: whether its own provisional result was used. `dependents`: results that hold as long as its own.
    """

    __slots__ = ("dependents", "depends_on", "is_recursive", "level")

    def __init__(self, level: int) -> None:
        self.level = self.depends_on = level
        self.is_recursive = False
        self.dependents: dict[_Place, _Known] = {}


_Known = dict[Any, Any]  # the results of one query in one file, by key
_Place = tuple[int, Hashable]  # the identity of those results, and a key
_stack: list[_Evaluation] = []
_provisional: dict[_Place, _Provisional] = {}


class _Decorator(Protocol):
    def __call__(
        self, ask: Callable[Concatenate[SubjectT, About], Answer], /
    ) -> Callable[Concatenate[SubjectT, About], Answer]: ...


def recursive_query(start: object) -> _Decorator:
    """Decorate a function so that it runs once for the same arguments; it may depend on itself.

    Arguments:
        start: the result of the first round, and of a recursion that finds no stable result.
    """

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
            answer = _evaluate(known, key, start, partial(ask, subject, *about, **named))
        return answer  # type: ignore[no-any-return]

    return answer_once


def _evaluate(known: _Known, key: Hashable, start: object, ask: Callable[[], object]) -> object:
    place = id(known), key
    if (assumed := _provisional.get(place)) is not None:
        _use(assumed.level)
        return assumed.result
    evaluation = _Evaluation(len(_stack))
    _stack.append(evaluation)
    try:
        result = ask() if start is _MISSING else _fixed_point(evaluation, place, start, ask)
    except BaseException:
        _drop(evaluation)
        raise
    finally:
        _stack.pop()
        _provisional.pop(place, None)
    if evaluation.depends_on == evaluation.level:
        known[key] = result
        for (_, dependent), its_known in evaluation.dependents.items():
            its_known[dependent] = _provisional.pop((id(its_known), dependent)).result
    else:
        _provisional[place] = _Provisional(result, evaluation.depends_on)
        _keep_until_stable(evaluation.depends_on, {place: known, **evaluation.dependents})
    return result


def _fixed_point(evaluation: _Evaluation, place: _Place, start: object, ask: Callable[[], object]) -> object:
    result = start
    for _ in range(_MOST_ROUNDS):
        _provisional[place] = _Provisional(result, evaluation.level)
        before, result = result, ask()
        if not evaluation.is_recursive or result == before:
            return result
        _drop(evaluation)
    return start


def _use(level: int) -> None:
    """Record that the evaluation on top of the stack has used the provisional result at a level."""
    _stack[level].is_recursive = True
    _stack[-1].depends_on = min(_stack[-1].depends_on, level)


def _drop(evaluation: _Evaluation) -> None:
    for place in evaluation.dependents:
        del _provisional[place]
    evaluation.dependents.clear()


def _keep_until_stable(level: int, places: dict[_Place, _Known]) -> None:
    """Keep provisional results until the evaluation at a level is stable, which they depend on."""
    for place in places:
        _provisional[place] = _provisional[place]._replace(level=level)
    _stack[level].dependents.update(places)
    _use(level)
