"""Each form of a call, asked by both analyses: does it close the connection, and how long does it wait?

The program is the same but for the body of the function that is called in the end. Where an analysis does not follow a
form, it must be silent: the table says so.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.project.project import Project

BOTH, WAITS, NONE = "lifetimes and gaps", "gaps", "neither"


class Form(NamedTuple):
    """The definitions, with BODY in the function that is called; the statements that call it, with `conn`."""

    definitions: str
    call: str
    followed: str = BOTH


FORMS = {
    "plain": Form("def work(conn):\n    BODY", "work(conn)"),
    "keyword": Form("def work(*, conn):\n    BODY", "work(conn=conn)"),
    "method": Form("class Worker:\n    def work(self, conn):\n        BODY", "Worker().work(conn)"),
    "classmethod": Form("class Worker:\n    @classmethod\n    def work(cls, conn):\n        BODY", "Worker.work(conn)"),
    "staticmethod": Form("class Worker:\n    @staticmethod\n    def work(conn):\n        BODY", "Worker.work(conn)"),
    "constructor": Form("class Worker:\n    def __init__(self, conn):\n        BODY", "Worker(conn)"),
    "super": Form(
        """
        class Base:
            def work(self, conn):
                BODY
        class Worker(Base):
            def work(self, conn):
                super().work(conn)
        """,
        "Worker().work(conn)",
    ),
    "override": Form(
        """
        class Base:
            def run(self, conn):
                self.work(conn)
            def work(self, conn):
                print(conn)
        class Worker(Base):
            def work(self, conn):
                BODY
        """,
        "Worker().run(conn)",
    ),
    "table": Form("def work(conn):\n    BODY\nTABLE = {'work': work}", "TABLE['work'](conn)"),
    "chosen by a condition": Form(
        "def work(conn):\n    BODY\ndef other(conn):\n    BODY", "run = work if number else other\nrun(conn)"
    ),
    "callback": Form(
        "def apply(function, value):\n    function(value)\ndef work(conn):\n    BODY", "apply(work, conn)"
    ),
    "decorator": Form(
        """
        import functools
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **options):
                print("called")
                return function(*args, **options)
            return wrapper
        @logged
        def work(conn):
            BODY
        """,
        "work(conn)",
    ),
    "property": Form(
        """
        class Worker:
            def __init__(self, conn):
                self.conn = conn
            @property
            def work(self):
                conn = self.conn
                BODY
        """,
        "Worker(conn).work",
    ),
    "context manager": Form(
        "import contextlib\n@contextlib.contextmanager\ndef work(conn):\n    yield\n    BODY",
        "with work(conn):\n    print(2)",
    ),
    "class of a context manager": Form(
        """
        class Worker:
            def __init__(self, conn):
                self.conn = conn
            def __enter__(self):
                return self
            def __exit__(self, *error):
                conn = self.conn
                BODY
        """,
        "with Worker(conn):\n    print(2)",
    ),
    "generator": Form("def work(conn):\n    BODY\n    yield 1", "for row in work(conn):\n    print(row)"),
    "coroutine": Form("async def work(conn):\n    BODY", "await work(conn)"),
    "task": Form("import asyncio\nasync def work(conn):\n    BODY", "await asyncio.create_task(work(conn))"),
    "partial": Form("import functools\ndef work(conn):\n    BODY", "functools.partial(work, conn)()", WAITS),
    "lambda": Form("def work(conn):\n    BODY\nrun = lambda conn: work(conn)", "run(conn)", WAITS),
    "thread of asyncio": Form(
        "import asyncio\ndef work(conn):\n    BODY", "await asyncio.to_thread(work, conn)", WAITS
    ),
    "unpacked": Form("def work(*args):\n    conn = args[0]\n    BODY", "work(conn)", WAITS),
    "getattr": Form("class Worker:\n    def work(self, conn):\n        BODY", "getattr(Worker(), 'work')(conn)", NONE),
    "bound method": Form(
        "class Worker:\n    def work(self, conn):\n        BODY", "run = Worker().work\nrun(conn)", NONE
    ),
    "callable object": Form("class Worker:\n    def __call__(self, conn):\n        BODY", "Worker()(conn)", NONE),
}


@pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in FORMS.items()])
@pytest.mark.parametrize(("body", "leaks"), [("conn.close()", False), ("conn.cursor()", True)])
def test_lifetimes_know_what_is_called(tmp_path: Path, form: Form, body: str, leaks: bool) -> None:
    opened = "conn = pymysql.connect(host='db')"
    found = findings(tmp_path, {"main.py": program("import pymysql", form, body, [opened], [])}, "main.py")
    assert found == (["HYG101"] if leaks and form.followed == BOTH else [])


@pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in FORMS.items()])
@pytest.mark.parametrize(("body", "waits"), [("print(conn)", False), ("time.sleep(36000)", True)])
def test_gaps_know_what_is_called(tmp_path: Path, form: Form, body: str, waits: bool) -> None:
    query = "Order.objects.get(number=1)"
    run = "asyncio.run(report(1))" if "await" in form.call else "report(1)"
    command = f"class Command(BaseCommand):\n    def handle(self, **options):\n        {run}\n"
    imports = "import asyncio, time\nfrom django.core.management.base import BaseCommand\nfrom shop.models import Order"
    text = program(imports, form, body, ["conn = 1", query], [query])
    settings = "DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql'}}\nINSTALLED_APPS = ['shop']\n"
    files = {
        "settings.py": settings,
        "shop/models.py": "from django.db import models\nclass Order(models.Model): ...\n",
        "shop/management/commands/report.py": text + command,
    }
    found = findings(tmp_path, files, "shop/management/commands/report.py")
    assert found == (["HYG301"] if waits and form.followed != NONE else [])


def program(imports: str, form: Form, body: str, before: list[str], after: list[str]) -> str:
    """A function that calls by the form, between other statements."""
    defined = textwrap.dedent(form.definitions).replace("BODY", body)
    kind = "async def" if "await" in form.call else "def"
    lines = textwrap.indent("\n".join([*before, form.call, *after]), "    ")
    return f"{imports}\n{defined}\n{kind} report(number):\n{lines}\n"


def findings(root: Path, files: dict[str, str], name: str) -> list[str]:
    for each, text in files.items():
        path = root / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [each.code for each in check_file(Project(root).file(root / name), all_rules())]
