"""What a finding is known by: the same wherever it stands and however it is laid out, another for another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dbhygiene.diagnostics.fingerprints import add_fingerprints, key, normalise, portable_path
from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.nodes import Span

ROOT = Path("/p")
FINDING = Finding(
    Path("/p/app/db.py"), Span(3, 4, 3, 13), "HYG101", "connection-not-closed", "m", context="f", expression="c()"
)


def of(*findings: Finding, root: Path = ROOT) -> list[str]:
    return [finding.fingerprint for finding in add_fingerprints(findings, root)]


def test_place_and_words_do_not_matter() -> None:
    moved = FINDING._replace(span=Span(30, 0, 31, 9), message="said better", notes=("more",))
    assert of(moved) == of(FINDING)


def test_a_checkout_elsewhere_gives_the_same() -> None:
    elsewhere = Path("/home/me/p")
    assert of(FINDING._replace(path=elsewhere / "app/db.py"), root=elsewhere) == of(FINDING)


@pytest.mark.parametrize(
    "change",
    [{"code": "HYG102"}, {"path": Path("/p/app/other.py")}, {"context": "g"}, {"expression": "d()"}],
    ids=lambda change: next(iter(change)),
)
def test_rule_path_function_and_expression_do(change: dict[str, object]) -> None:
    assert of(FINDING._replace(**change)) != of(FINDING)  # type: ignore[arg-type]


def test_equals_are_numbered() -> None:
    other = FINDING._replace(expression="d()")
    first, between, second = of(FINDING, other, FINDING)
    assert len({first, between, second}) == 3
    assert [first, second] == of(FINDING, FINDING)
    assert between == of(other)[0]


def test_a_key_can_be_read() -> None:
    assert key(FINDING, ROOT) == ("HYG101", "app/db.py", "f", "c()")
    assert portable_path(Path("/q/x.py"), ROOT) == "/q/x.py"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("connect( 'a',\n  b = 1, # why\n)", "connect('a', b=1)"),
        ("with a as b, \\\n  c:\n  d()", "with a as b, c:"),
        ("@decorator\nclass A (B):\n    x = 1", "class A(B):"),
        ("try:\n    a\nfinally:\n    b", "try:"),
        ("x = '''a\nb'''", "x = 'a\\nb'"),
    ],
)
def test_layout_is_normalised(code: str, said: str) -> None:
    statement = ast.parse(code).body[0]
    assert normalise(statement.value if isinstance(statement, ast.Expr) else statement) == said
