"""Whole projects, fixed in memory: the fixtures that are to be found fault with."""

from __future__ import annotations

from pathlib import Path

from tests.corpus_fixes import Count, fix_project

FIXTURES = Path(__file__).parents[2] / "fixtures"


def test_fixtures_are_fixed_and_keep_every_promise() -> None:
    count = Count()
    fix_project(FIXTURES / "demo", count, unsafe=False, only=frozenset())
    fix_project(FIXTURES / "server_errors", count, unsafe=False, only=frozenset())
    assert count.broken == []
    assert count.files["changed"] >= 10
    assert sum(count.fixed.values()) > 0.8 * sum(count.found.values())
