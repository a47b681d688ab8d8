"""The acquire filter spares the analysis questions, and changes no answer about generated programs."""

from __future__ import annotations

from pathlib import Path
from random import Random

from dbhygiene.lifetimes import Lifetimes
from dbhygiene.source.file import File, NoProject

from .programs import program


def test_it_changes_no_answer_about_generated_programs() -> None:
    for number in range(150):
        file = File(Path("program.py"), program(Random(f"sieve/{number}")))
        assert _lives(file, sieved=True) == _lives(file, sieved=False)


def _lives(file: File, *, sieved: bool) -> list[tuple[object, ...]]:
    lives = Lifetimes(NoProject())
    names: set[str] = set()
    while sieved:
        lives.set_helpers({file.path: names})
        if not (new := set(lives.helpers_in(file)) - names):
            break
        names |= new
    found = (
        (life.birth.lineno, life.birth.col_offset, life.resource, life.leak, life.escapes) for life in lives.of(file)
    )
    return sorted(found, key=repr)
