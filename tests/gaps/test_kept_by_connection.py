"""No fix closes Django's connection during a wait if a caller needs what only this connection has."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Settings
from dbhygiene.fixes.apply import Fixed, fix
from dbhygiene.source.file import File, NoProject

RULES = [rule for rule in all_rules() if rule.code == "HYG301"]
START = """
import time
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from shop.models import Order

class Command(BaseCommand):
    def handle(self, *args, **options):
"""
WAIT = """
    def wait(self):
        print(Order.objects.count())
        time.sleep(40000)
        print(Order.objects.count())
"""


def fixed(body: str) -> Fixed:
    """The fix of a command that does this, and waits in a method of its own."""
    lines = "".join(f"        {line}\n" for line in body.split("\n"))
    path = Path("shop/management/commands/work.py")
    file = File(path, f"{START}{lines}{WAIT}", project=NoProject(Settings(server_timeout=28800)))
    return fix(file, lambda each: check_file(each, RULES))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "with connection.cursor() as cur:\n    cur.execute('select 1')\n    self.wait()",
            "a caller may still use a cursor",
        ),
        ("cur = connection.cursor()\nself.wait()\nprint(cur.fetchone())", "a caller may still use a cursor"),
        ("self.cur = connection.cursor()\nself.wait()\nprint(self.cur.fetchone())", "a caller may still use a cursor"),
        ("connection.cursor().execute('create temp table t (id int)')\nself.wait()", "temporary tables"),
        (
            "with connection.cursor() as cur:\n    cur.execute('create temporary table t (id int)')\nself.wait()",
            "temporary",
        ),
        ("with connection.cursor() as cur:\n    cur.execute('select get_lock(1, 0)')\nself.wait()", "drops its locks"),
        ("transaction.set_autocommit(False)\nself.wait()\ntransaction.commit()", "rolls back an open transaction"),
        ("for order in Order.objects.all().iterator():\n    self.wait()", "are still being read"),
    ],
)
def test_a_caller_needs_the_connection(body: str, reason: str) -> None:
    done = fixed(body)
    assert not done.fixed
    assert [reason in each.reason for each in done.left] == [True]


@pytest.mark.parametrize(
    "body",
    [
        "self.wait()",
        "with connection.cursor() as cur:\n    cur.execute('select 1')\nself.wait()",
        "for order in Order.objects.all():\n    self.wait()",
    ],
)
def test_a_caller_needs_nothing(body: str) -> None:
    assert "connection.close()\n        time.sleep(40000)" in fixed(body).text
