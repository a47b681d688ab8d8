"""Frozen values behave as frozen data classes do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pytest

from dbhygiene.source.records import Frozen, Record, Row, replace


class Point(Record):
    x: int
    y: int = 0

    @cached_property
    def total(self) -> int:
        return self.x + self.y


class Space(Point):
    z: int = 0


class Other(Record):
    x: int
    y: int = 0


class Nothing(Record):
    """It has no fields."""


class Pair(Row):
    x: int
    y: int = 0

    @property
    def total(self) -> int:
        return self.x + self.y


class Entity(Frozen):
    name: str
    called: Callable[[str], str] = lambda name: name.upper()


def test_fields_are_given_by_place_by_name_or_by_default() -> None:
    assert Point(1, 2) == Point(y=2, x=1) != Point(1)
    assert repr(Point(1)) == "Point(x=1, y=0)"
    match Point(1, 2):
        case Point(1, y):
            assert y == 2


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((), {"y": 1}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})],
    ids=["none", "too few", "too many", "twice", "unknown"],
)
@pytest.mark.parametrize("make", [Point, Pair])
def test_other_fields_than_its_own_are_told(make: Any, values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="has the fields x, y"):
        make(*values, **named)


def test_it_is_frozen() -> None:
    point: Any = Point(1)
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 2
    with pytest.raises(AttributeError, match="frozen"):
        del point.x
    assert point.x == 1


def test_records_are_equal_by_class_and_fields() -> None:
    assert {Point(1), Point(1, 0), Nothing(), Nothing()} == {Point(1), Nothing()}
    assert Point(1) != Other(1)
    assert Point(1) != (1, 0)


def test_fields_are_inherited() -> None:
    assert Space(1, z=3) == Space(1, 0, 3) != Space(1)
    assert Space(1, 2).total == 3
    assert Space(1) != Point(1)


def test_a_row_is_a_tuple_with_names() -> None:
    pair = Pair(1)
    assert pair == Pair(y=0, x=1) == (1, 0)
    assert (pair.x, pair.y, pair.total, repr(pair)) == (1, 0, 1, "Pair(x=1, y=0)")
    assert pair._replace(y=2) == Pair(1, 2) > pair
    assert pair._asdict() == {"x": 1, "y": 0}
    x, y = pair
    match pair:
        case Pair(1, y=z):
            assert (x, y) == (1, z)
    assert Pair._fields == ("x", "y")
    with pytest.raises(AttributeError):
        pair.x = 2  # type: ignore[misc]


def test_a_function_is_a_value_like_any_other() -> None:
    assert Entity("a").called("b") == "B"
    assert Entity("a", str.lower).called("B") == "b"


def test_other_frozen_things_equal_themselves_only() -> None:
    assert Entity("a") != Entity("a")


def test_what_is_replaced_keeps_the_rest_and_nothing_derived() -> None:
    point = Point(1, 2)
    assert point.total == 3
    assert replace(point, x=5) == Point(5, 2)
    assert replace(point, x=5).total == 7
    assert replace(Point(1), x=2) == Point(2)
    with pytest.raises(TypeError):
        replace(point, z=1)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda point: pickle.loads(pickle.dumps(point))])
def test_it_can_be_copied_and_sent(copied: Any) -> None:
    assert copied(Point(1, 2)) == Point(1, 2)
    pair = copied(Pair(1, 2))
    assert type(pair) is Pair
    assert pair == Pair(1, 2)
