"""Comments written for findings: each is silenced, the program stays the same, and a second time nothing happens."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.annotate import with_ignores
from dbhygiene.source.file import File, NoProject
from tests.examples import examples

RULES = [rule for rule in selected_rules(Settings()) if rule.code != "HYG002"]
EXAMPLES = [
    pytest.param(example.code, id=f"{rule.name}:{example.line}")
    for rule in all_rules()
    for example in examples(rule.doc)
    if example.marks and rule.code not in ("HYG002", "HYG004")
]


def annotated(text: str, reason: str = "") -> str:
    file = File(Path("app.py"), text, project=NoProject())
    return with_ignores(file, check_file(file, RULES), reason).text


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("code", EXAMPLES)
def test_every_finding_of_every_rule_can_be_silenced(code: str, end: str) -> None:
    before = code.replace("\n", end)
    after = annotated(before, "known \u2013 see #12")
    assert check_file(File(Path("app.py"), after, project=NoProject()), selected_rules(Settings())) == []
    assert ast.dump(ast.parse(after)) == ast.dump(ast.parse(before))
    assert annotated(after, "another") == after


LEAK = "import pymysql\n\n\ndef f(host):\n    {}\n    conn.ping()\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("conn = pymysql.connect()", "conn = pymysql.connect()  # dbhygiene: ignore[connection-not-closed] why"),
        (
            "conn = pymysql.connect()  # more",
            "conn = pymysql.connect()  # more  # dbhygiene: ignore[connection-not-closed] why",
        ),
        (
            "conn = pymysql.connect()  # dbhygiene: ignore[HYG201] because  # noqa: E1",
            "conn = pymysql.connect()  # dbhygiene: ignore[HYG201, connection-not-closed] because  # noqa: E1",
        ),
        (
            "conn = pymysql.connect()  # dbhygiene: ignore[HYG201]",
            "conn = pymysql.connect()  # dbhygiene: ignore[HYG201, connection-not-closed] why",
        ),
        (
            'conn = pymysql.connect(init_command="""\n  a\n""")',
            'conn = pymysql.connect(init_command="""\n  a\n""")  # dbhygiene: ignore[connection-not-closed] why',
        ),
        (
            'conn = pymysql.connect(host, "a-rather-long-name-of-a-user", "a-password")',
            "# dbhygiene: ignore[connection-not-closed] why\n"
            '    conn = pymysql.connect(host, "a-rather-long-name-of-a-user", "a-password")',
        ),
        (
            "conn = \\\n        pymysql.connect()",
            "conn = \\\n        pymysql.connect()  # dbhygiene: ignore[connection-not-closed] why",
        ),
        (
            "conn = pymysql.connect( \\\n        host)",
            "conn = pymysql.connect( \\\n        host)  # dbhygiene: ignore[connection-not-closed] why",
        ),
    ],
)
def test_places(before: str, after: str) -> None:
    assert annotated(LEAK.format(before), "why") == LEAK.format(after)


def test_several_findings_share_a_comment() -> None:
    text = "import pymysql\n\n\ndef f():\n    a, b = pymysql.connect(), pymysql.connect()\n    a.ping(b)\n"
    assert annotated(text).count("dbhygiene: ignore[connection-not-closed]\n") == 1


def test_no_newline_at_the_end() -> None:
    text = "import pymysql\ndef f(): conn = pymysql.connect(); conn.ping()"
    assert annotated(text) == text + "  # dbhygiene: ignore[connection-not-closed]"


def test_a_line_that_ends_in_a_string() -> None:
    text = 'import pymysql\n\n\ndef f():\n    x = """\n"""; conn = pymysql.connect(); conn.ping(); y = """\n"""\n'
    assert annotated(text) == text[:-1] + "  # dbhygiene: ignore[connection-not-closed]\n"


def test_a_program_that_would_change_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbhygiene.diagnostics.annotate._comment", lambda names, reason: "; pass")
    with pytest.raises(UsageError, match="add it by hand"):
        annotated(LEAK.format("conn = pymysql.connect()"))
