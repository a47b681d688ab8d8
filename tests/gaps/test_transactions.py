"""Fixed programs within a transaction, as a project's own tests run them: what they do there must stay the same.

Each program is run by a `TestCase` on a real Django with a file of SQLite, once as written and once fixed. SQLite in
memory would not do: Django does not close it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from textwrap import dedent

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Settings
from dbhygiene.fixes.apply import fix
from dbhygiene.source.file import File, NoProject

pytest.importorskip("django")

RULES = [rule for rule in all_rules() if rule.code in {"HYG301", "HYG302", "HYG305", "HYG309"}]

HEAD = """\
import asyncio
import subprocess
import time

from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand
from django.db import close_old_connections, connections
from shop.models import Order

"""
WAITS = ("time.sleep(600)", 'input("Go on? ")')
ALIASES = ("Order.objects", 'Order.objects.using("other")')
SHAPES = {
    "straight": """
        def run():
            ORDERS.create()
            WAIT
            print(ORDERS.count())
        """,
    "command": """
        class Command(BaseCommand):
            def handle(self, *args, **options):
                print(ORDERS.count())
                if WAIT != "n":
                    ORDERS.create()
                print(ORDERS.count())

        def run():
            Command().handle()
        """,
    "loop": """
        class Command(BaseCommand):
            def handle(self, *args, **options):
                for number in range(3):
                    ORDERS.create(number=number)
                    WAIT

        def run():
            Command().handle()
            print(ORDERS.count())
        """,
    "helper": """
        class Command(BaseCommand):
            def handle(self, *args, **options):
                for order in ORDERS.filter(number=0):
                    self.pause()
                    order.save()

            def pause(self):
                WAIT

        def run():
            ORDERS.create()
            Command().handle()
            print(ORDERS.count())
        """,
    "asked in a helper": """
        def begin():
            ORDERS.create()
            WAIT

        def run():
            begin()
            print(ORDERS.count())
        """,
    "one wait in another": """
        def lend():
            order = ORDERS.first()
            if WAIT == "y":
                order.save()

        def run():
            for word in ("lend", "count"):
                ORDERS.create()
                WAIT
                if word == "lend":
                    lend()
            print(ORDERS.count())
        """,
    "daemon": """
        def run():
            rounds = 0
            while True:
                try:
                    rounds += 1
                    if rounds == 4:
                        raise KeyboardInterrupt
                    print(ORDERS.count(), 1 / (rounds - 1))
                except Exception as error:
                    print(error)
        """,
}
COROUTINES = {
    "acreate": """
        async def run():
            await ORDERS.acreate()
            await asyncio.sleep(600)
            print(await ORDERS.acount())
        """,
    "closed in a coroutine": """
        async def run():
            await ORDERS.acreate()
            CLOSE
            print(await ORDERS.acount())
        """,
}
CLOSES = ("close_old_connections()", "connections.close_all()")

SETTINGS = """\
SECRET_KEY = "not in use"
INSTALLED_APPS = ["shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    name: {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{name}.db", "TEST": {"NAME": f"test_{name}.db"}}
    for name in ("default", "other")
}
"""
MODELS = """\
from django.db import models

class Order(models.Model):
    number = models.IntegerField(default=0)
"""
# Runs each program in the transaction of a `TestCase`; prints what each of them printed, and how it ended.
RUNNER = """\
import contextlib, inspect, io, json, os, sys, unittest
from importlib import import_module
from unittest import mock
from asgiref.sync import async_to_sync
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from django.test import TestCase
from django.test.runner import DiscoverRunner

outcomes = {}

def case(name):
    class Case(TestCase):
        databases = {"default", "other"}

        def test(self):
            printed = io.StringIO()
            async def at_once(*args): pass
            with contextlib.redirect_stdout(printed), mock.patch("builtins.input", lambda *args: "y"), \\
                    mock.patch("time.sleep"), mock.patch("subprocess.run"), mock.patch("asyncio.sleep", at_once):
                try:
                    run = import_module(name).run
                    (async_to_sync(run) if inspect.iscoroutinefunction(run) else run)()
                    end = "ended"
                except BaseException as error:
                    end = type(error).__name__
            outcomes[name] = [end, printed.getvalue()]
    return Case

class Runner(DiscoverRunner):
    def build_suite(self, *args, **kwargs):
        load = unittest.defaultTestLoader.loadTestsFromTestCase
        return unittest.TestSuite(load(case(name)) for name in sys.argv[1:])

with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
    Runner(verbosity=0, interactive=False).run_tests([])
print(json.dumps(outcomes))
"""


def programs() -> dict[str, str]:
    found = {}
    for (name, shape), wait, orders in product(SHAPES.items(), WAITS, ALIASES):
        found[f"{name}, {wait}, {orders}"] = shape.replace("WAIT", wait).replace("ORDERS", orders)
    for (name, shape), close, orders in product(COROUTINES.items(), CLOSES, ALIASES):
        found[f"{name}, {close}, {orders}"] = shape.replace("CLOSE", close).replace("ORDERS", orders)
    return {name: HEAD + dedent(text) for name, text in found.items()}


def fixed(text: str) -> str:
    file = File(Path("program.py"), text, project=NoProject(Settings()))
    return fix(file, lambda file: check_file(file, RULES)).text


def outcomes(directory: Path, texts: dict[str, str]) -> dict[str, list[str]]:
    """How each program ends, and what it prints, in a test's transaction."""
    (directory / "shop").mkdir(parents=True)
    named = {f"program{number}": name for number, name in enumerate(texts)}
    files = {"settings": SETTINGS, "shop/__init__": "", "shop/models": MODELS, "run": RUNNER}
    for module, text in {**files, **{module: texts[name] for module, name in named.items()}}.items():
        (directory / f"{module}.py").write_text(text)
    command = [sys.executable, "run.py", *named]
    run = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return {named[module]: outcome for module, outcome in json.loads(run.stdout).items()}


def test_fixes_keep_what_a_program_does_in_the_transaction_of_a_test(tmp_path: Path) -> None:
    before = programs()
    after = {name: fixed(text) for name, text in before.items()}
    assert [name for name in before if after[name] == before[name]] == []
    told = outcomes(tmp_path / "before", before)
    assert {end for end, _ in told.values()} == {"ended", "KeyboardInterrupt"}
    assert outcomes(tmp_path / "after", after) == told


def test_a_close_without_the_guard_is_met(tmp_path: Path) -> None:
    after = {name: fixed(text) for name, text in programs().items() if "other" not in name}
    guard = re.compile(r"^( *)if not connection\.in_atomic_block:\n +(.*)|(connection\.in_atomic_block or )", re.M)
    bare = {name: guard.sub(lambda match: f"{match[1] or ''}{match[2] or ''}", text) for name, text in after.items()}
    told = outcomes(tmp_path / "bare", bare)
    assert {name for name in bare if bare[name] != after[name] and told[name][0] != "ProgrammingError"} <= {
        name for name in bare if name.startswith("daemon")
    }
