"""The analysis, held against the judge: a fast part of what `make fuzz` does for hours."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st

from .compare import Analysis, Difference, Kind, compare, lifetimes
from .mutants import MUTANTS, Mutant, killed_after, planted
from .programs import program

REPRODUCERS = sorted((Path(__file__).parent / "reproducers").glob("*.py"))
CHUNKS, SIZE = 8, 250
FALSE_SHARE = 0.001  # of programs


def bugs(source: str, analysis: Analysis = lifetimes) -> list[Difference]:
    """The bits that the analysis gets wrong."""
    compared = compare(source, analysis)
    return [each for each in compared[1] if each.kind in (Kind.MISSED, Kind.FALSE)] if compared else []


def shrunk(kind: Kind, analysis: Analysis = lifetimes, effort: int = 20_000) -> str:
    """A small program in which the analysis errs in this way; for a person who hunts a bug. Raises NoSuchExample.

    Arguments:
        effort: how many programs are judged at most.
    """
    judged: dict[str, bool] = {}

    def errs(source: str) -> bool:
        if source not in judged and len(judged) < effort:
            judged[source] = any(each.kind is kind for each in bugs(source, analysis))
        return judged.get(source, False)

    return find(
        st.randoms(use_true_random=False).map(program),
        errs,
        random=Random(0),
        settings=settings(
            max_examples=effort,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        ),
    )


@pytest.mark.parametrize("path", REPRODUCERS, ids=lambda path: path.stem)
def test_reproducer(path: Path, request: pytest.FixtureRequest) -> None:
    """What was once wrong, and is written down; a first line `# open: why` says that it still is."""
    source = path.read_text("utf-8")
    if source.startswith("# open: "):
        request.applymarker(pytest.mark.xfail(reason=source.splitlines()[0][8:], strict=True))
    assert not bugs(source)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_leak_is_missed(chunk: int) -> None:
    false: list[str] = []
    for number in range(chunk * SIZE, (chunk + 1) * SIZE):
        source = program(Random(f"suite/{number}"))
        found = bugs(source)
        missed = [each for each in found if each.kind is Kind.MISSED and each.question.startswith("leaks")]
        assert not missed, f"{source}\n{missed}"
        if found:
            false.append(source)
    assert len(false) <= max(1, FALSE_SHARE * SIZE), f"{len(false)} programs, the smallest:\n{min(false, key=len)}"


@pytest.mark.parametrize("name", ["finally not run on return", "not means nothing", "logging raises"])
def test_a_planted_bug_is_found(name: str) -> None:
    assert killed_after(_mutant(name), 150)


def test_a_program_that_shows_a_bug_becomes_small() -> None:
    """Here the bug is that generators are always resumed: what is left is a connection, and a `yield`."""
    found = shrunk(Kind.MISSED, planted(_mutant("a yield is always resumed")), effort=300)
    assert "yield" in found
    assert len(found.splitlines()) <= 12, found


def test_no_mutant_is_stale() -> None:
    for mutant in MUTANTS:
        mutant.text()


def _mutant(name: str) -> Mutant:
    return next(each for each in MUTANTS if each.name == name)
