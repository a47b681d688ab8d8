"""Each of the HYG3 rules on a real Django: the fault that it reports is met, and is met no more once it is mended.

The programs run side by side, in two rounds: as written, and mended: by `dbhygiene fix`, or by hand, as the rule's
page says, where there is no fix to be applied. Another Django is tested in an environment that has it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from .mariadb import GONE, Run, Server, dbhygiene

PATIENCE = 2  # seconds that the server waits for the next question
MOST = 5  # connections of one user
SETTING = ("--server-timeout", str(PATIENCE), "--extend-select", "HYG309")

SETTINGS = """
import os
from pymysql.cursors import SSCursor

SECRET_KEY = "not in use"
INSTALLED_APPS = ["shop"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "HOST": os.environ["DB_HOST"],
        "PORT": os.environ["DB_PORT"],
        "USER": os.environ["DB_USER"],
        "NAME": os.environ["DB_NAME"],
        MORE
    }
}
"""
PATIENT_SERVER = '"OPTIONS": {"init_command": "SET wait_timeout = 600"},'
TWO_DATABASES = 'DATABASES["other"] = {**DATABASES["default"], "CONN_MAX_AGE": 0}\n'

MODELS = """
from django.db import models

class Order(models.Model):
    number = models.IntegerField(default=1)
"""

# The numbers of lines do not matter: the table is made before, and its connection is no part of the program.
BEGINNING = """\
import pymysql
pymysql.install_as_MySQLdb()
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from django.db import connection
from shop.models import Order
with connection.schema_editor() as editor:
    editor.create_model(Order)
