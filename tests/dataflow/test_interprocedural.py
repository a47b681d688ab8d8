"""Summaries that depend on each other are the same whichever is asked for first, and none takes for ever."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest

from dbhygiene.dataflow.interprocedural import Interprocedural

Graph = Mapping[int, Sequence[int]]


def reachable(calls: Graph, solved: Counter[int] | None = None) -> Interprocedural[int, frozenset[int]]:
    """What each of these numbers leads to."""

    def solve(number: int) -> frozenset[int]:
        if solved is not None:
            solved[number] += 1
        return frozenset(calls[number]).union(*(analysis.of(other) for other in calls[number]))

    analysis: Interprocedural[int, frozenset[int]] = Interprocedural(
        solve, lambda _: frozenset(), lambda _: frozenset()
    )
    return analysis


def closure(calls: Graph) -> dict[int, frozenset[int]]:
    """The same, in the simplest way."""
    found = {number: frozenset(below) for number, below in calls.items()}
    while True:
        more = {number: below.union(*(found[other] for other in below)) for number, below in found.items()}
        if more == found:
            return found
        found = more


def random_calls(seed: int, count: int = 40) -> dict[int, list[int]]:
    dice = random.Random(seed)
    return {number: dice.sample(range(count), dice.choice([0, 1, 1, 2, 3])) for number in range(count)}


@pytest.mark.parametrize("seed", range(60))
def test_whichever_is_asked_for_first_the_summaries_are_the_least_fixed_point(seed: int) -> None:
    calls = random_calls(seed)
    expected = closure(calls)
    analysis = reachable(calls)
    order = random.Random(-seed).sample(sorted(calls), len(calls))
    assert {number: analysis.of(number) for number in order} == expected


@pytest.mark.parametrize("seed", range(60))
def test_what_is_called_may_depend_on_summaries(seed: int) -> None:
    """Each number calls its next one only once the one before has returned something."""
    calls = random_calls(seed)

    def solve(number: int) -> int:
        total = number % 3 == 0
        for other in calls[number]:
            total = max(total, analysis.of(other))
            if not total:
                break
        return total

    def made() -> Interprocedural[int, int]:
        return Interprocedural(solve, lambda _: 0, lambda _: 0)

    analysis = made()
    in_order = {number: analysis.of(number) for number in calls}
    analysis = made()
    assert {number: analysis.of(number) for number in reversed(list(calls))} == {
        number: in_order[number] for number in reversed(list(calls))
    }
    values = dict.fromkeys(calls, 0)
    for _ in calls:
        for number in calls:
            total = number % 3 == 0
            for other in calls[number]:
                total = max(total, values[other])
                if not total:
                    break
            values[number] = total
    assert in_order == values


def test_what_stands_alone_is_solved_once() -> None:
    solved: Counter[int] = Counter()
    analysis = reachable({0: [1, 2], 1: [3], 2: [3], 3: []}, solved)
    analysis.of(0)
    analysis.of(2)
    assert solved == {0: 1, 1: 1, 2: 1, 3: 1}


SHAPES: dict[str, Callable[[int], dict[int, list[int]]]] = {
    "chain": lambda n: {i: [i + 1] if i + 1 < n else [] for i in range(n)},
    "ring": lambda n: {i: [(i + 1) % n] for i in range(n)},
    "each calls itself and the next": lambda n: {i: [i, i + 1] if i + 1 < n else [i] for i in range(n)},
    "all call one, which calls all": lambda n: {0: list(range(1, n)), **{i: [0] for i in range(1, n)}},
    "there and back": lambda n: {i: [j for j in (i - 1, i + 1) if 0 <= j < n] for i in range(n)},
    "tree whose leaves call the root": lambda n: {
        i: [j for j in (2 * i + 1, 2 * i + 2) if j < n] or [0] for i in range(n)
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_is_solved_a_few_times_however_many_there_are(shape: str) -> None:
    """Whether anything below raises: a summary of one bit, as small as real ones are."""

    def steps(count: int) -> int:
        calls, solved = SHAPES[shape](count), 0

        def solve(number: int) -> bool:
            nonlocal solved
            solved += 1
            return number == count - 1 or max(map(analysis.of, calls[number]), default=False)

        analysis: Interprocedural[int, bool] = Interprocedural(solve, lambda _: False, lambda _: True)
        assert all(analysis.of(number) for number in calls)
        return solved

    assert steps(4000) < 6 * steps(1000)


def test_what_grows_with_each_round_is_widened() -> None:
    """A wait of a minute before each call of itself: one minute, or more."""

    def solve(_: str) -> float:
        return 60 + analysis.of("wait")

    analysis: Interprocedural[str, float] = Interprocedural(
        solve, lambda _: 0.0, lambda _: -1.0, widen=lambda _, new: float("inf")
    )
    assert analysis.of("wait") == float("inf")


@pytest.mark.parametrize("step", [lambda old: not old, lambda old: old + 1])
def test_what_does_not_settle_is_given_up_by_name(step: Callable[[int], int]) -> None:
    given_up: list[str] = []

    def solve(name: str) -> int:
        return int(step(analysis.of("b" if name == "a" else "a")))

    analysis: Interprocedural[str, int] = Interprocedural(solve, lambda _: 0, lambda _: -1, given_up=given_up.append)
    assert analysis.of("a") == -1
    assert sorted(given_up) == ["a", "b"]


def test_after_an_error_it_goes_on() -> None:
    broken = True

    def solve(number: int) -> int:
        if number == 5 and broken:
            raise ValueError("five")
        return number + (analysis.of(number - 1) if number else 0)

    analysis: Interprocedural[int, int] = Interprocedural(solve, lambda _: 0, lambda _: 0)
    with pytest.raises(ValueError, match="five"):
        analysis.of(40)
    broken = False
    assert analysis.of(40) == sum(range(41))
