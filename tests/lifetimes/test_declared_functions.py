"""`[tool.dbhygiene.functions]`: what the user says of functions that the analysis cannot see into."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.project.project import Project

SETTINGS = """
[tool.dbhygiene.functions]
"vendor.open_db" = { returns = "pymysql" }
"vendor.release" = { closes = 0 }
"vendor.borrow" = { borrows = ["conn"], may-raise = false }
"app.keeper.keep" = { keeps = "conn" }
"""


def findings(root: Path, source: str, settings: str = SETTINGS) -> list[tuple[int, str]]:
    (root / "pyproject.toml").write_text(settings)
    (root / "app").mkdir(exist_ok=True)
    (root / "app" / "keeper.py").write_text("def keep(other, conn):\n    return len(other)\n")
    (root / "app" / "main.py").write_text(source)
    project = Project(root, loading.load_settings(root))
    rules = selected_rules(project.settings)
    found = check(project, project.discover([root]).files, rules)
    return [(finding.span.line, finding.code) for finding in found]


def test_what_is_declared_to_return_a_connection_must_be_closed(tmp_path: Path) -> None:
    source = "import vendor\n\ndef f():\n    conn = vendor.open_db()\n    conn.cursor()\n"
    assert findings(tmp_path, source) == [(4, "HYG101")]
    assert findings(tmp_path, source, "[tool.dbhygiene]\n") == []


def test_what_is_declared_to_close_closes(tmp_path: Path) -> None:
    source = "import pymysql, vendor\n\ndef f(h):\n    conn = pymysql.connect(host=h)\n    vendor.release(conn)\n"
    assert findings(tmp_path, source) == []


def test_what_is_declared_to_borrow_leaves_the_duty_here(tmp_path: Path) -> None:
    source = "import pymysql, vendor\n\ndef f(h):\n    conn = pymysql.connect(host=h)\n    vendor.borrow(conn=conn)\n"
    assert findings(tmp_path, source) == [(4, "HYG101")]


def test_what_is_declared_overrules_what_is_inferred(tmp_path: Path) -> None:
    source = (
        "import pymysql\nfrom app.keeper import keep\n\n"
        "def f(h):\n    conn = pymysql.connect(host=h)\n    keep(1, conn)\n"
    )
    assert findings(tmp_path, source) == []
    assert findings(tmp_path, source, "[tool.dbhygiene]\n") == [(5, "HYG101")]


@pytest.mark.parametrize(
    ("table", "words"),
    [("{ close = 0 }", "did you mean `closes`?"), ("{ closes = 1.5 }", "by number from 0"), ("3", "a table of tables")],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, table: str, words: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.dbhygiene.functions]\n"a.b" = {table}\n')
    with pytest.raises(UsageError) as error:
        loading.load_settings(tmp_path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
