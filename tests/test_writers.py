"""Whether any function of a project may lose writes (HYG403) is asked before calls are followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.project.project import Project
from dbhygiene.recovery import lost_writes, writers

PROGRAM = """
import pymysql
{imports}

class Store:
    def connect(self):
        self.conn = pymysql.connect()

    def save(self, rows):
        {statement}
        with self.conn.cursor() as cursor:
            for row in rows:
                self.conn.ping(reconnect=True)
                cursor.execute({sql}, row)
        self.conn.commit()
"""


def found(tmp_path: Path, **parts: str) -> int:
    path = tmp_path / "store.py"
    path.write_text(PROGRAM.format(**{"imports": "", "statement": "pass", **parts}))
    (tmp_path / "statements.py").write_text('ADD = "insert into orders values (%s)"\n')
    return len(list(lost_writes.lost_writes(Project(tmp_path).file(path))))


@pytest.mark.parametrize(
    "parts",
    [
        {"sql": '"insert into orders values (%s)"'},
        {"sql": '"""\\\n    Insert  INTO orders values (%s)"""'},
        {"sql": 'f"UPDATE {self.name} set price = %s"'},
        {"statement": 'sql = "\\n delete from orders where id = %s"', "sql": "sql"},
        {"imports": "from statements import ADD", "sql": "ADD"},
        {"imports": "import statements", "sql": "statements.ADD"},
    ],
)
def test_a_statement_that_writes(tmp_path: Path, parts: dict[str, str]) -> None:
    assert found(tmp_path, **parts) == 1


def test_without_one_no_call_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_writes, "summary", None)
    assert found(tmp_path, sql='"select %s"') == 0


def test_a_local_connection_concerns_its_function_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.py"
    path.write_text(
        "import pymysql\n\ndef save(row):\n    conn = pymysql.connect()\n"
        "    conn.cursor().execute('insert into orders values (%s)', row)\n\ndef load():\n    save(1)\n"
    )
    file = Project(tmp_path).file(path)
    assert [code.name for code in file.functions if writers.may_lose_writes(file, code) and hasattr(code, "name")] == [
        "save"
    ]


def test_the_functions_that_lead_to_a_method_may_lose_what_it_writes(tmp_path: Path) -> None:
    path = tmp_path / "store.py"
    path.write_text(
        """
import pymysql

class Store:
    def __init__(self):
        self.conn = pymysql.connect()

    def add(self, row):
        self.conn.cursor().execute("insert into orders values (%s)", row)

    def load(self):
        self.conn.cursor().execute("select 1")

def save(rows):
    store = Store()
    for row in rows:
        store.conn.ping(reconnect=True)
        store.add(row)
    store.conn.commit()
"""
    )
    file = Project(tmp_path).file(path)
    names = {getattr(code, "name", "") for code in file.functions if writers.may_lose_writes(file, code)}
    assert names == {"add", "save"}