connection.close()
import program
program.main()
"""


@dataclass(frozen=True)
class Row:
    """A program: its output has one of `meets`; mended by the fix, or by replacing `by_hand`, it says `says`."""

    code: str
    program: str
    says: str
    meets: tuple[str, ...] = GONE
    by_hand: tuple[tuple[str, str], ...] = ()
    settings: str = ""
    also: str = ""  # more of the settings
    options: tuple[str, ...] = ()  # of the fix


ROWS = {
    "a sleep": Row(
        "HYG301",
        """
        import time
        from shop.models import Order

        def main():
            Order.objects.create()
            time.sleep(3.5)
            print("orders:", Order.objects.count())
        """,
        "orders: 1",
    ),
    "another program, in a helper": Row(
        "HYG301",
        """
        import subprocess
        from django.core.management.base import BaseCommand
        from shop.models import Order

        class Command(BaseCommand):
            def handle(self, *args, **options):
                for order in Order.objects.filter(number=1):
                    self.render()
                    order.save()
                print("rendered")

            def render(self):
                subprocess.run(["sh", "-c", "sleep 3.5"])

        def main():
            Order.objects.create()
            Command().handle()
        """,
        "rendered",
    ),
    "a loop": Row(
        "HYG301",
        """
        import sys
        import time
        from shop.models import Order

        def work():
            if Order.objects.count() == 2:
                sys.exit("done")
            Order.objects.create()

        def main():
            while True:
                work()
                time.sleep(3.5)
        """,
        "done",
    ),
    "before a transaction": Row(
        "HYG301",
        """
        import time
        from django.db import transaction
        from shop.models import Order

        def main():
            Order.objects.create()
            time.sleep(3.5)
            with transaction.atomic():
                print("began")
        """,
        "began",
    ),
    "two databases": Row(
        "HYG301",
        """
        import time
        from shop.models import Order

        def main():
            Order.objects.using("other").create()
            time.sleep(3.5)
            print("orders:", Order.objects.using("other").count())
        """,
        "orders: 1",
        also=TWO_DATABASES,
    ),
    "a coroutine": Row(
        "HYG301",
        """
        import asyncio
        from shop.models import Order

        async def work():
            await Order.objects.acreate()
            await asyncio.sleep(3.5)
            print("orders:", await Order.objects.acount())

        def main():
            asyncio.run(work())
        """,
        "orders: 1",
    ),
    "a caller's transaction is kept": Row(
        "HYG301",
        """
        import time
        from django.db import transaction
        from shop.models import Order

        def main():
            Order.objects.create()
            rest()
            print("orders:", Order.objects.count())

        def rest():
            Order.objects.count()
            time.sleep(3.5)
            Order.objects.count()
        """,
        "orders: 1",
    ),
    "a command in the transaction of a test": Row(
        "HYG301",
        """
        import time
        from django.core.management.base import BaseCommand
        from django.db import transaction
        from shop.models import Order

        class Command(BaseCommand):
            def handle(self, *args, **options):
                Order.objects.create()
                time.sleep(3.5)
                print("orders:", Order.objects.count())

        def main():
            Command().handle()
            time.sleep = print  # a test does not wait
            with transaction.atomic():
                Order.objects.create()
                Command().handle()
        """,
        "orders: 3",
    ),
    "CONN_MAX_AGE": Row(
        "HYG302",
        """
        import time
        from django.db import close_old_connections
        from shop.models import Order

        def main():
            Order.objects.create()
            time.sleep(3.5)
            close_old_connections()
            print("orders:", Order.objects.count())
        """,
        "orders: 1",
        settings='"CONN_MAX_AGE": 600,',
    ),
    "closed on success": Row(
        "HYG302",
        """
        import time
        from django.db import connection
        from shop.models import Order

        def main():
            try:
                Order.objects.create()
                int("none")
                connection.close()
            except ValueError:
                print("no number")
            time.sleep(3.5)
            print("orders:", Order.objects.count())
        """,
        "orders: 1",
    ),
    "rows that are lost": Row(
        "HYG303",
        """
        from django.db import connection, transaction
        from shop.models import Order

        def main():
            with transaction.atomic():
                Order.objects.create()
                connection.close()
            print("orders:", Order.objects.count())
        """,
        "orders: 1",
        meets=("orders: 0",),
        by_hand=(("        connection.close()", "        pass"),),
    ),
    "closed while rows are read": Row(
        "HYG304",
        """
        from django.db import connection
        from shop.models import Order

        def main():
            Order.objects.bulk_create([Order() for _ in range(3000)])
            for order in Order.objects.iterator():
                if order.pk == 7:
                    connection.close()
            print("read")
        """,
        "read",
        meets=("Error",),
        by_hand=((".iterator()", ".all()"),),
        settings='"OPTIONS": {"cursorclass": SSCursor},',  # as mysqlclient does; PyMySQL would read all at once
    ),
    "closed in a coroutine": Row(
        "HYG305",
        """
        import asyncio
        from django.db import connection
        from shop.models import Order

        async def work():
            await Order.objects.acreate()
            connection.close()
            print("orders:", await Order.objects.acount())

        def main():
            asyncio.run(work())
        """,
        "orders: 1",
        meets=("SynchronousOnlyOperation",),
    ),
    "closed by a child": Row(
        "HYG306",
        """
        import os
        from django.db import connection
        from shop.models import Order

        def main():
            Order.objects.create()
            if os.fork() == 0:
                connection.close()
                os._exit(0)
            os.wait()
            print("orders:", Order.objects.count())
        """,
        "orders: 1",
        by_hand=(("    if os.fork()", "    connection.close()\n    if os.fork()"),),
    ),
    "closed in the run of a process": Row(
        "HYG306",
        """
        import multiprocessing
        from django.db import connection
        from shop.models import Order

        class Worker(multiprocessing.get_context("fork").Process):
            def run(self):
                connection.close()
                Order.objects.create()

        def main():
            Order.objects.create()
            worker = Worker()
            worker.start()
            worker.join()
            print("orders:", Order.objects.count())
        """,
        "orders: 2",
        by_hand=(("    worker.start()", "    connection.close()\n    worker.start()"),),
    ),
    "threads": Row(
        "HYG307",
        """
        import gc
        import threading
        from shop.models import Order

        def work(kept):
            kept.append(Order.objects.create())

        def main():
            gc.disable()  # nobody knows when it comes
            kept, threads = [], []
            for _ in range(8):
                threads.append(threading.Thread(target=work, args=(kept,)))
                threads[-1].start()
                threads[-1].join()
            print("orders:", len(kept))
        """,
        "orders: 8",
        meets=("(1226, ",),
        settings=PATIENT_SERVER,
        by_hand=(
            ("    kept.append", "    try:\n        kept.append"),
            ("create())\n", "create())\n    finally:\n        connection.close()\n"),
            ("import threading", "import threading\nfrom django.db import connection"),
        ),
    ),
    "pools, one after the other": Row(
        "HYG307",
        """
        import gc
        from concurrent.futures import ThreadPoolExecutor
        from shop.models import Order

        def work():
            return Order.objects.create()

        def main():
            gc.disable()
            kept = []
            for _ in range(8):
                with ThreadPoolExecutor(1) as pool:
                    kept.append(pool.submit(work).result())
            print("orders:", len(kept))
        """,
        "orders: 8",
        meets=("(1226, ",),
        settings=PATIENT_SERVER,
        by_hand=(
            ("    return Order", "    try:\n        return Order"),
            ("create()\n", "create()\n    finally:\n        connection.close()\n"),
            ("import gc", "import gc\nfrom django.db import connection"),
        ),
    ),
    "a transaction that waits": Row(
        "HYG308",
        """
        import time
        from django.db import transaction
        from shop.models import Order

        def main():
            with transaction.atomic():
                Order.objects.create()
                time.sleep(3.5)
                Order.objects.create()
            print("orders:", Order.objects.count())
        """,
        "orders: 2",
        by_hand=(("        time.sleep(3.5)\n", ""),),
    ),
    "a daemon": Row(
        "HYG309",
        """
        import sys
        from django.db import connection
        from shop.models import Order

        rounds = []

        def work():
            rounds.append(1)
            if len(rounds) == 2:
                with connection.cursor() as cursor:
                    cursor.execute("KILL CONNECTION_ID()")
            if len(rounds) == 5:
                print("recovered")
            Order.objects.count()

        def main():
            while True:
                try:
                    if len(rounds) == 5:
                        sys.exit()
                    work()
                except Exception as error:
                    if len(rounds) == 5:
                        sys.exit(f"never recovers: {error}")
        """,
        "recovered",
        meets=("never recovers: ",),
    ),
    "a request": Row(
        "HYG310",
        """
        import time
        from django.core import signals
        from shop.models import Order

        def request():
            signals.request_started.send(sender=None)
            Order.objects.count()
            signals.request_finished.send(sender=None)

        def main():
            request()
            time.sleep(3.5)
            request()
            print("answered")
        """,
        "answered",
        settings='"CONN_MAX_AGE": None,',
        options=("--select", "HYG310", "--unsafe-fixes"),
    ),
}


def test_what_is_reported_is_met_and_met_no_more_once_it_is_mended(server: Server, tmp_path: Path) -> None:
    places = {name: write(tmp_path, name, row) for name, row in ROWS.items()}
    found = reported(tmp_path)
    assert [name for name, row in ROWS.items() if row.code not in found[places[name].name]] == []
    server.set(wait_timeout=PATIENCE)
    programs = {name: place / "run.py" for name, place in places.items()}
    before = server.run_all(programs, max_connections=MOST)
    assert {name: run.output for name, run in before.items() if not met(ROWS[name], run)} == {}
    mend(tmp_path, places)
    after = server.run_all(programs, max_connections=MOST)
    assert {name: run.output for name, run in after.items() if ended(run) != (0, ROWS[name].says)} == {}


def write(directory: Path, name: str, row: Row) -> Path:
    place = directory / name.replace(" ", "_").replace("'", "").replace(",", "")
    (place / "shop").mkdir(parents=True)
    files = {
        "settings.py": SETTINGS.replace("MORE", row.settings) + row.also,
        "shop/__init__.py": "",
        "shop/models.py": MODELS,
        "program.py": dedent(row.program).lstrip(),
        "run.py": BEGINNING,
    }
    for file, text in files.items():
        (place / file).write_text(text)
    return place


def reported(directory: Path) -> dict[str, set[str]]:
    """The rules that report each of the programs, by its directory."""
    told = dbhygiene("check", *SETTING, "--output-format", "json", cwd=directory, leaves=True)
    found: dict[str, set[str]] = defaultdict(set)
    for finding in json.loads(told):
        found[Path(finding["filename"]).relative_to(directory).parts[0]].add(finding["code"])
    return found


def mend(directory: Path, places: dict[str, Path]) -> None:
    fixed: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, place in places.items():
        row, program = ROWS[name], place / "program.py"
        for old, new in row.by_hand:
            text = program.read_text()
            assert old in text
            program.write_text(text.replace(old, new))
        if not row.by_hand:
            fixed[row.options].append(place.name)
    for options, names in fixed.items():
        dbhygiene("fix", *SETTING, *options, *names, cwd=directory, leaves=True)


def met(row: Row, run: Run) -> bool:
    return any(each in run.output for each in row.meets)


def ended(run: Run) -> tuple[int, str]:
    return (0 if run.output.strip().endswith("done") else run.status), run.output.strip().rpartition("\n")[2]
