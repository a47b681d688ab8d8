"""Fixes as edits that other programs apply: together they make the text that `fix` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbhygiene.diagnostics.text_edits import TextChange, single_edit, text_edits
from tests.cli.test_cli import run


def starts(text: str) -> list[int]:
    """Where each line begins."""
    return [0, *(end.end() for end in re.finditer(r"\r\n|\r|\n", text))]


Edits = Sequence[tuple[tuple[int, int], tuple[int, int], str]]


def applied(text: str, edits: Edits) -> str:
    """The text after edits, whose lines and columns count from 1."""
    lines, position, parts = starts(text), 0, []
    for (line, column), (end_line, end_column), content in edits:
        start, end = lines[line - 1] + column - 1, lines[end_line - 1] + end_column - 1
        assert position <= start <= end <= len(text)
        parts += [text[position:start], content]
        position = end
    return "".join([*parts, text[position:]])


TEXTS = st.lists(st.sampled_from(["a", "  a", "b", "", "日🐬", "\t"])).flatmap(
    lambda lines: st.tuples(*(st.sampled_from([f"{line}\n", f"{line}\r\n"]) for line in lines)).map("".join)
)


@given(TEXTS, TEXTS, st.sampled_from(["", "end"]), st.sampled_from(["", "x"]))
def test_edits_make_the_new_text(old: str, new: str, old_end: str, new_end: str) -> None:
    change = TextChange(old + old_end, new + new_end)
    for edits in (text_edits(change), [single_edit(change)]):
        places = [((e.span[0], e.span[1] + 1), (e.span[2], e.span[3] + 1), e.content) for e in edits]
        assert applied(change.old, places) == change.new


def test_edits_are_no_larger_than_the_change() -> None:
    (edit,) = text_edits(TextChange("a\nf(x)\nb\n", "a\nf(x, y)\nb\n"))
    assert (edit.span, edit.content) == ((2, 3, 2, 3), ", y")
    assert text_edits(TextChange("a\n", "a\n")) == ()
    first, second = text_edits(TextChange("a\nb\nc\n", "0\na\nb\nC\n"))
    assert (first.span, first.content, second.content) == ((1, 0, 1, 0), "0\n", "C")


def test_a_change_in_repetitive_text_stays_where_it_is() -> None:
    block = "def f():\n    a\n    b\n\n\n"
    (edit,) = text_edits(TextChange(block * 9, block * 4 + block.replace("    b", "    B\n    c") + block * 4))
    assert (edit.span, edit.content) == ((23, 4, 23, 5), "B\n    c")


# -- what programs read ---------------------------------------------------------------------------------

IMPORT = "import pymysql\n\n\n"
LEAK = 'def f():\n    数据 = "🐬"; conn = pymysql.connect()  # 数据\n    conn.ping()\n    print(数据)\n'
ENGINE = 'from sqlalchemy import create_engine\n\nengine = create_engine(  # 🐬\n    "mysql://db/app"\n)\n'
CASES = {"leak": IMPORT + LEAK, "engine": ENGINE, "tail": IMPORT + LEAK.replace("    print(数据)\n", "").rstrip()}
CASES |= {f"{name}-crlf": text.replace("\n", "\r\n") for name, text in CASES.items()}


@pytest.fixture(params=CASES.values(), ids=CASES)
def program(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "app.py"
    path.write_text(request.param, "utf-8", newline="")
    return path


def report(format: str) -> Any:
    return json.loads(run("check", "-o", format, "app.py")[1])


def text_of(path: Path) -> str:
    return path.read_bytes().decode()


def fixed_by_us(path: Path) -> str:
    assert run("fix", "-q", "app.py")[0] == 0
    return text_of(path)


def test_the_edits_of_json_are_what_fix_writes(program: Path) -> None:
    (finding,) = report("json")
    assert (finding["fix"]["applicability"], finding["no_fix"]) == ("safe", None)
    places = [
        (tuple(edit["location"].values()), tuple(edit["end_location"].values()), edit["content"])
        for edit in finding["fix"]["edits"]
    ]
    text = text_of(program)
    assert applied(text, places) == fixed_by_us(program) != text  # type: ignore[arg-type]


def test_the_suggestion_of_rdjson_is_what_fix_writes(program: Path) -> None:
    (diagnostic,) = report("rdjson")["diagnostics"]
    (suggestion,) = diagnostic["suggestions"]  # all or nothing
    text = text_of(program)
    start, end = (suggestion["range"][name] for name in ("start", "end"))
    encoded = re.split(rb"(?<=\n)", text.encode())
    first = sum(map(len, encoded[: start["line"] - 1])) + start["column"] - 1
    last = sum(map(len, encoded[: end["line"] - 1])) + end["column"] - 1
    after = text.encode()[:first] + suggestion["text"].encode() + text.encode()[last:]
    assert after.decode() == fixed_by_us(program)


def test_the_fix_of_sarif_is_what_fix_writes(program: Path) -> None:
    (result,) = report("sarif")["runs"][0]["results"]
    ((change,),) = (fix["artifactChanges"] for fix in result["fixes"])
    assert change["artifactLocation"] == {"uri": "app.py", "uriBaseId": "%SRCROOT%"}
    places = []
    for each in change["replacements"]:
        region = each["deletedRegion"]
        start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
        places.append((start, end, each["insertedContent"]["text"]))
    assert applied(text_of(program), places) == fixed_by_us(program)


def test_without_a_proven_fix_there_are_no_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = "class A:\n    def __init__(self):\n        self.conn = pymysql.connect()\n"
    (tmp_path / "app.py").write_text(IMPORT + kept)
    (finding,) = report("json")
    assert finding["fix"] is None
    assert "; " in finding["no_fix"]
    assert "suggestions" not in report("rdjson")["diagnostics"][0]
    assert "fixes" not in report("sarif")["runs"][0]["results"][0]


def test_each_finding_has_its_own_edits_though_text_shows_ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bodies = "\n\n".join(LEAK.replace("def f", f"def f{number}") for number in range(12))
    (tmp_path / "app.py").write_text(IMPORT + bodies, "utf-8")
    _, out, _ = run("check", "-o", "full", "-o", "json:found.json", "app.py")
    assert out.count(" +     with closing(") + out.count(" +     try:") == 10
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert [len(finding["fix"]["edits"]) > 0 for finding in found] == [True] * 12
