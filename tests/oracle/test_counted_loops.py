"""Loops over a known number of items, each held against the judge: every way to count combined with every test."""

from __future__ import annotations

from itertools import product
from textwrap import indent

import pytest

from .compare import Kind
from .test_lifetimes import bugs

HEADS = ("range(2)", "range(1, 3)", "range(3)", "range(0)", "('x', 'y')", "()", "rows()")
TESTS = ("at == 1", "at != 1", "at >= 1", "at + 1 == 2", "at < 2", "1 == at", "at == 'y'", "check()")
BODIES = {
    "returns": """
{open}
for at in {head}:
    if {test}:
        conn.close()
        return
""",
    "breaks": """
{open}
for at in {head}:
    if {test}:
        break
else:
    return
conn.close()
""",
    "opens in a round": """
for at in {head}:
    if {test}:
        {open}
        break
else:
    return
conn.close()
""",
    "assigns the variable": """
{open}
for at in {head}:
    at = check()
    if {test}:
        conn.close()
        return
""",
    "within another": """
{open}
for each in rows():
    for at in {head}:
        if {test}:
            conn.close()
            return
""",
    "tries again": """
{open}
for at in {head}:
    try:
        work()
        break
    except ValueError:
        if {test}:
            conn.close()
            raise
else:
    return
conn.close()
""",
}
START = "import mariadb\nfrom app import check, rows, work\n\ndef target():"


def program(body: str, head: str, test: str) -> str:
    return START + indent(BODIES[body].format(open="conn = mariadb.connect()", head=head, test=test), "    ")


@pytest.mark.parametrize("body", BODIES)
def test_no_leak_is_missed_in_counted_loops(body: str) -> None:
    for head, test in product(HEADS, TESTS):
        source = program(body, head, test)
        assert not [each for each in bugs(source) if each.kind is Kind.MISSED], source


@pytest.mark.parametrize("body", ["returns", "breaks", "opens in a round", "within another", "tries again"])
@pytest.mark.parametrize(("head", "test"), [("range(2)", "at == 1"), ("range(1, 3)", "at >= 2"), ("'ab'", "check()")])
def test_the_last_round_is_known(body: str, head: str, test: str) -> None:
    assert not bugs(program(body, head, test))
