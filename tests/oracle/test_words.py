"""Every sentence of a finding, held against what happens when the program is run."""

from __future__ import annotations

from random import Random

import pytest

from dbhygiene.dataflow import cfg
from dbhygiene.lifetimes.lifetime import Lifetime

from .compare import SECOND_LIMIT
from .programs import program
from .words import Untrue, untrue

CHUNKS, SIZE = 4, 60


def _wrong(number: int) -> list[Untrue] | None:
    """What is untrue in two rounds of each loop, and in three."""
    source = program(Random(f"words/{number}"))
    return untrue(source) and untrue(source, bound=3, limit=SECOND_LIMIT)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_sentence_is_untrue(chunk: int) -> None:
    looked_at = 0
    for number in range(chunk * SIZE, (chunk + 1) * SIZE):
        wrong = _wrong(number)
        looked_at += wrong is not None
        assert not wrong, f"words/{number}: {wrong}"
    assert looked_at > SIZE / 2


def test_an_untrue_note_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here every call is said to leave it open, were it to raise."""
    calls = property(lambda life: [n.event.node for n, _ in life.history if isinstance(n.event, cfg.Call)])
    monkeypatch.setattr(Lifetime, "raisers", calls)
    assert any(untrue(program(Random(f"words/{number}"))) for number in range(40))


def test_an_untrue_step_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here every `with` that an exception leaves is said to swallow it."""
    made = cfg.Leave.__init__

    def swallowing(leave: cfg.Leave, item: object, is_async: bool, raised: bool, swallows: bool) -> None:
        made(leave, item, is_async, raised, raised)  # type: ignore[arg-type]

    monkeypatch.setattr(cfg.Leave, "__init__", swallowing)
    assert any(untrue(program(Random(f"words/{number}"))) for number in range(120))
