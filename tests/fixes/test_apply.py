"""Which fixes are applied, in which rounds, and what becomes of one that fails."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import libcst
import pytest

from dbhygiene.diagnostics.edits import AddKeyword, Edit, InsertBefore, Remove, Replace
from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety
from dbhygiene.fixes import sections
from dbhygiene.fixes.apply import Fixed, fix
from dbhygiene.fixes.editor import Editor
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located, Span
from dbhygiene.source.records import replace

from .helpers import file_of

Answer = Fix | NoFix | None


def finding(file: File, node: Located, answer: Answer, code: str = "HYG999", subject: str = "") -> Finding:
    return Finding(Path("x.py"), file.span(node), code, "test", "A fault.", fix=answer, subject=subject)


def calls_of(name: str, file: File) -> list[ast.Call]:
    found = [call for call in file.nodes(ast.Call) if isinstance(call.func, ast.Name) and call.func.id == name]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def wants_keyword(file: File, safety: Safety = Safety.SAFE) -> list[Finding]:
    """Every `f` wants `n=1`."""
    return [
        finding(file, call, Fix("Add n", (AddKeyword(file.span(call), "n", "1"),), safety))
        for call in calls_of("f", file)
        if not any(keyword.arg == "n" for keyword in call.keywords)
    ]


def by(make: Callable[[Span], Edit], name: str = "f") -> Callable[[File], list[Finding]]:
    """A check that finds every `f()` that stands as a statement, and fixes it by one edit of that statement."""

    def check(file: File) -> list[Finding]:
        statements = [node for node in file.nodes(ast.Expr) if node.value in calls_of(name, file)]
        return [finding(file, node, Fix("Fix", (make(file.span(node)),))) for node in statements]

    return check


def reasons(fixed: Fixed) -> list[str]:
    return [left.reason for left in fixed.left]


def test_all_fixes_are_applied_even_within_each_other() -> None:
    fixed = fix(file_of("f(f(f()), f())\nf(2)\n"), wants_keyword)
    assert fixed.text == "f(f(f(n=1), n=1), f(n=1), n=1)\nf(2, n=1)\n"
    assert (len(fixed.fixed), fixed.left) == (5, ())
    again = fix(file_of(fixed.text), wants_keyword)
    assert again == Fixed(fixed.text)


def test_an_unsafe_fix_wants_consent() -> None:
    file = file_of("f()\n")
    unfixed = fix(file, lambda file: wants_keyword(file, Safety.UNSAFE))
    assert unfixed.text == "f()\n"
    assert reasons(unfixed) == [
        "the fix is unsafe: it may change behaviour, or re-indents a long block or a multi-line string;"
        " apply it with --unsafe-fixes"
    ]
    assert fix(file, lambda file: wants_keyword(file, Safety.UNSAFE), unsafe=True).text == "f(n=1)\n"
    assert fix(file, lambda file: wants_keyword(file, Safety.SHOWN), unsafe=True).text == "f()\n"


def test_what_has_no_fix_says_why() -> None:
    def check(file: File) -> list[Finding]:
        first, second = calls_of("f", file)
        return [finding(file, first, NoFix("it is captured")), finding(file, second, None)]

    assert reasons(fix(file_of("f()\nf()\n"), check)) == ["it is captured", "there is no automatic fix"]


def test_a_fix_that_fails_does_not_stand_in_the_way_of_others() -> None:
    def check(file: File) -> list[Finding]:
        good = wants_keyword(file)
        bad = [
            finding(file, call, Fix("Fix", (Replace(file.span(call), "g(1"),)), subject="g")
            for call in calls_of("g", file)
        ]
        return sorted([*good, *bad], key=lambda each: each.span)

    fixed = fix(file_of("g()\nf()\nf()\n"), check)
    assert fixed.text == "g()\nf(n=1)\nf(n=1)\n"
    assert [left.finding.subject for left in fixed.left] == ["g"]
    assert "wrong" in reasons(fixed)[0]


def test_a_finding_that_stays_undoes_its_fix() -> None:
    fixed = fix(file_of("f()\n"), by(lambda span: InsertBefore(span, "g()")))
    assert (fixed.text, reasons(fixed)) == (
        "f()\n",
        ["the tested fix does not remove the finding, so check again after your own change"],
    )


def test_a_finding_that_is_new_undoes_the_fix() -> None:
    def check(file: File) -> list[Finding]:
        new = [finding(file, call, None, "HYG998") for call in calls_of("g", file)]
        return [*by(lambda span: Replace(span, "g()"))(file), *new]

    def expression(file: File) -> list[Finding]:
        return [
            each._replace(fix=Fix("Fix", (Replace(each.span, "g()"),))) if each.code == "HYG999" else each
            for each in check(file)
        ]

    fixed = fix(file_of("f()\n"), expression)
    assert (fixed.text, reasons(fixed)) == (
        "f()\n",
        ["the tested fix causes HYG998, so check again after your own change"],
    )


def test_a_fix_that_fails_is_tried_again_once_another_has_changed_the_text() -> None:
    """The outer call may have its keyword only after the inner one has: else a second run would go on."""

    def check(file: File) -> list[Finding]:
        inner, outer = wants_keyword(file), calls_of("g", file)
        bare = [call for call in outer if not call.keywords]
        wanted = [finding(file, call, Fix("Add n", (AddKeyword(file.span(call), "n", "1"),))) for call in bare]
        early = [finding(file, call, None, "HYG998") for call in outer if call.keywords and inner]
        return [*(each._replace(subject="g") for each in wanted), *early, *inner]

    fixed = fix(file_of("g(\n    f()\n)\n"), check)
    assert fixed.text == "g(\n    f(n=1), n=1\n)\n"
    assert fix(file_of(fixed.text), check) == Fixed(fixed.text)


def test_a_finding_that_gets_its_fix_by_another_is_fixed_with_that() -> None:
    def check(file: File) -> list[Finding]:
        inner = wants_keyword(file)
        late = Fix("Add m", tuple(AddKeyword(file.span(call), "m", "2") for call in calls_of("g", file)))
        bare = [call for call in calls_of("g", file) if not call.keywords]
        return [*inner, *(finding(file, call, NoFix("not yet") if inner else late, subject="g") for call in bare)]

    fixed = fix(file_of("f()\ng()\n"), check)
    assert fixed.text == "f(n=1)\ng(m=2)\n"
    assert [each.fix.title for each in fixed.fixed if isinstance(each.fix, Fix)] == ["Add n", "Add m"]


def test_the_same_edit_for_two_findings_is_made_once() -> None:
    def check(file: File) -> list[Finding]:
        if calls_of("close", file):
            return []
        sleep = file.tree.body[-1]
        answer = Fix("Close", (InsertBefore(file.span(sleep), "close()"),))
        return [finding(file, call, answer, subject=str(i)) for i, call in enumerate(calls_of("f", file))]

    fixed = fix(file_of("f()\nf()\nsleep()\n"), check)
    assert fixed.text == "f()\nf()\nclose()\nsleep()\n"
    assert len(fixed.fixed) == 2


def test_a_failure_of_ours_is_told_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise KeyError("conn")

    monkeypatch.setattr(sections, "plain_edit", fail)
    fixed = fix(file_of("f()\n"), wants_keyword)
    assert (fixed.text, reasons(fixed)) == ("f()\n", ["internal error: KeyError: 'conn'"])


def test_what_libcst_does_not_give_back_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "plain_edit", lambda *_: None)
    parse = libcst.parse_module

    def forgetful(text: str) -> libcst.Module:
        return parse(text.replace("f()", "f( )"))

    monkeypatch.setattr(libcst, "parse_module", forgetful)
    fixed = fix(file_of("f()\n"), wants_keyword)
    assert (fixed.text, reasons(fixed)) == ("f()\n", ["LibCST does not reproduce this file exactly"])


def test_an_edit_that_changes_more_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "plain_edit", lambda *_: None)
    right = Editor.edit
    monkeypatch.setattr(Editor, "edit", lambda *given: right(*given).replace("g()", "h()"))
    fixed = fix(file_of("f()\ng()\n"), wants_keyword)
    assert (fixed.text, reasons(fixed)) == ("f()\ng()\n", ["the tested fix changes more than it should"])


def test_an_edit_that_does_not_parse_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "plain_edit", lambda *_: None)
    right = Editor.edit
    monkeypatch.setattr(Editor, "edit", lambda *given: right(*given) + ")")
    fixed = fix(file_of("f()\n"), wants_keyword)
    assert (fixed.text, reasons(fixed)) == ("f()\n", ["with the tested fix, the code does not parse"])


def test_an_edit_that_loses_a_comment_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "plain_edit", lambda *_: None)
    right = Editor.edit
    monkeypatch.setattr(Editor, "edit", lambda *given: right(*given).replace("  # why", ""))
    fixed = fix(file_of("f()  # why\n"), wants_keyword)
    assert (fixed.text, reasons(fixed)) == ("f()  # why\n", ["the tested fix loses a comment"])


def test_comments_and_bytes_outside_stay() -> None:
    data = "\ufeff# -*- coding: utf-8 -*-\r\n\tx = '中' \r\nf() # a\n\r\nf(1)  # b".replace("\tx", "x").encode()
    file = File.decode(Path("x.py"), data)
    after = replace(file, text=fix(file, wants_keyword).text).encode()
    assert after == data.replace(b"f() #", b"f(n=1) #").replace(b"f(1)", b"f(1, n=1)")


def test_a_removed_statement_leaves_its_comment() -> None:
    fixed = fix(file_of("a()\nf()  # why\nf()  # noqa\n"), by(Remove))
    assert fixed.text == "a()\n# why\n"
