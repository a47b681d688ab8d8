"""`query` and `Memo`: a memoised function of a file, or of a definition in one.

Its results are kept with the file, each with its inputs: the files and the searches through the project that it depends
on. A set of inputs is an integer, of which each input is a bit; see `source.inputs`. When a file of an open project
changes, `drop_dependent` drops the results that depend on it; when one is replaced by a fix, all are dropped.
A query that depends on itself, directly or by others, is computed to a fixed point: in the first round its result is
taken to be `start`, in each further round that of the round before. What other queries make of such a provisional
result is dropped with it. So a result does not depend on which query was asked first. A chain of queries may be of any
length: before Python's stack is full, those that have begun are dropped, and the end of the chain is computed first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial, reduce, wraps
from operator import or_
from typing import Any, Concatenate, Final, Generic, NamedTuple, ParamSpec, Protocol, TypeVar


class Subject(Protocol):
    """The subject of a query: a `File`, or something in one."""

    @property
    def query_results(self) -> dict[Any, dict[Any, Any]]:
        """The results of the file: query -> key -> result."""

    @property
    def query_key(self) -> Hashable:
        """The key that distinguishes the subject from others in its file."""

    @property
    def query_input(self) -> int:
        """The input that the subject is itself."""


SubjectT = TypeVar("SubjectT", bound=Subject)
About = ParamSpec("About")
Answer = TypeVar("Answer")
OwnerT = TypeVar("OwnerT")
KeyT = TypeVar("KeyT")

_MISSING: Final = object()


def query(ask: Callable[Concatenate[SubjectT, About], Answer]) -> Callable[Concatenate[SubjectT, About], Answer]:
    """Decorate a function so that it runs once for the same arguments. It must not depend on itself."""
    return _memoise(ask, _MISSING)


def apart(ask: Callable[Concatenate[SubjectT, About], Answer]) -> Callable[Concatenate[SubjectT, About], Answer]:
    """Decorate a function: what asks for its result does not depend on what the result is made of."""

    @wraps(ask)
    def make(subject: SubjectT, /, *about: About.args, **named: About.kwargs) -> Answer:
        return with_inputs(partial(ask, subject, *about, **named), apart=True)[0]

    return make


def tables(ask: Callable[Concatenate[SubjectT, About], Answer]) -> Callable[Concatenate[SubjectT, About], Answer]:
    """Decorate a query that makes tables of one file: each of them records which entry is read (`File.table`)."""
    return query(apart(ask))


def query_of_run(
    ask: Callable[Concatenate[SubjectT, About], Answer],
) -> Callable[Concatenate[SubjectT, About], Answer]:
    """Decorate a query whose result any change drops: it keeps results itself, or is about an object that does."""
    _of_run.append(ask)
    return query(ask)


_of_run: Final[list[Callable[..., Any]]] = []
_MOST_ROUNDS: Final = 20  # until a result must be stable; one that is not is unknown
_DEEPEST: Final = 40  # queries within each other, on Python's stack


class _Provisional(NamedTuple):
    """A result that holds only in this round of the evaluation at a level of the stack."""

    result: Any
    level: int


class _Evaluation:
    """A query that is being computed.

    `level`: its place on the stack. `depth`: how many queries are between it and the outermost that may depend on
    itself, if there is one. `depends_on`: the lowest level whose provisional result it has used.
    `is_recursive`: whether its own provisional result was used. `dependents`: results that hold as long as its own.
    `inputs`: those that it has consulted so far.
    """

    __slots__ = ("dependents", "depends_on", "depth", "inputs", "is_recursive", "level")

    def __init__(self, level: int, inputs: int = 0, depth: int = 0) -> None:
        self.level = self.depends_on = level
        self.inputs, self.depth = inputs, depth
        self.is_recursive = False
        self.dependents: dict[_Place, _Known] = {}


_Known = dict[Any, Any]  # the results of one query in one file, each with its inputs, by key
_Place = tuple[int, Hashable]  # the identity of those results, and a key
_stack: list[_Evaluation] = [_Evaluation(0)]  # the first is no query: it is the code that asks
_provisional: dict[_Place, _Provisional] = {}


class _TooDeepError(BaseException):
    """Too many queries are being computed within each other; this is the next one."""

    def __init__(self, place: _Place, evaluate: Callable[[], object]) -> None:
        self.place, self.evaluate = place, evaluate


class _Decorator(Protocol):
    def __call__(
        self, ask: Callable[Concatenate[SubjectT, About], Answer], /
    ) -> Callable[Concatenate[SubjectT, About], Answer]: ...


def recursive_query(start: object, *, of_run: bool = False) -> _Decorator:
    """Decorate a function so that it runs once for the same arguments; it may depend on itself.

    Arguments:
        start: the result of the first round, and of a recursion that finds no stable result.
        of_run: any change drops the results, see `query_of_run`.
    """

    def decorate(
        ask: Callable[Concatenate[SubjectT, About], Answer],
    ) -> Callable[Concatenate[SubjectT, About], Answer]:
        if of_run:
            _of_run.append(ask)
        return _memoise(ask, start)

    return decorate


def _memoise(
    ask: Callable[Concatenate[SubjectT, About], Answer], start: object
) -> Callable[Concatenate[SubjectT, About], Answer]:
    @wraps(ask)
    def answer_once(subject: SubjectT, /, *about: About.args, **named: About.kwargs) -> Answer:
        known = subject.query_results[ask]
        key = (subject.query_key, about, *named.items()) if named else (subject.query_key, about)
        if (found := known.get(key)) is None:
            evaluate = _evaluate if start is _MISSING or _stack[-1].depth else _evaluate_chain
            return evaluate(known, key, start, subject.query_input, partial(ask, subject, *about, **named))  # type: ignore[return-value]
        _stack[-1].inputs |= found[1]
        return found[0]  # type: ignore[no-any-return]

    return answer_once


_deepest = _DEEPEST  # more while a cycle is computed that is longer
_cut: set[_Place] = set()  # where cycles that are too long for the stack are cut


def _evaluate_chain(known: _Known, key: Hashable, start: object, own: int, ask: Callable[[], object]) -> object:
    """Evaluate a query; the end of a chain that is too long for Python's stack is evaluated before it.

    A cycle has no end: it is evaluated with more of the stack. If even all of it is too little, the cycle is cut: where
    it closes, `start` stands for the result, as if it were not stable.
    """
    global _deepest
    closing: _Place | None = None
    is_too_long = False
    chain: dict[_Place, Callable[[], object]] = {(id(known), key): partial(_evaluate, known, key, start, own, ask)}
    try:
        while True:
            place, evaluate = next(reversed(chain.items()))
            try:
                result = evaluate()
            except _TooDeepError as deep:
                if deep.place not in chain:
                    chain[deep.place] = deep.evaluate
                elif is_too_long:
                    _cut.add(deep.place)
                else:
                    closing, _deepest = deep.place, 2 * _deepest
            except RecursionError:
                if closing is None or is_too_long:
                    raise
                is_too_long, _deepest = True, _DEEPEST
                _cut.add(closing)
            else:
                del chain[place]
                if not chain:
                    return result
    finally:
        _deepest = _DEEPEST
        _cut.clear()


def _evaluate(known: _Known, key: Hashable, start: object, own: int, ask: Callable[[], object]) -> object:
    place = id(known), key
    if (assumed := _provisional.get(place)) is not None:
        _use(assumed.level)
        return assumed.result
    depth = _stack[-1].depth
    if depth >= _deepest:
        if place not in _cut:
            raise _TooDeepError(place, partial(_evaluate, known, key, start, own, ask))
        if start is not _MISSING:
            return start
    evaluation = _Evaluation(len(_stack), own, depth + 1 if depth or start is not _MISSING else 0)
    _stack.append(evaluation)
    try:
        result = ask() if start is _MISSING else _fixed_point(evaluation, place, start, ask)
    except BaseException:
        _drop(evaluation)
        raise
    finally:
        _stack.pop()
        _provisional.pop(place, None)
        _stack[-1].inputs |= evaluation.inputs
    if evaluation.depends_on == evaluation.level:
        known[key] = result, evaluation.inputs
        for (_, dependent), its_known in evaluation.dependents.items():
            its_known[dependent] = _provisional.pop((id(its_known), dependent)).result, evaluation.inputs
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


# -- inputs ---------------------------------------------------------------------------------------------------


def consult(inputs: int) -> None:
    """Record that the result being computed depends on these inputs."""
    _stack[-1].inputs |= inputs


def with_inputs(ask: Callable[[], Answer], *, apart: bool = False) -> tuple[Answer, int]:
    """Return an answer and its inputs; `apart`: the code that asks does not depend on them, but on the answer."""
    asking = _stack[-1]
    outer, asking.inputs = asking.inputs, 0
    try:
        answer = ask()
        return answer, asking.inputs
    finally:
        asking.inputs = outer if apart else asking.inputs | outer


class Memo(Generic[KeyT, Answer]):
    """Answers that an analysis keeps itself, by key, each with its inputs."""

    def __init__(self) -> None:
        self._known: dict[KeyT, tuple[Answer, int]] = {}

    def of(self, key: KeyT, ask: Callable[[], Answer]) -> Answer:
        """Return the known answer, or that of `ask`."""
        if (known := self._known.get(key)) is None:
            known = self._known[key] = with_inputs(ask)
        else:
            consult(known[1])
        return known[0]

    def values(self) -> Iterator[Answer]:
        """Yield all answers."""
        for answer, inputs in [*self._known.values()]:
            consult(inputs)
            yield answer

    def forget(self, key: KeyT) -> None:
        self._known.pop(key, None)

    def clear(self) -> None:
        self._known.clear()


def remembered(ask: Callable[[OwnerT], Answer]) -> property:
    """Decorate a method without arguments as a property that is computed once, with its inputs."""
    name = f"{ask.__name__} with inputs"  # no attribute has such a name

    def read(self: OwnerT) -> Answer:
        known = vars(self)
        if (found := known.get(name)) is None or found[2] != _changes:
            found = known[name] = *with_inputs(lambda: ask(self)), _changes
        else:
            consult(found[1])
        return found[0]

    return property(read, doc=ask.__doc__)


# -- changes --------------------------------------------------------------------------------------------------

_changes = 0  # so many times inputs have changed


class Results(defaultdict[Any, _Known]):
    """The results of the queries about one file: query -> key -> result, with its inputs.

    Between two changes, results are only added. So the inputs of all results of a query are known as long as there are
    no more results than before.
    """

    def __init__(self) -> None:
        super().__init__(dict)
        self._inputs: dict[Any, tuple[_Known, int, int]] = {}  # by query: its results, how many, and all their inputs

    def inputs_of(self, ask: object, known: _Known) -> int:
        """Return all inputs of the results of a query."""
        counted = self._inputs.get(ask)
        if counted is None or counted[0] is not known or counted[1] != len(known):
            inputs = reduce(or_, (each for _, each in known.values()), 0)
            counted = self._inputs[ask] = known, len(known), inputs
        return counted[2]


def drop_dependent(results: Iterable[Results], changed: int) -> int:
    """Drop those of these results of queries that depend on changed inputs; return the inputs of the others."""
    global _changes
    _changes += 1  # `remembered` results are computed again
    left = 0
    for each in results:
        for ask in _of_run:
            each.pop(ask, None)
        for ask, known in each.items():
            if (all_inputs := each.inputs_of(ask, known)) & changed:
                for key in [key for key, (_, inputs) in known.items() if inputs & changed]:
                    del known[key]
                all_inputs = each.inputs_of(ask, known)
            left |= all_inputs
    return left
