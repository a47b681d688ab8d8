"""HYG110: no fix reconnects after a wait if a write may be pending: the program would commit the rest without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.model import Fix
from dbhygiene.project.project import Project

PROGRAM = """
import time
import pymysql

def store(conn, row):
    with conn.cursor() as cursor:
        cursor.execute("insert into orders values (%s)", row)

def run(rows, sql):
    conn = pymysql.connect({options})
    try:
        cursor = conn.cursor()
        while True:
            {query}
            time.sleep(3600)
            cursor.execute("select count(*) from orders")
    finally:
        conn.close()
"""
WRITE = "cursor.execute('insert into orders values (%s)', rows)"


@pytest.mark.parametrize(
    ("query", "options", "is_fixed"),
    [
        ("cursor.execute('select 1')", "", True),
        ("cursor.execute('select 1 from orders for update')", "", False),
        ("cursor.execute(sql)", "", False),
        (WRITE, "", False),
        (WRITE, "autocommit=True", True),
        (f"{WRITE}; conn.commit()", "", True),
        (f"{WRITE}; conn.rollback()", "", True),
        (f"conn.commit(); {WRITE}", "", False),
        ("store(conn, rows)", "", False),
        ("store(conn, rows); conn.commit()", "", True),
    ],
)
def test_a_pending_write_forbids_the_reconnect(tmp_path: Path, query: str, options: str, is_fixed: bool) -> None:
    (tmp_path / "work.py").write_text(PROGRAM.format(query=query, options=options))
    project = Project(tmp_path, Settings())
    found = [each for each in check_file(project.file(tmp_path / "work.py"), all_rules()) if each.code == "HYG110"]
    assert [isinstance(each.fix, Fix) for each in found] == [is_fixed]
