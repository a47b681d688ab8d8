"""Every example of every rule: the findings that it marks, the fix that it shows, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.cli.rule import pages_by_name
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import AnyRule
from dbhygiene.source.file import File
from tests.examples import Example, examples
from tests.golden import record

ROOT = Path(__file__).parent.parent
RULES = {rule.name: rule for rule in all_rules()}
HARD_CASES = sorted((ROOT / "fixtures" / "hard_cases").glob("*.md"))


def pages() -> Iterator[tuple[str, AnyRule, str]]:
    for rule in all_rules():
        yield rule.name, rule, rule.doc
    for page in HARD_CASES:
        if page.stem in RULES:
            yield f"hard_cases/{page.stem}", RULES[page.stem], page.read_text("utf-8")


CASES = [
    pytest.param(rule, example, id=f"{name}:{example.line}")
    for name, rule, page in pages()
    for example in examples(page)
]


def rules_of(rule: AnyRule, example: Example) -> list[AnyRule]:
    """The page's own rule, and those that the example marks; every rule for a page about comments."""
    codes = {rule.code, *(mark.code for mark in example.marks)}
    if rule.on == "Judgement":  # whether a comment is needed is known when every rule was run
        codes |= {each.code for each in all_rules() if each.default}
    return [each for each in all_rules() if each.code in codes]


def file_of(example: Example) -> File:
    least = Confidence.POSSIBLE if example.possible else Confidence.LIKELY
    return File(Path("example.py"), example.code, project=example.project(Settings(min_confidence=least)))


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_findings_are_exactly_those_marked(rule: AnyRule, example: Example) -> None:
    findings = check_file(file_of(example), rules_of(rule, example))
    expected = [(mark.line, mark.code) for mark in example.marks]
    assert sorted((f.span.line, f.code) for f in findings) == expected, [f.message for f in findings]
    for finding, mark in zip(findings, example.marks, strict=True):
        assert mark.words in finding.message


@pytest.mark.parametrize(("rule", "example"), [case for case in CASES if case.values[1].fixed is not None])
def test_fixes_give_what_is_shown(rule: AnyRule, example: Example) -> None:
    from dbhygiene.fixes.apply import fix

    rules = rules_of(rule, example)
    fixed = fix(file_of(example), lambda file: check_file(file, rules), unsafe=example.unsafe)
    assert fixed.text == example.fixed


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_every_rule_shows_what_it_flags_and_what_it_does_not(rule: AnyRule) -> None:
    shown = list(examples(rule.doc))
    assert any(rule.code in {mark.code for mark in e.marks} for e in shown)
    assert any(not example.marks for example in shown)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_every_rule_has_a_page_that_says_how_safe_its_fix_is(rule: AnyRule) -> None:
    assert re.match(r"\S[^\n]*[.!]\n\n", rule.doc), "a page begins with one sentence"
    assert "## Fix safety\n" in rule.doc


def test_the_table_of_rules_gives_the_safest_fix_of_each_rule() -> None:
    """The page of a rule shows its fixes, and the table is made from the page: none may be missing there."""
    seen: dict[str, set[str]] = {}
    for line in (line for blocks in record.read().values() for each in blocks.values() for line in each):
        if re.match(r"HYG\d{3} (certain|likely|possible) ", line):
            kinds = seen.setdefault(line[:6], set())
        elif line.startswith("  fixed: "):
            kinds.add(line.removeprefix("  fixed: "))
    safest = {code: "safe" if "safe" in kinds else "unsafe" for code, kinds in seen.items() if kinds}
    assert safest
    assert {code: kind for code, kind in safest.items() if pages_by_name()[code].fix != kind} == {}


@pytest.mark.parametrize("page", HARD_CASES, ids=lambda page: page.stem)
def test_hard_cases_belong_to_a_rule(page: Path) -> None:
    assert page.stem in RULES


def test_codes_and_names_are_unique() -> None:
    assert len({rule.code for rule in all_rules()}) == len(RULES) == len(all_rules())
