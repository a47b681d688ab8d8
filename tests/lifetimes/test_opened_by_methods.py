"""Methods that open a connection by another method of their object, and close it by a third one."""

from pathlib import Path

import dbhygiene
from dbhygiene.config.settings import Confidence, Settings

WRAPPER = """
import psycopg2

class Wrapper:
    def __init__(self, dsn):
        self.dsn = dsn
        self.conn = None

    def connect(self):
        self.conn = psycopg2.connect(self.dsn)

    def disconnect(self):
        if self.conn:
            self.conn.close()

    def query(self, sql):
        self.connect()
        cursor = self.conn.cursor()
        cursor.execute(sql)
        rows = cursor.fetchall()
        self.disconnect()
        return rows
"""
POSSIBLE = Settings(min_confidence=Confidence.POSSIBLE)
USE = "from wrapper import Wrapper\n\ndef use(dsn):\n    wrapper = Wrapper(dsn)\n    wrapper.disconnect()\n"


def codes(root: Path, **files: str) -> list[str]:
    (root / ".git").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / f"{name}.py").write_text(text)
    return [finding.code for finding in dbhygiene.check(root, settings=POSSIBLE) if finding.path.stem == "wrapper"]


def test_a_test_that_closes_it_does_not_close_it_for_other_code(tmp_path: Path) -> None:
    assert codes(tmp_path, wrapper=WRAPPER, test_wrapper=USE) == ["HYG102"]


def test_other_code_that_closes_it_may_do_so_after_an_error(tmp_path: Path) -> None:
    assert codes(tmp_path, wrapper=WRAPPER, program=USE) == []
