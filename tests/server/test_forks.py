"""No fix ends the session that two processes share: programs that fork, as `dbhygiene fix` leaves them.

Each waits in code that a child runs, on the connection of its parent or on its own. Nobody really sleeps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from textwrap import dedent, indent

import pytest

from .mariadb import GONE, Run, Server, dbhygiene
from .test_django import BEGINNING, MODELS, SETTINGS

SAYS = "orders: 1"
WAIT = "time.sleep(999)"
CLOSES_IN_CHILD = re.compile(rf"connection\.close\(\)\n +{re.escape(WAIT)}")
RUNS_AT_ONCE = BEGINNING.replace("import program\n", "import time\ntime.sleep = int\nimport program\n")

WAYS = {  # of starting `work` in another process
    "a process": """
        multiprocessing.Process(target=work, args=(Job(),)).start()
    """,
    "a process in a variable": """
        process = context.Process(target=work, args=(Job(),))
        process.start()
        process.join()
    """,
    "a class of processes": """
        class Worker(multiprocessing.Process):
            def run(self):
                work(Job())

        Worker().start()
    """,
    "a pool": """
        with multiprocessing.Pool(1) as pool:
            pool.map(work, [Job()])
    """,
    "an executor": """
        with ProcessPoolExecutor(1, context) as pool:
            list(pool.map(work, [Job()]))
    """,
    "os.fork": """
        if os.fork() == 0:
            work(Job())
            os._exit(0)
    """,
}
PLACES = {  # where the child waits; each has queried before
    "in its function": (WAIT, "pass", "pass"),
    "in a helper": ("_wait()", WAIT, "pass"),
    "in a method of an unknown object": ("job.render()", "pass", WAIT),
}
PARENTS = {  # what the parent does before it forks, and whether it has closed its connection
    "asked": ("", False),
    "closed": ("connections.close_all()", True),
    "closed and asked": ("connections.close_all()\nOrder.objects.count()", False),
    "closed perhaps": ("if os.environ.get('CLOSES'):\n    connection.close()", False),
}

PROGRAM = """
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from django.db import connection, connections
from shop.models import Order

multiprocessing.set_start_method("fork")
context = multiprocessing.get_context()

class Job:
    def render(self):
        Order.objects.count()
        INSIDE
        Order.objects.count()

def work(job):
    Order.objects.count()
    CALL
    Order.objects.count()

def _wait():
    _really_wait()

def _really_wait():
    Order.objects.count()
    HERE
    Order.objects.count()

def main():
    Order.objects.create()
BEFORE
START
    while multiprocessing.active_children():
        pass
    if START_IS_FORK:
        os.wait()
    print("orders:", Order.objects.count())
"""


@dataclass(frozen=True)
class Forking:
    """A program that forks, and whether its child has a connection of its own."""

    text: str
    is_safe: bool


def program(way: str, place: str, parent: str) -> Forking:
    (call, here, inside), (before, has_closed) = PLACES[place], PARENTS[parent]
    text = PROGRAM.replace("CALL", call).replace("HERE", here).replace("INSIDE", inside)
    text = text.replace("START_IS_FORK", str(way == "os.fork"))
    text = text.replace("BEFORE", indent(before, "    ")).replace("START", indent(dedent(WAYS[way]).strip(), "    "))
    return Forking(text, has_closed and way != "a class of processes")  # which may be started elsewhere, too


PROGRAMS = {
    f"{way}, {place}, {parent}": program(way, place, parent)
    for way, place, parent in product(WAYS, PLACES, PARENTS)
    if place == "in a helper" or (way in {"a process", "a pool"} and parent != "closed perhaps")
}


def test_no_fix_ends_the_session_of_a_parent(server: Server, tmp_path: Path) -> None:
    places = {name: write(tmp_path, name, each.text) for name, each in PROGRAMS.items()}
    dbhygiene("fix", "--select", "HYG301", cwd=tmp_path, leaves=True)
    now = {name: (place / "program.py").read_text() for name, place in places.items()}
    closes_in_child = {name for name, text in now.items() if CLOSES_IN_CHILD.search(text)}
    assert closes_in_child == {name for name, each in PROGRAMS.items() if each.is_safe}
    changed = {name: places[name] / "run.py" for name, text in now.items() if text != PROGRAMS[name].text}
    runs = server.run_all(changed)
    assert {name: run.output for name, run in runs.items() if run.output.strip() != SAYS} == {}


@pytest.mark.parametrize("parent", [name for name, (_, has_closed) in PARENTS.items() if not has_closed])
def test_such_a_fix_would_end_it(server: Server, tmp_path: Path, parent: str) -> None:
    wrong = {way: program(way, "in a helper", parent).text for way in WAYS}
    closing = {name: text.replace(WAIT, f"connection.close()\n    {WAIT}") for name, text in wrong.items()}
    runs = server.run_all({name: write(tmp_path, name, text) / "run.py" for name, text in closing.items()})
    assert {name: run.output for name, run in runs.items() if not _ends_session(run)} == {}


def _ends_session(run: Run) -> bool:
    return any(each in run.output for each in GONE)


def write(directory: Path, name: str, text: str) -> Path:
    place = directory / name.replace(" ", "_").replace(",", "")
    (place / "shop").mkdir(parents=True)
    files = {
        "dbhygiene.toml": "server-timeout = 300\n",  # a project of its own
        "settings.py": SETTINGS.replace("MORE", ""),
        "shop/__init__.py": "",
        "shop/models.py": MODELS,
        "program.py": text,
        "run.py": RUNS_AT_ONCE,
    }
    for file, content in files.items():
        (place / file).write_text(content)
    return place
