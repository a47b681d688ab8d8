"""Magics are blanked: the rest of a cell stays where it is, and what a magic may use is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbhygiene.source.magics import EVERYTHING, blank


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("%matplotlib inline\nx = 1\n", "_                 \nx = 1\n"),
        ("if x:\n    !ls -l\n", "if x:\n    _     \n"),
        ("files = !ls *.csv", "files = _        "),
        ("rows = %sql select 1\nx", "rows = _            \nx"),
        ("!pip install a \\\n  b\nx", "_               \n   \nx"),
        ("frame.head?", "_          "),
        ("??frame\nx", "_      \nx"),
        ("pip install pymysql\nx", "_                  \nx"),
        ("cd ..\nx", "_    \nx"),
        ("%%bash\nls\n", "      \n  \n"),
        ("\n%%time\nx = 1", "\n      \nx = 1"),
        ("%sql\nselect 1", "    \n        "),
        ("%r\r\nx\r\n", "  \r\n \r\n"),
        ("a = 1\r\n%b\r\nc", "a = 1\r\n_ \r\nc"),
    ],
)
def test_a_magic_is_blanked(source: str, text: str) -> None:
    assert blank(source).text == text


@pytest.mark.parametrize(
    "source",
    [
        "x = (a\n% b)",
        "x = a \\\n% b",
        "query = '''\n%like%\n!x\n'''",
        'query = "select \\\n%x?"',
        "a %= b\nc = a % b",
        "a != b",
        "# what?\nx = '?'",
        "x = {'a': [1,\n2]}",
        "ls -l\npip\ntime = 3\ntime -x\nrun in x\nenv if x else y",
        "def f():\n    '''50 %\n%\n'''",
    ],
)
def test_python_is_left_alone(source: str) -> None:
    assert blank(source).text == source


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("%sql conn", {"sql", "conn"}),
        ("!mysql -u {user} db $table", {"user", "table"}),
        ("conn?", set()),
        ("%%bash\nmysql conn", set()),
        ("%%sql\nselect * from t where x = :limit", {"limit"}),
        ("%%new\nconn.close()", {"new", "conn", "close"}),
        ("%reset -f", {EVERYTHING}),
        ("%run -i other.py", {EVERYTHING}),
    ],
)
def test_the_variables_that_a_magic_may_use_are_known(source: str, names: set[str]) -> None:
    assert blank(source).names == names


@given(
    st.lists(st.sampled_from([*"%!?'\"\\\n\r()[]{}=#ax ", "'''", '"""', "%%", "\r\n", "é", "if x:\n    "])).map("".join)
)
def test_lines_and_columns_stay(source: str) -> None:
    text = blank(source).text
    assert len(text) == len(source)
    assert [(a, b) for a, b in zip(source, text, strict=True) if a != b and (a in "\r\n" or b not in " _")] == []
