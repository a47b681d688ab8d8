"""What `fix-style` makes of a leak, and what is asked first."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.model import Fix, Safety
from dbhygiene.fixes.apply import fix
from dbhygiene.source.file import File, NoProject

RULES = [rule for rule in all_rules() if rule.code in {"HYG101", "HYG102", "HYG209"}]
IMPORT = "from contextlib import closing\nimport pymysql\n\n"
NEVER = f"{IMPORT}def f(g):\n    conn = pymysql.connect()\n    g(conn.cursor().fetchall())\n"
CLOSED = f"{NEVER}    conn.close()  # at last\n"
WITH = f"{IMPORT}def f(g):\n    with closing(pymysql.connect()) as conn:\n        g(conn.cursor().fetchall())\n"
FINALLY = (
    f"{IMPORT}def f(g):\n    conn = pymysql.connect()\n    try:\n        g(conn.cursor().fetchall())\n"
    "    finally:\n        conn.close()\n"
)


class Pinned(NoProject):
    def version_of(self, distribution: str) -> tuple[int, ...] | None:
        return (1, 3, 24) if distribution == "sqlalchemy" else None


def fixed(text: str, style: str = "", *, unsafe: bool = False) -> str:
    file = File(Path("x.py"), text, project=NoProject(Settings(fix_style=style)))
    return fix(file, lambda changed: check_file(changed, RULES), unsafe=unsafe).text


@pytest.mark.parametrize(
    ("before", "style", "after"),
    [
        (NEVER, "", WITH),
        (NEVER, "with", WITH),
        (NEVER, "finally", FINALLY),
        (CLOSED, "", FINALLY.replace("        conn.close", "        # at last\n        conn.close")),
        (CLOSED, "with", f"{WITH}        # at last\n"),
        (CLOSED, "finally", FINALLY.replace("        conn.close", "        # at last\n        conn.close")),
    ],
)
def test_style(before: str, style: str, after: str) -> None:
    assert fixed(before, style) == after
    assert fixed(after, style) == after


def test_a_long_head_is_not_made_longer() -> None:
    long = NEVER.replace("connect()", f'connect(host="{"x" * 70}")')
    assert "try:" in fixed(long)
    assert "with closing(" in fixed(long, "with")
    in_lines = NEVER.replace("connect()", 'connect(\n        host="db",\n    )')
    assert "try:" in fixed(in_lines)


@pytest.mark.parametrize("before", [NEVER, CLOSED], ids=["never closed", "closed"])
def test_a_long_block_is_re_indented_on_request(before: str) -> None:
    long = before.replace("    g(", "    print()\n" * 60 + "    g(")
    assert fixed(long) == long
    assert fixed(long, unsafe=True) != long


def test_an_old_session_knows_no_with() -> None:
    text = (
        "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import sessionmaker\n\n"
        'Session = sessionmaker(create_engine("mysql+pymysql://db/shop"))\n\n\n'
        "def f():\n    session = Session()\n    print(session.execute('select 1').scalar())\n"
    )
    assert "with Session() as session:" in fixed(text)
    file = File(Path("x.py"), text, project=Pinned())
    assert "with closing(Session()) as session:" in fix(file, lambda changed: check_file(changed, RULES)).text


@pytest.mark.parametrize(
    ("close", "safety"),
    [
        ("self.conn.commit()\n        self.conn.close()", Safety.UNSAFE),
        ("self.save()\n        self.conn.close()", Safety.UNSAFE),
        ("self.conn.close()", Safety.SAFE),
    ],
)
def test_a_close_that_commits_is_not_moved_into_a_finally(close: str, safety: Safety) -> None:
    program = f"""
import pymysql

class Writer:
    def __init__(self):
        self.conn = pymysql.connect(host="db")

    def add(self, line):
        self.conn.cursor().execute("insert into log values (%s)", (line,))

    def save(self):
        self.conn.commit()

    def close(self):
        {close}

def run(lines):
    writer = Writer()
    for line in lines:
        writer.add(line)
    writer.close()
"""
    file = File(Path("log.py"), program, Pinned())
    (found,) = check_file(file, RULES)
    assert isinstance(found.fix, Fix)
    assert found.fix.safety is safety
