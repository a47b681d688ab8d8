"""How a program gets to the code of a finding is said in a note: the worker, the thread, the command."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

import dbhygiene
from dbhygiene.cli import main
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding

MODELS = "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n"
WORK = "import time\nfrom models import Order\n\n\ndef work(order=None):\n    {}\n"
GAP = "Order.objects.count()\n    time.sleep(99999)\n    Order.objects.count()"


def write(folder: Path, files: dict[str, str]) -> None:
    (folder / ".git").mkdir(exist_ok=True)
    for name, text in {"models": MODELS, "work": WORK.format(GAP), **files}.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))


@pytest.fixture
def notes(tmp_path: Path):
    """The notes of the gap in `work.py`."""

    def found(**files: str) -> list[str]:
        write(tmp_path, files)
        findings = dbhygiene.check(tmp_path, settings=Settings(min_confidence=Confidence.LIKELY))
        (finding,) = (each for each in findings if each.path.name == "work.py")
        return [note for note in finding.notes if note.startswith("runs ")]

    return found


APP = "app = Celery()\n\n\n@app.task(bind=True)\ndef nightly(self):\n    work()\n"
BOT = "bot = telebot.TeleBot('')\n\n\n@bot.message_handler()\ndef answer(message):\n    work()\n"
CHAT = "class Chat(SyncConsumer):\n    def receive(self):\n        work()\n"
THREAD = "threading.Thread(target=work).start()\n"
CALL = "from models import Order\nfrom work import work\n\n"
STARTERS = {
    f"import threading\n{CALL}{THREAD}": "runs in a thread: `threading.Thread`, app.py:5",
    f"import multiprocessing as mp\n{CALL}mp.Process(target=work).start()\n": (
        "runs in another process: `mp.Process`, app.py:5"
    ),
    f"from concurrent.futures import ThreadPoolExecutor\n{CALL}pool = ThreadPoolExecutor()\npool.submit(work)\n": (
        "runs in a thread of a pool: `pool.submit`, app.py:6"
    ),
    f"{CALL}\ndef begin(jobs):\n    jobs.submit(work)\n": "runs as a callback: `jobs.submit`, app.py:6",
    f"{CALL}\ndef begin(scheduler):\n    scheduler.add_job(work)\n": (
        "runs in a scheduled job: `scheduler.add_job`, app.py:6"
    ),
    f"import gevent\n{CALL}gevent.spawn(work)\n": "runs in a greenlet: `gevent.spawn`, app.py:5",
    f"from celery import shared_task\n{CALL}@shared_task\ndef nightly():\n    work()\n": (
        "runs in a Celery worker: `@shared_task`, app.py:5"
    ),
    f"from celery import Celery\n{CALL}{APP}": ("runs in a Celery worker: `@app.task`, app.py:8"),
    f"from django_rq import job\n{CALL}@job(timeout=-1)\ndef nightly():\n    work()\n": (
        "runs in an RQ worker: `@job`, app.py:5"
    ),
    f"from somewhere import queue\n{CALL}@queue.task\ndef nightly():\n    work()\n": (
        "runs in a worker: `@queue.task`, app.py:5"
    ),
    f"import threading\n{CALL}class Worker(threading.Thread):\n    def run(self):\n        work()\n\nWorker()\n": (
        "runs in a thread: `class Worker`, app.py:5"
    ),
    f"import django\n{CALL}django.setup()\nwork()\n": "runs in a script: `django.setup`, app.py:5",
    f"{CALL}\ndef main():\n    while True:\n        work()\n": "runs in a long-lived process: `while True`, app.py:6",
    f"from channels.consumer import SyncConsumer\n{CALL}{CHAT}": (
        "runs in a Channels consumer: `class Chat`, app.py:5"
    ),
    f"import telebot\n{CALL}{BOT}": ("runs at each event: `@bot.message_handler`, app.py:8"),
}


@pytest.mark.parametrize(("text", "note"), [*STARTERS.items()])
def test_a_note_says_where_the_code_of_a_gap_runs(notes, text: str, note: str) -> None:
    assert notes(app=text) == [note]


COMMAND = """
    from django.core.management.base import BaseCommand
    from work import work

    class Command(BaseCommand):
        def handle(self, **options):
            work()
"""
TASK = """
    from celery import shared_task
    from models import Order
    from steps import first

    @shared_task
    def nightly():
        first()
