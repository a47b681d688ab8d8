"""What a check costs grows no faster than what is checked: counted in calls of functions, whatever else is running."""

from __future__ import annotations

from pathlib import Path

import pytest

import dbhygiene
from bench.growth import SHAPES, steps, written

_SIZES = 20, 40, 80
_MOST = 2.9  # times as much for twice as much more: 2 where it grows in proportion, 4 where it does with the square

_TOGETHER = pytest.mark.xfail(reason="what is true of each connection is kept for each place of its function")


@pytest.mark.parametrize(
    "shape", [pytest.param(each, marks=_TOGETHER if each == "connections_together" else ()) for each in SHAPES]
)
def test_a_check_costs_no_more_than_in_proportion(tmp_path: Path, shape: str) -> None:
    steps(written(shape, 10, tmp_path))  # what is imported and found out once
    small, middle, large = (steps(written(shape, size, tmp_path)) for size in _SIZES)
    assert small < middle < large
    assert (large - middle) / (middle - small) < _MOST


def test_a_ring_of_functions_that_is_too_long_for_the_stack_is_no_internal_error(tmp_path: Path) -> None:
    found = dbhygiene.check(written("ring", 120, tmp_path))
    assert "HYG000" not in [each.code for each in found]
