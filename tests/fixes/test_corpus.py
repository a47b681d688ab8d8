"""Whole projects, fixed in memory: the fixtures that are to be found fault with."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.corpus_fixes import Count, fix_project

FIXTURES = Path(__file__).parents[2] / "fixtures"


def test_fixtures_are_fixed_and_keep_every_promise(tmp_path: Path) -> None:
    """Most findings in programs whose cure is a fix are fixed."""
    others = shutil.ignore_patterns("advice")  # whose cure is another program
    programs = Path(shutil.copytree(FIXTURES / "server_errors", tmp_path / "server_errors", ignore=others))
    count = Count()
    fix_project(FIXTURES / "demo", count, unsafe=False, only=frozenset())
    fix_project(programs, count, unsafe=False, only=frozenset())
    assert count.broken == []
    assert count.files["changed"] >= 10
    assert sum(count.fixed.values()) > 0.8 * sum(count.found.values())


def test_programs_of_the_advice_keep_every_promise() -> None:
    count = Count()
    fix_project(FIXTURES / "server_errors" / "advice", count, unsafe=True, only=frozenset())
    assert count.broken == []
    assert count.files["changed"] >= 4
