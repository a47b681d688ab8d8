"""What a method of an object with a connection returns: data, or something that still reads from the connection."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.diagnostics.model import Fix, NoFix
from dbhygiene.source.file import File

CLASS = """
import json
import pymysql

class Store:
    def __init__(self, host):
        self.conn = pymysql.connect(host=host)

    def close(self):
        self.conn.close()

    def select(self, query, values=None):
        cursor = self.conn.cursor()
        try:
            cursor.execute(query, values)
            found = cursor.fetchall()
            cursor.close()
            return found
        except pymysql.Error:
            self.conn.rollback()
            raise

    def cursors(self):
        return [self.conn.cursor()]

    def ask(self, query):
{body}

def report(host, kept):
    store = Store(host)
    return store.ask({argument})
"""

DATA = [
    "return self.select(query)",
    "return self.select(query)[0][1]",
    "rows = self.select(query)\nreturn [row[0] for row in rows if row]",
    "found = {}\nfor row in self.select(query):\n    found[row[0]] = row[1]\nreturn found",
    "cursor = self.conn.cursor()\ncursor.execute(query)\nreturn {row[0]: row for row in cursor}",
    "with self.conn.cursor() as cursor:\n    cursor.execute(query)\n    return list(cursor)",
    "found = []\nfor number, row in enumerate(self.select(query)):\n    found.append((number, row))\nreturn found",
    "cursor = self.conn.cursor()\ncursor.execute(query)\nreturn cursor.rowcount or None",
    "rows = self.select(query)\nif len(rows) == 1:\n    return rows[0]\nreturn dict(rows)",
    "self.select(query)",
]
READING = [
    "return self.conn.cursor()",
    "cursor = self.conn.cursor()\ncursor.execute(query)\nreturn cursor",
    "cursor = self.conn.cursor()\ncursor.execute(query)\nreturn (row[0] for row in cursor)",
    "cursor = self.conn.cursor()\ncursor.execute(query)\nreturn map(str, cursor)",
    "cursor = self.conn.cursor()\ncursor.execute(query)\nreturn enumerate(cursor)",
    "for row in self.select(query):\n    yield row",
    "found = {}\nfound[query] = self.conn.cursor()\nreturn found",
    "found = []\nfound.append(self.conn.cursor())\nreturn found",
    "found = {query: []}\nfound[query].append(self.conn.cursor())\nreturn found",
    "found = []\nfor each in self.cursors():\n    found.append(each)\nreturn found",
    "found = []\nself.fill(found)\nreturn found",
    "rows = self.select(query)\nrows = self.cursors()\nreturn rows",
    "return json.loads(self.select(query)[0][0], object_hook=self.conn)",
    "return lambda: self.select(query)",
    "return self.conn",
]


def fix_of(body: str, argument: str = "'select 1'") -> Fix | NoFix | None:
    text = CLASS.format(body=textwrap.indent(body, " " * 8), argument=argument)
    found = [each for each in check_file(File(Path("app.py"), text), all_rules()) if each.context == "report"]
    return found[0].fix if found else None


@pytest.mark.parametrize("body", DATA)
def test_data_is_read_after_the_close(body: str) -> None:
    fix = fix_of(body)
    assert isinstance(fix, Fix)
    assert fix.title == "Close `store` with `closing(...)`"


@pytest.mark.parametrize("body", READING)
def test_what_still_reads_from_the_connection_is_not(body: str) -> None:
    assert not isinstance(fix_of(body), Fix)


def test_an_argument_may_be_returned() -> None:
    assert isinstance(fix_of("return query", "'select 1'"), Fix)
    assert not isinstance(fix_of("return query", "store.cursors()"), Fix)
