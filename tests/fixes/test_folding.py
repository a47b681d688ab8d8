"""Edits are carried out, and proved, without the functions that they leave alone."""

from __future__ import annotations

import pytest

from dbhygiene.diagnostics.edits import InsertAfter, Replace
from dbhygiene.fixes import verify
from dbhygiene.fixes.editor import Editor
from dbhygiene.fixes.folding import Folded
from dbhygiene.fixes.sections import SectionEditor
from tests.fixes.helpers import Places

PROGRAM = """\
import os


@first(
    1,
)
def short(): return 1


class Store(Base):
    name = "store"

    @decorated
    async def load(self, name):
        # of what is read
        rows = read(name)

        text = \'\'\'
not indented \'\'\'
        return rows, text  # all
        # the end

    class Inner:
        def save(
            self,
        ):
            first()
            second()
    def one(self,
        two): return 3; four()

    def changed(self):
        work(1)
        return 2


def last():
    if os:
        return 3
"""
TEXTS = [PROGRAM, PROGRAM.replace("\n", "\r\n"), PROGRAM.replace("    ", "\t"), PROGRAM.rstrip()]


@pytest.mark.parametrize("text", TEXTS)
def test_bodies_are_left_out_and_put_back(text: str) -> None:
    places = Places(text)
    place = places.statement("work(1)")
    folded = Folded(text, places.file.tree, [place])
    assert folded.text.splitlines()[place.line - 1 - folded.lines_above(place.line)].strip() == "work(1)"
    assert [fold.text.split()[0] for fold in folded.folds] == ["rows", "first()", "if"]
    assert folded.unfold(folded.text) == text
    assert folded.unfold(folded.text.replace("__folded_1__", "")) is None
    assert folded.hides(places.statement("second()"))
    assert not folded.hides(place)


@pytest.mark.parametrize("text", TEXTS)
def test_the_result_is_that_of_the_whole_text(text: str) -> None:
    places = Places(text)
    edits = [InsertAfter(places.statement("work(1)"), "new()"), InsertAfter(places.statement("import os"), "import re")]
    folding = SectionEditor(places.file, edits)
    after = folding.edit(edits).text
    assert after == Editor(text).edit(edits)
    assert verify.same_meaning(places.file, edits, after)
    elsewhere = [Replace(places.expression("read(name)"), "$value or []")]
    assert folding.edit(elsewhere).text == Editor(text).edit(elsewhere)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rows = read(name)", "rows = read(nane)"),
        ("not indented", "not  indented"),
        ("    1,", "    2,"),
        ("return rows, text", "return rows, text; more()"),
        ("class Store(Base)", "class Store(Other)"),
        ("    def changed", "    async def changed"),
        ("            second()\n", "            second()\n            third()\n"),
        ("    @decorated\n", ""),
        ("\n    if os:\n        return 3", "\n    if os:\n        pass\n    return 3"),
    ],
)
def test_the_proof_sees_a_change_anywhere_else(old: str, new: str) -> None:
    places = Places(PROGRAM)
    edits = [InsertAfter(places.statement("work(1)"), "new()")]
    after = Editor(PROGRAM).edit(edits)
    assert old in after
    assert not verify.same_meaning(places.file, edits, after.replace(old, new))
