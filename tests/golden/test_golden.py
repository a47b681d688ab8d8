"""Findings and fixes are those that `findings.txt` has. `python -m tests.golden --help` says what to do where not."""

from __future__ import annotations

from functools import lru_cache

import pytest

from tests.golden import record, units
from tests.golden.units import Blocks

MOST = 60  # lines of a difference that are shown


@lru_cache(maxsize=1)
def recorded() -> dict[str, Blocks]:
    return record.read()


def test_all_units_are_recorded_and_no_others() -> None:
    assert sorted(recorded()) == units.names()


@pytest.mark.parametrize("unit", units.names())
def test_findings_and_fixes_are_those_recorded(unit: str) -> None:
    if not units.is_here(unit):
        pytest.skip("not here; `python -m tests.golden --fetch` downloads it")
    lines = record.difference(unit, recorded().get(unit), units.look(unit))
    if lines:
        more = [f"... {len(lines) - MOST} more lines"] if len(lines) > MOST else []
        hint = f"read these differences; `python -m tests.golden --update {unit}` takes them over"
        pytest.fail("\n".join([*lines[:MOST], *more, hint]), pytrace=False)
