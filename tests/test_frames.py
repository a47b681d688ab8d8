"""How findings look: wide characters, long lines, narrow terminals, what a fix changes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbhygiene.cli import terminal
from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Step
from dbhygiene.reports import RenderContext, TerminalStyle, reporter
from dbhygiene.reports.diff import Change, changed_lines
from dbhygiene.reports.display_width import layout_line, width, window
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import replace

APP = Path("app.py")
OPENED = "opened here"


def drawn(code: str, *marked: str, words: tuple[str, ...] = (OPENED, "left open"), **look: object) -> list[str]:
    """The frame of a finding whose steps are at these texts, each on the first line that holds it."""
    lines = code.split("\n")
    steps = []
    for text, said in zip(marked, words, strict=False):
        number = next(n for n, each in enumerate(lines, 1) if text in each)
        column = lines[number - 1].index(text)
        steps.append(Step(APP, Span(number, column, number, column + len(text)), said))
    finding = Finding(APP, steps[0].span, "HYG101", "leak", "message", tuple(steps))
    scene = RenderContext(lambda path: lines, str, Path(), style=TerminalStyle(**look))  # type: ignore[arg-type]
    (text,) = reporter("full")([finding], scene)
    return text.splitlines()[2:]


@pytest.mark.parametrize(
    ("before", "columns"),
    [("名前 = '数据'; ", 15), ("e\u0301 = 1; ", 7), ("'🐬🐬'; ", 8), ("\t", 4), ("x = 'ﾊ'; ", 9), ("\u202e", 1)],
    ids=["Chinese", "combining", "emoji", "tab", "half-width", "right-to-left"],
)
def test_the_underlining_stands_below_what_it_is_about(before: str, columns: int) -> None:
    _, code, mark, _ = drawn(f"{before}connect()", "connect()")[:4]
    assert mark == f"  | {' ' * columns}^^^^^^^^^ {OPENED}"
    assert width(code) == len("1 | ") + columns + len("connect()")
    assert "\u202e" not in code


def test_wide_code_is_underlined_as_wide_as_it_is() -> None:
    assert drawn("连接('🐬')", "连接('🐬')")[2] == "  | ^^^^^^^^^^ opened here"


def test_two_things_at_one_place_share_an_underlining() -> None:
    assert drawn("with c():\n    pass", "c()", "c()")[1:5] == [
        "1 | with c():",
        "  |      ^^^",
        "  |      1: opened here",
        "  |      2: left open",
    ]


def test_a_lone_line_between_is_shown_and_more_are_left_out() -> None:
    text = drawn("a()\nb()\nc()", "a()", "c()")
    assert text[1:6] == ["1 | a()", "  | --- 1: opened here", "2 | b()", "3 | c()", "  | ^^^ 2: left open"]
    assert "..." in drawn("a()\nb()\nb()\nc()", "a()", "c()")


def test_words_that_do_not_fit_are_put_below() -> None:
    code = "    connection = connect(host, user, password)"
    frame = drawn(code, "connect(host, user, password)", width=60)
    assert frame[2:4] == ["  |" + " " * 18 + "^" * 29, "  |" + " " * 18 + OPENED]
    assert all(width(text) <= 60 for text in frame)


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("indent", [0, 30, 300])
def test_long_lines_are_cut_around_what_they_are_about(columns: int, indent: int) -> None:
    code = f"x = {'1' * indent}; connect('数据', {'y' * 200}); {'z' * 300}"
    words = "a sentence of quite a few words, longer than a narrow terminal is wide"
    frame = drawn(code, "connect(", words=(words,), width=columns)
    assert all(width(text) <= columns for text in frame)
    shown, mark = frame[1:3]
    column = mark.index("^")
    assert mark.rstrip().endswith("^" * len("connect("))
    assert shown[column:].startswith("connect(")


def test_two_places_of_one_long_line_are_both_shown() -> None:
    frame = drawn(f"connect(); {'x' * 300}; leave()", "connect()", "leave()", width=60)
    first, second = (frame.index(text) for text in frame if "^" in text or "---" in text)
    assert "connect()" in frame[first - 1]
    assert "leave()" in frame[second - 1]


SPANS = st.tuples(st.integers(1, 4), st.integers(0, 40), st.integers(0, 2), st.integers(0, 40)).map(
    lambda given: Span(given[0], given[1], given[0] + given[2], given[3] if given[2] else given[1] + given[3])
)


@example(["aaaaaaaa\t\t\t\t数数数数数数"], [Span(1, 18, 1, 18)], 40)  # right after a line that fills all columns
@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.text("ab \t\u0301数🐬\u200d\x1b\u202e", max_size=60), max_size=4),
    spans=st.lists(SPANS, min_size=1, max_size=8),
    columns=st.sampled_from([None, 40, 80]),
)
def test_any_line_and_any_place_can_be_drawn(lines: list[str], spans: list[Span], columns: int | None) -> None:
    """Places may lie beyond the text: a file can have changed since."""
    steps = tuple(Step(APP, span, "a few words on what happens here") for span in spans)
    finding = Finding(APP, spans[-1], "HYG101", "leak", "message", steps)
    scene = RenderContext(lambda path: lines, str, Path(), style=TerminalStyle(width=columns))
    (text,) = reporter("full")([finding], scene)
    assert not set(text) & set("\t\x1b\u202e")
    assert columns is None or all(width(row) <= columns for row in text.splitlines())
    last = [row for row in text.splitlines() if "^" in row]
    assert len(last) <= 1


def test_a_line_that_fits_is_shown_whole() -> None:
    assert window(layout_line("x" * 40), 0, 1, 40).text == "x" * 40
    assert window(layout_line("x" * 41), 0, 1, 40).text == "x" * 37 + "..."


# -- what a fix changes ---------------------------------------------------------------------------------


def test_a_short_block_is_shown_indented_and_of_a_long_one_it_is_said() -> None:
    old = ["a()", "b()", "c()", "d()", "z()"]
    assert changed_lines(old, ["a()", "try:", "    b()", "    c()", "    d()", "finally:", "    z()"]) == [
        Change(" ", 1, "a()"),
        Change("+", 2, "try:"),
        *(Change(" ", number, f"    {name}()") for number, name in enumerate("bcd", 3)),
        Change("+", 6, "finally:"),
        Change(" ", 7, "    z()"),
    ]
    old = ["open()", *"abcdef"]
    assert changed_lines(old, ["with open():", *(f"    {name}" for name in "abcdef")])[2:] == [
        Change("~", 0, "6 lines indented")
    ]


def test_blanks_in_an_empty_line_do_not_count_as_indentation() -> None:
    old = ["a()", "b()", " " * 40, "c()", "d()", "e()"]
    new = ["try:", "    a()", "    b()", "", "    c()", "    d()", "    e()"]
    assert changed_lines(old, new)[1:] == [Change("~", 0, "5 lines indented")]


def test_long_changes_are_cut() -> None:
    found = changed_lines([], [f"line {number}" for number in range(100)])
    assert found[-1] == Change("~", 0, "76 more lines")


def story(preview: object, fix: Fix | NoFix) -> str:
    finding = Finding(APP, Span(1, 4, 1, 5), "HYG201", "engine", "message", fix=fix)
    scene = RenderContext(lambda path: ["x = 1"], str, Path(), preview=lambda finding: preview)  # type: ignore[arg-type, return-value]
    (text,) = reporter("full")([finding], scene)
    return text[text.index("help") :]


def test_the_fix_is_shown_and_one_that_fails_says_why() -> None:
    assert story(["x = 2"], Fix("Make it 2", ())) == (
        "help: make it 2 (safe fix: `dbhygiene fix app.py`)\n  - x = 1\n1 + x = 2\n\n"
    )
    assert (
        story("a comment would be lost", Fix("Make it 2", ()))
        == "help: make it 2 (no fix: a comment would be lost)\n\n"
    )
    assert story(None, NoFix("who knows")) == "help: change it by hand (no fix: who knows)\n\n"


# -- terminals ------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM_PROGRAM", "VTE_VERSION", "WT_SESSION", "KONSOLE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_color_is_for_terminals_and_no_color_beats_force_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal.terminal_style(Terminal()).color
    assert not terminal.terminal_style(io.StringIO()).color
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert terminal.terminal_style(io.StringIO()).color
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.terminal_style(Terminal()).color
    assert terminal.terminal_style(io.StringIO(), "always").color
    assert not terminal.terminal_style(Terminal(), "never").color


def test_a_dumb_terminal_gets_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.terminal_style(Terminal()).color


def test_only_terminals_have_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal.terminal_style(Terminal()).width == 72
    assert terminal.terminal_style(io.StringIO()).width is None


def test_links_are_for_terminals_that_know_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not terminal.terminal_style(Terminal()).links
    monkeypatch.setenv("VTE_VERSION", "4999")
    assert not terminal.terminal_style(Terminal()).links
    monkeypatch.setenv("VTE_VERSION", "7003")
    assert terminal.terminal_style(Terminal()).links
    assert not terminal.terminal_style(io.StringIO()).links


def test_a_place_is_linked() -> None:
    finding = Finding(Path("/p/a b.py"), Span(1, 0, 1, 1), "HYG201", "engine", "message")
    scene = RenderContext(lambda path: ["x"], str, Path(), style=TerminalStyle(links=True))
    assert "\033]8;;file:///p/a%20b.py\033\\/p/a b.py:1:1\033]8;;\033\\" in "".join(reporter("full")([finding], scene))


def test_the_rule_of_a_finding_is_linked_to_its_page() -> None:
    finding = Finding(Path("/p/a.py"), Span(1, 0, 1, 1), "HYG201", "engine", "message")
    scene = RenderContext(lambda path: ["x"], str, Path(), documentation="https://example.org/")
    linked = replace(scene, style=TerminalStyle(links=True))
    head = "\033]8;;https://example.org/rules/engine.html\033\\error[engine]\033]8;;\033\\: message  HYG201"
    assert "".join(reporter("full")([finding], linked)).splitlines()[0] == head
    assert "\033" not in "".join(reporter("full")([finding], scene))
