"""The outputs, as golden text."""

from __future__ import annotations

import json as decoder
from pathlib import Path

import pytest

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety, Step
from dbhygiene.diagnostics.text_edits import TextChange
from dbhygiene.reports import RenderContext, TerminalStyle, reporter
from dbhygiene.reports.brief import in_brief
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import replace

APP = Path("app.py")
OTHER = Path("other.py")
LINES = {
    APP: ["conn = connect()", "if rows:", "\treturn '日本', rows", "conn.close()", "", "f(", ")"],
    OTHER: ["def helper(conn):", "    raise Oops"],
}
OPENED = Step(APP, Span(1, 7, 1, 16), "opened here")
TESTED = Step(APP, Span(2, 3, 2, 7), "when this is true")
LEFT = Step(APP, Span(3, 14, 3, 18), "the function returns, `conn` still open")
LEAK = Finding(
    APP,
    OPENED.span,
    "HYG101",
    "connection-not-closed",
    "connection `conn` is not closed",
    (OPENED, TESTED, LEFT),
    Fix("Close it", ()),
    notes=("each one holds a server connection",),
    fingerprint="abc",
)


SCENE = RenderContext(LINES.__getitem__, str, Path())


def told(format_: str, *findings: Finding, scene: RenderContext = SCENE) -> str:
    return "".join(reporter(format_)(findings, scene))


def shown(finding: Finding, **look: object) -> str:
    return told("full", finding, scene=replace(SCENE, style=TerminalStyle(**look)))  # type: ignore[arg-type]


def test_the_whole_story() -> None:
    assert (
        shown(LEAK)
        == """\
error[connection-not-closed]: connection `conn` is not closed  HYG101
 --> app.py:1:8
  |
1 | conn = connect()
  |        --------- 1: opened here
2 | if rows:
  |    ---- 2: when this is true
3 |     return '日本', rows
  |                    ^^^^ 3: the function returns, `conn` still open
  |
  = note: each one holds a server connection
help: close it (safe fix: `dbhygiene fix app.py`)

"""
    )


def test_without_steps_the_place_itself_is_pointed_at() -> None:
    finding = Finding(APP, Span(6, 0, 7, 1), "HYG201", "engine", "no", fix=NoFix("it is not plain"))
    assert (
        shown(finding)
        == """\
error[engine]: no  HYG201
 --> app.py:6:1
  |
6 | f(
  | ^^
  |
help: change it by hand (no fix: it is not plain)

"""
    )


def test_steps_may_go_back_and_to_other_files() -> None:
    raised = Step(OTHER, Span(2, 4, 2, 14), "raises")
    finding = Finding(
        APP, LEFT.span, "HYG301", "gap", "idle", (TESTED, LEFT, TESTED, raised), confidence=Confidence.LIKELY
    )
    assert (
        shown(finding)
        == """\
warning[gap]: idle  HYG301
 --> app.py:3:15
  |
2 | if rows:
  |    ---- 1: when this is true
3 |     return '日本', rows
  |                    ---- 2: the function returns, `conn` still open
...
2 | if rows:
  |    ---- 3: when this is true
 ::: other.py:2:5
2 |     raise Oops
  |     ^^^^^^^^^^ 4: raises
  |

"""
    )


def test_long_ways_are_folded() -> None:
    steps = tuple(Step(APP, TESTED.span, f"step {number}") for number in range(1, 9))
    text = shown(Finding(APP, TESTED.span, "HYG301", "gap", "idle", steps))
    assert [n for n in range(1, 9) if f"{n}: step {n}" in text] == [1, 2, 6, 7, 8]
    assert "= note: 3 steps are not shown; `--paths=all` shows all" in text
    assert "4: step 4" in shown(Finding(APP, TESTED.span, "HYG301", "gap", "idle", steps), every_step=True)
    steps = (*steps[:3], LEFT._replace(message="step 4"), *steps[4:])
    text = shown(Finding(APP, LEFT.span, "HYG301", "gap", "idle", steps))
    assert [n for n in range(1, 9) if f"{n}: step {n}" in text] == [1, 2, 4, 7, 8], "the finding's own place is kept"


def test_advice_says_what_each_fix_takes() -> None:
    def advice(safety: Safety) -> str:
        return shown(Finding(APP, OPENED.span, "HYG101", "x", "y", fix=Fix("Close it", (), safety))).splitlines()[-2]

    assert advice(Safety.UNSAFE) == "help: close it (unsafe fix: `dbhygiene fix --unsafe-fixes app.py`)"
    assert advice(Safety.SHOWN) == "help: close it (a suggestion: `fix` does not apply it)"


