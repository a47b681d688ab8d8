"""What a report shows of a fix: the one change, proved with the other fixes of its file or alone."""

from __future__ import annotations

from random import Random

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.diagnostics.edits import InsertAfter
from dbhygiene.diagnostics.model import Finding, Fix
from dbhygiene.fixes.preview import FixPreviews
from dbhygiene.source.file import File
from tests.fixes.helpers import file_of
from tests.oracle.programs import program

LEAK = "def target{0}():\n    conn = pymysql.connect()\n    conn.ping()\n\n\n"
LEAKS = "import pymysql\n\n\n" + "".join(map(LEAK.format, range(4)))


class Checks:
    """Checks a file, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, file: File) -> list[Finding]:
        self.count += 1
        return check_file(file, all_rules())


def with_fixes(findings: list[Finding]) -> list[Finding]:
    return [each for each in findings if isinstance(each.fix, Fix)]


def test_one_proof_serves_all_fixes_of_a_file() -> None:
    check = Checks()
    file = file_of(LEAKS)
    findings = with_fixes(check(file))
    check.count = 0
    previews = FixPreviews(file, check)
    for number, finding in enumerate(findings):
        after = previews.after(finding)
        assert isinstance(after, File)
        assert after.text.count("closing(") == 1
        assert f"def target{number}():\n    with closing(" in after.text
    assert len(findings) == 4
    assert check.count == 2


def test_fixes_that_overlap_share_proofs_with_those_of_other_functions() -> None:
    pair = LEAK.replace("    conn.ping", "    other = pymysql.connect()\n    other.ping()\n    conn.ping")
    check = Checks()
    file = file_of("import pymysql\n\n\n" + "".join(map(pair.format, range(4))))
    findings = check(file)
    check.count = 0
    previews, alone = FixPreviews(file, check, findings), FixPreviews(file, check, findings)
    after = [text_of(previews.after(each)) for each in with_fixes(findings)]
    assert check.count == 2
    assert after == [text_of(alone.alone(each)) for each in with_fixes(findings)]
    assert len(after) == 8


def test_a_fix_that_fails_does_not_take_the_others_with_it() -> None:
    file = file_of(LEAKS)

    def check(changed: File) -> list[Finding]:
        """The findings, the second one with a fix that leaves it as it is."""
        found = check_file(changed, all_rules())
        if changed is not file:
            return found
        first, second, *others = found
        assert isinstance(second.fix, Fix)
        useless = second.fix._replace(edits=(InsertAfter(second.span, "\n    print()"),))
        return [first, second._replace(fix=useless), *others]

    previews = FixPreviews(file, check)
    outcomes = [previews.after(each) for each in check(file)]
    assert [isinstance(each, str) for each in outcomes] == [False, True, False, False]


def test_a_fix_is_shown_as_if_it_were_proved_alone() -> None:
    shown = 0
    for number in range(30):
        file = file_of(program(Random(f"7/{number}"), later=False))
        check = Checks()
        together, alone = FixPreviews(file, check), FixPreviews(file, check)
        for finding in with_fixes(check(file)):
            after, expected = together.after(finding), alone.alone(finding)
            shown += isinstance(after, File)
            assert text_of(after) == text_of(expected)
    assert shown > 15


def text_of(outcome: File | str | None) -> str | None:
    return outcome.text if isinstance(outcome, File) else outcome
