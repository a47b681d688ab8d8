"""`explain` gives the reason for which a line has no finding about Django's connection."""

from pathlib import Path
from textwrap import dedent

import pytest

from dbhygiene.config.settings import Settings
from dbhygiene.gaps.explanation import reasons
from dbhygiene.gaps.search import Gaps
from dbhygiene.project.project import Project

COMMAND = """
    import threading
    import time
    from django.core.management.base import BaseCommand
    from django.db import close_old_connections, connection
    from shop.models import Order

    class Command(BaseCommand):
        def handle(self, *args, **options):
            time.sleep(900)  # first
            Order.objects.count()  # query
            connection.close()  # close
            time.sleep(900)  # closed
            self.work()  # call
            options["f"](3)  # unknown
            threading.Thread(target=self.work).start()  # thread
            threading.Thread(target=self.run).start()  # runs
            threading.Thread(target=options["f"]).start()  # anything
            time.sleep(30)  # short
            Order.objects.count()
            time.sleep(3000)  # last

        def work(self):
            Order.objects.count()
            connection.close()

        def run(self):
            self.each(Order.objects.first())

        def each(self, order, then=None):
            then(order)

    def helper():
        time.sleep(40)  # helper

    def daily():
        while True:
            close_old_connections()
            Order.objects.count()
            time.sleep(86400)  # round
"""


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("first", "the program sleeps (15 min): not reported in `handle`, which makes no query before it"),
        ("query", "`Order.objects.count()` queries the database"),
        ("close", "`connection.close()` closes the connection"),
        (
            "closed",
            "the program sleeps (15 min): not reported, since the connection is closed before it:"
            " `connection.close()`, line 12",
        ),
        ("call", "`work` queries and closes the connection"),
        ("unknown", "the definition of `options['f']` is not found: it is assumed neither to query nor to wait"),
        ("thread", "the thread closes its connection: work.py:25"),
        ("runs", "`run` calls `then`, whose definition is not found, work.py:31"),
        ("anything", "the function that `Thread` starts is not found"),
        ("short", "the program sleeps (30 s): not reported, since the server closes connections only after 300 s"),
        (
            "last",
            "the program sleeps (50 min): a query comes before it, line 20; not reported in `handle`, since no query"
            " follows",
        ),
        (
            "round",
            "the program sleeps (24 h): a query comes before it, line 39; not reported in `daily`, since the"
            " connection is closed before the next query: `close_old_connections()`, line 38",
        ),
        (
            "helper",
            "no command, thread, task or script is known to run `helper`: of the waits in this file, only those for a"
            " person, of a server loop, or certainly longer than the timeout are reported",
        ),
    ],
)
def test_a_silent_line_is_explained(tmp_path: Path, mark: str, words: str) -> None:
    text = dedent(COMMAND)
    (tmp_path / "work.py").write_text(text)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if each.endswith(f"# {mark}"))
    project = Project(tmp_path, Settings())
    assert words in list(reasons(Gaps(project), project.file(tmp_path / "work.py"), line))


def test_a_setting_is_explained(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text('import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")\n')
    (tmp_path / "settings.py").write_text(
        'DATABASES = {"default": {\n    "ENGINE": "django.db.backends.mysql",\n    "CONN_MAX_AGE": 60,\n}}\n'
    )
    project = Project(tmp_path, Settings())
    [words] = reasons(Gaps(project), project.file(tmp_path / "settings.py"), 3)
    assert words == "by `CONN_MAX_AGE`, `close_old_connections()` keeps a connection for 60 s"
