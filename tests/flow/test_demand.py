"""Facts that depend on each other are the same whoever asks first."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from dbhygiene.flow.calls import Demand


def below(ways: Callable[[int], list[int]]) -> Demand[int, frozenset[int]]:
    """What can be reached from each of these numbers."""
    demand: Demand[int, frozenset[int]] = Demand(
        lambda number: frozenset({number}).union(*(demand.get(other) for other in ways(number))),
        frozenset(),
        depth=5,
        whole=True,
    )
    return demand


def test_a_chain_may_be_longer_than_what_is_looked_at_in_one_go() -> None:
    demand = below(lambda number: [number - 1] if number else [])
    assert demand.get(39) == frozenset(range(40))


@pytest.mark.parametrize("seed", range(20))
def test_it_does_not_matter_who_is_asked_first(seed: int) -> None:
    dice = random.Random(seed)
    lower = {number: dice.sample(range(number), min(number, 2)) for number in range(40)}
    first = below(lower.__getitem__)
    facts = {number: first.get(number) for number in range(40)}  # from the ends on: no chain is long
    again = below(lower.__getitem__)
    order = dice.sample(range(40), 40)
    assert {number: again.get(number) for number in order} == facts


def test_a_long_way_round_ends() -> None:
    demand = below(lambda number: [(number + 1) % 30])
    assert 7 in demand.get(7)
    assert 3 in demand.get(3)
