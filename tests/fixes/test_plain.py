"""What a plain edit writes is what LibCST writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.diagnostics.edits import (
    AddKeyword,
    AddName,
    Edit,
    EditComment,
    InsertAfter,
    InsertBefore,
    MoveIntoWith,
    WrapInTry,
)
from dbhygiene.diagnostics.model import Fix
from dbhygiene.fixes import imports
from dbhygiene.fixes.editor import Editor
from dbhygiene.fixes.plain import plain_edit
from dbhygiene.source.file import File
from tests.fixes.helpers import Places
from tests.test_examples import CASES, file_of, rules_of


def test_the_fixes_of_all_examples() -> None:
    plain = other = 0
    for case in CASES:
        rule, example = case.values
        file = file_of(example)  # type: ignore[arg-type]
        for finding in check_file(file, rules_of(rule, example)):  # type: ignore[arg-type]
            fix = finding.fix
            if file.notebook or not isinstance(fix, Fix) or not fix.edits or isinstance(fix.edits[0], EditComment):
                continue
            edits = imports.spell_names(file, fix.edits)
            if (text := plain_edit(file, edits)) is None:
                other += 1
                continue
            plain += 1
            assert text == Editor(file.text, file.project.line_length(file)).edit(edits), case.id
    assert plain > 2 * other


BODY = "def f():\n    conn = connect()\n{0}    work(conn)\n{1}    conn.close()\n{2}"


def _wrap(text: str) -> list[Edit]:
    at = Places(text)
    close = at.statement("conn.close()")
    return [WrapInTry(at.statement("work(conn)"), close, "finally", "conn.close()", (close,))]


def _with(text: str) -> list[Edit]:
    at = Places(text)
    return [MoveIntoWith(at.statement("conn ="), at.statement("work(conn)"), "closing($value) as conn")]


def _insert(text: str) -> list[Edit]:
    at = Places(text)
    return [InsertBefore(at.statement("work(conn)"), "new()\nmore()"), InsertAfter(at.statement("conn ="), "new()")]


def _import(text: str) -> list[Edit]:
    at = Places(text)
    return [InsertBefore(at.statement("work(conn)"), "new()\n\n"), InsertAfter(at.statement("conn ="), "\nnew()\n\n")]


LINES = ["", "\n", "\n\n", "    # a comment\n", "        # deeper\n", "# outer\n", "\n    # a comment\n\n", "    \n"]
LINES += ['    x = """\ny"""\n', "    x = [\n1,\n    ]\n", "    x = 1 + \\\n  2\n", "    a; b\n"]
LINES += ["    a  # why\n", "    if a:\n        b\n        # after\n", "    try:\n        a\n    finally:\n        b\n"]


@pytest.mark.parametrize("edits", [_wrap, _with, _insert, _import])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("more", LINES)
def test_lines_between(edits: object, place: int, more: str) -> None:
    text = BODY.format(*(more if place == number else "" for number in range(3)))
    if edits is _import:
        text = re.sub(r"(?m)^    ", "", text.partition("\n")[2])
    chosen = edits(text)  # type: ignore[operator]
    plain = plain_edit(File(Path("example.py"), text), chosen)
    assert plain in (None, Editor(text).edit(chosen))
    assert more or plain is not None


@pytest.mark.parametrize(
    "call",
    [
        *("f()", "f(a)", "f(a, b=1)", "f( a )", "f(a,)", "f(a for a in b)", "f(*a, **b)", "f(\n    a,\n)", "f(g(a))"),
        *("f(added=1)", "f(a)  # why", "x = f(a); y", "f(lambda: 1)", f"f({'a' * 100})", "(f)(a)", "f(a)(b)"),
    ],
)
def test_keywords(call: str) -> None:
    text = f"{call}\n"
    at = Places(text)
    edits = [AddKeyword(at.call(""), "one", "True"), AddKeyword(at.call(""), "two", "280")]
    plain = plain_edit(File(Path("example.py"), text), edits)
    assert plain in (None, Editor(text).edit(edits))


@pytest.mark.parametrize(
    "line",
    [
        *(
            "from m import a, z",
            "from m import z, a",
            "from m import (a)",
            "from m import a as b",
            "from m import a  # why",
        ),
        *("from m import a,  z", "from  m import a", "from m import Z, a", "from m import a; b"),
        f"from m import {'a' * 95}",
    ],
)
def test_names(line: str) -> None:
    text = f"{line}\n\nfrom other import b, c, D\n"
    edits = [AddName(Places(text).statement("from"), "name")]
    plain = plain_edit(File(Path("example.py"), text), edits)
    assert plain in (None, Editor(text).edit(edits))