def test_a_file_that_is_gone_is_no_hindrance() -> None:
    assert " --> app.py:1:8" in told("full", LEAK, scene=replace(SCENE, lines=lambda path: ()))


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\033" not in told("full", LEAK, scene=replace(SCENE, lines=lambda path: ["conn = '\033[2J'"] * 3))


def test_colors() -> None:
    assert "\033[1;31merror[connection-not-closed]\033[0m" in shown(LEAK, color=True)


def test_concise() -> None:
    plain = Finding(OTHER, Span(2, 0, 2, 1), "HYG001", "syntax-error", "oops")
    assert told("concise", LEAK, plain).splitlines() == [
        "app.py:1:8: HYG101 [*] connection `conn` is not closed (opened 1, left at 3 when `rows`)",
        "other.py:2:1: HYG001 oops",
    ]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((), ""),
        ((OPENED,), ""),
        ((OPENED, LEFT._replace(message="the function returns, `conn` still open")), "opened 1, left at 3"),
        ((OPENED, LEFT._replace(message="the function ends, `conn` still open")), "opened 1, still open at 3"),
        ((OPENED, LEFT._replace(message="this raises")), "opened 1, raises at 3"),
        ((OPENED, Step(OTHER, Span(2, 4, 2, 9), "raised here")), "opened 1, raises at other.py:2"),
        ((OPENED, TESTED._replace(message="when this is false"), LEFT), "opened 1, left at 3 unless `rows`"),
        ((LEFT._replace(message="queries"), TESTED._replace(message="sleeps")), "lines 3, 2"),
    ],
)
def test_the_path_in_brief(steps: tuple[Step, ...], words: str) -> None:
    assert in_brief(LEAK._replace(steps=steps), lambda step: LINES[step.path]) == words


def test_a_long_condition_and_a_file_that_is_gone_are_left_out() -> None:
    assert in_brief(LEAK, lambda step: ()) == "opened 1, left at 3"
    long = TESTED._replace(span=Span(2, 0, 2, 60))
    assert in_brief(LEAK._replace(steps=(OPENED, long, LEFT)), lambda step: LINES[step.path]) == "opened 1, left at 3"


def test_agents_get_each_finding_on_one_line() -> None:
    by_hand = LEAK._replace(fix=NoFix("it is\nkept; close it"), steps=(), notes=())
    first, second, third = told("agent", LEAK, LEAK, by_hand).splitlines()
    path = "1 opened here -> 2 when `rows` -> 3 the function returns, `conn` still open"
    start = f"app.py:1:8 HYG101 error: connection `conn` is not closed | {path} | "
    rule = "rule: dbhygiene rule connection-not-closed"
    assert first == f"{start}each one holds a server connection | fix: dbhygiene fix app.py | {rule}"
    assert second == f"{start}fix: dbhygiene fix app.py"
    assert third == "app.py:1:8 HYG101 error: connection `conn` is not closed | by hand: close it (no fix: it is kept)"
    assert "https://example.org/rules/" in told(
        "agent", LEAK, scene=replace(SCENE, documentation="https://example.org/")
    )


def test_json() -> None:
    (item,) = decoder.loads(told("json", LEAK, scene=replace(SCENE, fixed=lambda finding: TextChange("a\n", "b\n"))))
    assert list(item)[:7] == ["code", "name", "message", "filename", "cell", "location", "end_location"]
    assert item["cell"] is None
    assert item["location"] == {"row": 1, "column": 8}
    assert item["end_location"] == {"row": 1, "column": 17}
    edit = {"content": "b", "location": {"row": 1, "column": 1}, "end_location": {"row": 1, "column": 2}}
    assert item["fix"] == {"applicability": "safe", "message": "Close it", "edits": [edit]}
    assert item["confidence"] == "certain"
    assert item["fingerprint"] == "abc"
    assert item["steps"][2] == {
        "filename": "app.py",
        "cell": None,
        "location": {"row": 3, "column": 15},
        "end_location": {"row": 3, "column": 19},
        "message": "the function returns, `conn` still open",
    }


def test_json_without_a_fix_gives_the_reason() -> None:
    (item,) = decoder.loads(told("json", LEAK, scene=replace(SCENE, fixed=lambda finding: "it cannot be proved")))
    assert (item["fix"], item["no_fix"]) == (None, "it cannot be proved; close it")
    (item,) = decoder.loads(told("json", LEAK._replace(fix=NoFix("it is kept; close it"))))
    assert (item["fix"], item["no_fix"]) == (None, "it is kept; close it")


def test_json_of_nothing_and_of_two() -> None:
    assert decoder.loads(told("json")) == []
    assert len(decoder.loads(told("json", LEAK, LEAK))) == 2