"""


def test_a_file_is_named_as_seen_from_the_project(notes) -> None:
    path = "management/commands/export"
    assert notes(**{path: COMMAND}) == [f"runs in a management command: `class Command`, {path}.py:5"]


def test_the_nearest_entry_point_is_named(notes) -> None:
    found = notes(tasks=TASK, steps="from work import work\n\ndef first():\n    work()\n", command=COMMAND)
    assert found == ["runs in a management command: `class Command`, command.py:5"]


def test_what_says_more_than_a_loop_without_an_end_is_named(notes) -> None:
    work = WORK.format("while True:\n        Order.objects.count()\n        time.sleep(99999)")
    assert notes(work=work) == ["runs in a long-lived process: `while True`, line 6"]
    assert notes(work=work, app=next(iter(STARTERS))) == ["runs in a thread: `threading.Thread`, app.py:5"]


def test_an_app_of_another_file_gives_the_library(notes) -> None:
    app = "from huey import SqliteHuey\n\nqueue = SqliteHuey()\n"
    task = f"from app import queue\n{CALL}@queue.task()\ndef nightly():\n    work()\n"
    assert notes(app=app, tasks=task) == ["runs in a Huey worker: `@queue.task`, tasks.py:5"]


def test_code_to_which_nothing_is_known_to_lead_has_no_such_note(notes) -> None:
    assert notes() == []


def test_each_file_is_given_the_same_note_whichever_files_are_checked(tmp_path: Path) -> None:
    files = {"tasks": TASK, "steps": "from work import work\n\ndef first():\n    work()\n", "command": COMMAND}
    write(tmp_path, files)
    whole = [each for each in dbhygiene.check(tmp_path) if each.path.name == "work.py"]
    assert whole
    assert dbhygiene.check(tmp_path / "work.py") == whole


def test_a_changed_line_of_another_file_changes_the_note(tmp_path: Path, capsys, monkeypatch) -> None:
    write(tmp_path, {"app": next(iter(STARTERS))})
    for number in range(20):  # enough to be remembered
        (tmp_path / f"view{number}.py").write_text("from models import Order\n\n\nOrder.objects.count()\n")
    monkeypatch.chdir(tmp_path)

    def place() -> str:
        main(["check", "-ojson", "-q", "."])
        (finding,) = (each for each in json.loads(capsys.readouterr().out) if each["filename"].endswith("work.py"))
        (note,) = (note for note in finding["notes"] if note.startswith("runs "))
        return str(note.rpartition(", ")[2])

    assert place() == "app.py:5"
    (tmp_path / "app.py").write_text(f"# begins the work\n{next(iter(STARTERS))}")
    assert place() == "app.py:6"


@pytest.mark.parametrize("name", ["full", "json", "json-lines", "sarif", "rdjson", "gitlab", "junit"])
def test_every_format_that_has_notes_has_this_one(tmp_path: Path, capsys, monkeypatch, name: str) -> None:
    write(tmp_path, {"app": next(iter(STARTERS))})
    monkeypatch.chdir(tmp_path)
    main(["check", f"-o{name}", "--no-cache", "."])
    assert "runs in a thread: `threading.Thread`, app.py:5" in capsys.readouterr().out


WAIT, QUERY = "time.sleep(99999)", "Order.objects.count()"
LOOPS = {
    f"while True:\n        {WAIT}\n        {QUERY}": True,
    f"while True:\n        {QUERY}\n        {WAIT}": False,
    f"while {WAIT} is None:\n        {QUERY}": True,
    f"while True:\n        if order:\n            {WAIT}\n        else:\n            {QUERY}": True,
    f"while True:\n        try:\n            {WAIT}\n        finally:\n            {QUERY}": True,
}


@pytest.mark.parametrize(("body", "is_before"), [*LOOPS.items()])
def test_a_query_below_its_wait_is_of_the_round_before(tmp_path: Path, body: str, is_before: bool) -> None:
    write(tmp_path, {"work": WORK.format(body)})
    (finding,) = (each for each in dbhygiene.check(tmp_path) if each.code == "HYG301")
    assert finding.steps[0].message == "queries the database" + ", in the previous round of the loop" * is_before


def test_a_query_within_a_with_that_waits_at_its_end_is_of_this_round(tmp_path: Path) -> None:
    body = "while order:\n        with subprocess.Popen(['x']):\n            Order.objects.count()"
    write(tmp_path, {"work": f"import subprocess\n{WORK.format(body)}"})
    found: list[Finding] = [each for each in dbhygiene.check(tmp_path) if each.code == "HYG301"]
    assert all("round" not in step.message for finding in found for step in finding.steps[:1])


def test_a_stream_gives_input(tmp_path: Path) -> None:
    command = COMMAND.replace("work()", "for line in sys.stdin:\n                Order.objects.create()")
    write(tmp_path, {"work": f"import sys\nfrom models import Order\n{dedent(command)}"})
    (finding,) = (each for each in dbhygiene.check(tmp_path) if each.code == "HYG301")
    assert "while the program waits for more input" in finding.message


NIGHTLY = f"import threading\n{CALL}class Nightly(threading.Thread):\n    def run(self):\n        work()\n"


@pytest.mark.parametrize(
    "use",
    [
        "from app import Nightly\n\nNightly().start()\n",
        "JOBS = ['app.Nightly']\n",
        "import app\n\n\nclass Hourly(app.Nightly):\n    pass\n",
    ],
)
def test_a_class_of_threads_that_the_program_may_start_runs_in_a_thread(notes, use: str) -> None:
    assert notes(app=NIGHTLY, other=use) == ["runs in a thread: `class Nightly`, app.py:5"]


@pytest.mark.parametrize(
    "use",
    [
        "",
        "class Nightly:\n    def start(self):\n        print('[Nightly.run]')\n\n\nNightly().start()\n",
        "from other_package import nightly\n\nnightly.start()\n",
    ],
)
def test_a_class_of_threads_that_nothing_starts_is_no_entry_point(notes, use: str) -> None:
    assert notes(app=NIGHTLY, other=use) == []
