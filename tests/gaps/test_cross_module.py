"""Gaps that show only when modules of a project are read together."""

from pathlib import Path
from textwrap import dedent

import pytest

import dbhygiene
from dbhygiene.config.settings import Confidence, Lasting, Settings
from dbhygiene.diagnostics.model import Safety
from dbhygiene.gaps.duration import FOR_EVER
from dbhygiene.gaps.gap_fixes import fix_gap
from dbhygiene.gaps.search import Gaps
from dbhygiene.project.project import Project

MODELS = """
    from django.db import models

    class Job(models.Model):
        state = models.CharField(max_length=9)

        def mark(self, state):
            self.state = state
            self.save()
"""

THREAD = """
import threading
from shop.models import Order

def count():
    print(Order.objects.count())

threading.Thread(target=count).start()
"""


@pytest.fixture
def gaps(tmp_path):
    def found(command, timeout=None, told=None, **modules):
        files = {"jobs/__init__.py": "", "jobs/models.py": MODELS, "jobs/command.py": command}
        files |= {f"jobs/{name}.py": text for name, text in modules.items()}
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        project = Project(tmp_path, Settings(server_timeout=timeout, gaps=told or {}))
        return list(Gaps(project).of(project.file(Path(tmp_path / "jobs/command.py"))))

    return found


def test_a_query_and_a_wait_in_other_modules_meet_in_the_caller(gaps):
    [gap] = gaps(
        """
        from jobs.pause import rest
        from jobs.work import work

        def run():
            while True:
                work()
                rest()
        """,
        pause="import time\ndef rest():\n    time.sleep(900)\n",
        work="from jobs.models import Job\ndef work():\n    return list(Job.objects.all())\n",
    )
    assert (gap.wait.node.lineno, gap.wait.origin.file.path.name) == (8, "pause.py")
    assert gap.seconds.least == 900


def test_a_method_of_a_model_asks(gaps):
    assert gaps(
        """
        import subprocess
        from celery import shared_task
        from jobs.models import Job

        @shared_task
        def run(pk):
            job = Job.objects.get(pk=pk)
            subprocess.run(["ffmpeg", "-i", job.path])
            job.mark("done")
        """
    )


def test_a_close_in_another_module_is_seen(gaps):
    assert not gaps(
        """
        from jobs.work import work
        import time

        def run():
            while True:
                work()
                time.sleep(900)
        """,
        work="""
        from django import db
        from jobs.models import Job
        def work():
            try:
                Job.objects.update(state="new")
            finally:
                db.connections.close_all()
        """,
    )


def test_a_decorator_that_closes_is_seen_around_what_it_decorates(gaps):
    assert not gaps(
        """
        import time
        from jobs.closing import fresh
        from jobs.models import Job

        @fresh
        def work():
            Job.objects.update(state="new")

        def run():
            while True:
                work()
                time.sleep(900)
        """,
        closing="""
        import functools
        from django.db import close_old_connections
        def fresh(function):
            @functools.wraps(function)
            def wrapper(*args):
                try:
                    return function(*args)
                finally:
                    close_old_connections()
            return wrapper
        """,
    )


def test_a_context_manager_that_closes_is_seen(gaps):
    assert not gaps(
        """
        import time
        from jobs.closing import fresh
        from jobs.models import Job

        def run():
            while True:
                with fresh():
                    Job.objects.update(state="new")
                time.sleep(900)
        """,
        closing="""
        from contextlib import contextmanager
        from django.db import connection
        @contextmanager
        def fresh():
            yield
            connection.close()
        """,
    )


PAGES = """
    from jobs.models import Job
    def pages():
        for number in range(100):
            yield list(Job.objects.filter(page=number))
    def rows():
        for job in list(Job.objects.all()):
            yield job
"""


def test_a_generator_that_asks_for_each_item_keeps_the_connection_awake(gaps):
    body = """
        import time
        from celery import shared_task
        from jobs.pages import {0}
        from jobs.models import Job

        @shared_task
        def run():
            for item in {0}():
                time.sleep(20)
            Job.objects.count()
    """
    assert not gaps(body.format("pages"), pages=PAGES)
    assert gaps(body.format("rows"), pages=PAGES)


def test_a_setting_says_how_long(gaps):
    command = """
        import time
        from django.conf import settings
        from jobs.models import Job

        def run():
            while True:
                Job.objects.count()
                time.sleep(settings.PAUSE)
    """
    [gap] = gaps(command, settings="PAUSE = 15 * 60\n")
    assert gap.seconds.least == 900
    assert not gaps(command, settings="PAUSE = 5\n")


def test_what_takes_long_may_be_told(gaps):
    command = """
        import time
        from celery import shared_task
        from jobs.models import Job
        from vendor import Client

        @shared_task
        def run(pk):
            job = Job.objects.get(pk=pk)
            Client("here").upload(job.path)
            job.save()
            time.sleep(900)
            job.save()
    """
    known = {"vendor.Client.upload": Lasting(0, float("inf")), "time.sleep": Lasting(0, 0)}
    assert [gap.wait.node.lineno for gap in gaps(command)] == [12]
    assert [gap.wait.node.lineno for gap in gaps(command, told=known)] == [10]
    [gap] = gaps(command, told=known | {"vendor.Client.upload": Lasting(400, 500)})
    assert (gap.seconds.least, gap.seconds.most) == (400, 500)


def test_plugins_are_called_by_the_name_of_their_function(gaps):
    [gap] = gaps(
        """
        from types import ModuleType
        from celery import shared_task
        from jobs.models import Job

        def work(plugin: ModuleType, pk):
            job = Job.objects.get(pk=pk)
            plugin.transform(job)
            job.save()

        @shared_task
        def run(plugin, pk):
            work(plugin, pk)
        """,
        copies="import shutil\ndef transform(job):\n    shutil.copy(job.path, '/tmp')\n",
        renders="import os\ndef transform(job):\n    os.system(job.command)\n",
    )
    assert gap.wait.origin.file.path.name == "renders.py"


@pytest.mark.parametrize(
    "more",
    [
        "# DATABASES['default']['ENGINE'] = 'django.db.backends.mysql'\n",
        "import os\nif 'DATABASE_URL' in os.environ:\n    DATABASES = {'default': dj_database_url.config()}\n",
    ],
)
def test_sqlite_that_is_only_for_development_says_nothing(gaps, more):
    command = """
        from jobs.models import Job

        def run():
            if Job.objects.count() and input():
                Job.objects.all().delete()
    """
    engine = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}\n'
    assert gaps(command, settings=engine + more)


def test_files_of_sqlite_never_go_away(gaps):
    command = """
        from jobs.models import Job

        def run():
            if Job.objects.count() and input():
                Job.objects.all().delete()
    """
    engine = 'DATABASES = {"default": {"ENGINE": "django.db.backends.%s"}}\n'
    assert gaps(command, settings=engine % "mysql")
    assert not gaps(command, settings=engine % "sqlite3")


def test_functions_that_call_each_other_come_to_an_end(gaps):
    [gap] = gaps(
        """
        import time
        from jobs.models import Job

        def ask(depth):
            Job.objects.count()
            if depth:
                rest(depth - 1)

        def rest(depth):
            time.sleep(400)
            ask(depth)
        """
    )
    assert gap.seconds.least == 400


@pytest.mark.parametrize(
    ("call", "is_found"),
    [
        ('call_command("fetch")', True),
        ('[call_command(name) for name in ("other", "fetch")]', True),
        ('[call_command(name) for name in ("other", "fetch --quick")]', False),
    ],
)
def test_another_command_that_is_called_runs_here(gaps, tmp_path, call, is_found):
    commands = tmp_path / "jobs/management/commands"
    commands.mkdir(parents=True)
    for package in (commands.parent, commands):
        (package / "__init__.py").touch()
    (commands / "fetch.py").write_text(
        dedent(
            """
            import time
            from django.core.management.base import BaseCommand

            class Command(BaseCommand):
                def handle(self, *args, **options):
                    time.sleep(900)
            """
        )
    )
    found = gaps(
        f"""
        from django.core.management import call_command
        from django.core.management.base import BaseCommand
        from jobs.models import Job

        class Command(BaseCommand):
            def handle(self, *args, **options):
                job = Job.objects.get()
                {call}
                job.save()
        """
    )
    assert [gap.wait.origin.file.path.name for gap in found] == ["fetch.py"] * is_found


@pytest.mark.parametrize(
    "open_",
    [
        "@property\n    def open(self):\n        return Job.objects.filter(state='open').count()",
        "@property\n    # of all states\n    @logged\n    def open(self):\n        return Job.objects.count()",
        "@kept\n    def open(self):\n        return Job.objects.count()",
        "@cached_property\n    def open(self):\n        return self.all\n"
        "    @property\n    def all(self):\n        return Job.objects.count()",
    ],
    ids=["property", "decorated", "renamed", "of a property"],
)
def test_a_property_that_asks_is_read(gaps, open_):
    assert gaps(
        """
        import time
        from jobs.models import Job
        from jobs.state import State

        def run():
            while True:
                state = State()
                time.sleep(900)
                print(state.open)
        """,
        state=f"""
from functools import cached_property
from functools import cached_property as kept
from jobs.log import logged
from jobs.models import Job
class State:
    {open_}
""",
    )


def test_a_person_is_asked_where_a_command_leads_there_not_in_a_worker(gaps):
    task = """
        from celery import shared_task
        from jobs.models import Job
        from jobs.rows import read

        @shared_task
        def work(verbose=False):
            print(Job.objects.count())
            for row in read(verbose):
                Job.objects.create(state=row)
    """
    rows = """
        def read(verbose):
            if verbose and input("Show all? ") != "y":
                return []
            return [1]
    """
    command = """
        from django.core.management.base import BaseCommand
        from jobs.command import work

        class Command(BaseCommand):
            def handle(self, *args, **options):
                work(verbose=True)
    """
    assert not gaps(task, rows=rows)
    [gap] = gaps(task, rows=rows, **{"management/commands/work": command})
    assert gap.wait.origin.file.path.name == "rows.py"


@pytest.mark.parametrize(
    ("databases", "close"),
    [(("default",), "{django.db.connection}.close()"), (("default", "old"), "{django.db.connections}.close_all()")],
)
def test_what_a_thread_is_shown_closes_all_databases(tmp_path, databases, close):
    settings = {name: {"ENGINE": "django.db.backends.mysql"} for name in databases}
    (tmp_path / "settings.py").write_text(f"import django\n\nINSTALLED_APPS = []\nDATABASES = {settings}\n")
    (tmp_path / "work.py").write_text(THREAD)
    (finding,) = dbhygiene.check(tmp_path)
    (edit,) = finding.fix.edits
    assert (finding.code, finding.fix.safety, edit.code) == ("HYG307", Safety.SHOWN, close)


CHILD = """
    import multiprocessing
    from django.db import connection, connections
    from jobs.models import Job

    tasks = multiprocessing.Queue()

    def work(job=None):
        pk = tasks.get()
        Job.objects.filter(pk=pk).update(state="done")
        ask(pk)
        job.rest()

    def ask(pk):
        job = Job.objects.get(pk=pk)
        input("Ready? ")
        job.save()

    class Resting:
        def rest(self):
            Job.objects.count()
            input("Ready? ")
            Job.objects.count()

    def fresh():
        connection.close()
        ask(1)

    def fresh_perhaps():
        if tasks.empty():
            connection.close()
        ask(1)

    def later(pk):
        job = Job.objects.get(pk=pk)
        input("Ready? ")
        job.save()
"""
PROCESS = "from multiprocessing import Process\n\n"
FORKED = {"ask", "rest"}


@pytest.mark.parametrize(
    ("made", "unfixed"),
    [
        (f"{PROCESS}Process(target=work).start()", FORKED),
        ("import billiard\n\nbilliard.Process(target=work).start()", FORKED),
        ("from multiprocessing import get_context\n\nget_context().Process(target=work).start()", FORKED),
        ("from multiprocessing import get_context\n\nget_context('spawn').Process(target=work).start()", set()),
        ("from multiprocessing import get_context\n\nspawn = 1\nget_context().Process(target=work).start()", FORKED),
        ("from threading import Thread\n\nThread(target=work).start()", set()),
        (f"{PROCESS}def run():\n    work()\n\nProcess(target=run).start()", FORKED),
        (f"{PROCESS}def run(do):\n    do()\n\nProcess(target=run, args=(ask,)).start()", {"ask"}),
        (f"{PROCESS}class Worker(Process):\n    def run(self):\n        work()\n", FORKED),
        (
            "import multiprocessing\n\nclass Base(multiprocessing.Process):\n    pass\n\n"
            "class Worker(Base):\n    def run(self):\n        work()\n",
            FORKED,
        ),
        ("import os\n\ndef start():\n    if os.fork() == 0:\n        work()\n\nstart()", FORKED),
        ("import os\n\ndef start():\n    if os.fork():\n        os.wait()\n    else:\n        work()", FORKED),
        (f"{PROCESS}Process(target=fresh).start()", set()),
        (f"{PROCESS}Process(target=fresh_perhaps).start()", {"ask"}),
        (f"{PROCESS}connections.close_all()\nProcess(target=work).start()", set()),
        (f"{PROCESS}connections.close_all()\np = Process(target=work)\nlater(2)\np.start()", FORKED),
        (f"{PROCESS}p = Process(target=work)\nlater(2)\nconnections.close_all()\np.start()", set()),
        (f"{PROCESS}connections.close_all()\nfor x in '12':\n    Process(target=work).start()", set()),
        (f"{PROCESS}connections.close_all()\nfor x in '12':\n    Process(target=work).start()\n    later(1)", FORKED),
    ],
)
def test_no_fix_closes_a_parents_connection(gaps, made, unfixed):
    start = "from jobs.command import Resting, ask, fresh, fresh_perhaps, later, work\nwork(Resting())\n"
    found = gaps(
        CHILD,
        start=f"{start}from django.db import connections\n{made}\n",
        late="from jobs.command import later\nlater(1)",
    )
    fixes = {gap.code.name: str(fix_gap(gap)) for gap in found}
    assert fixes.keys() >= {"ask", "rest", "later"}
    assert {name for name, fix in fixes.items() if "its parent's" in fix} - {"work"} == unfixed


PARENT = """
    import multiprocessing
    import time
    from jobs.models import Job

    def work():
        Job.objects.count()

    def begin():
        multiprocessing.Process(target=BEGUN).start()

    def run():
        Job.objects.count()
        begin()
        Job.objects.count()
        time.sleep(999)
        Job.objects.count()
"""


@pytest.mark.parametrize(("begun", "is_shared"), [("work", True), ("print", False)])
def test_no_fix_closes_a_connection_that_a_child_may_use(gaps, begun, is_shared):
    [gap] = gaps(PARENT.replace("BEGUN", begun))
    assert ("may still use" in str(fix_gap(gap))) is is_shared


@pytest.mark.parametrize(("settings", "is_found"), [("sys.path.insert(0, str(HERE / 'apps'))", True), ("", False)])
def test_apps_in_a_folder_on_the_path_import_each_other_by_their_last_names(tmp_path, settings, is_found):
    app = tmp_path / "site/apps/jobs"
    app.mkdir(parents=True)
    for package in (tmp_path / "site", app.parent, app):
        (package / "__init__.py").touch()
    (tmp_path / "site/settings.py").write_text(f"import sys\n{settings}\n")
    (app / "models.py").write_text(dedent(MODELS))
    (app / "pauses.py").write_text("import time\n\ndef pause():\n    time.sleep(9999)\n")
    (app / "work.py").write_text(
        dedent(
            """
            import django
            from jobs.models import Job
            from jobs.pauses import pause

            django.setup()
            job = Job.objects.get()
            pause()
            job.mark("done")
            """
        )
    )
    project = Project(tmp_path, Settings())
    assert bool([*Gaps(project).of(project.file(app / "work.py"))]) == is_found


def test_handlers_in_another_module_use_the_connection_that_a_module_keeps(tmp_path):
    (tmp_path / "store.py").write_text(
        dedent(
            """
            import pymysql

            class Store:
                def __init__(self):
                    self.conn = pymysql.connect(host="db")

                def count(self):
                    with self.conn.cursor() as cursor:
                        cursor.execute("select count(*) from orders")
                        return cursor.fetchone()[0]

                def close(self):
                    self.conn.close()

            store = Store()
            """
        )
    )
    views = dedent(
        """
        from flask import Flask
        from store import store

        app = Flask(__name__)

        @app.route("/")
        def index():
            return str(store.count())
        """
    )
    (tmp_path / "views.py").write_text(views)
    (finding,) = dbhygiene.check(tmp_path)
    assert (finding.code, finding.path.name, finding.span.line) == ("HYG110", "store.py", 6)
    (tmp_path / "views.py").write_text(views.replace("str(", "store.close() or str("))
    assert dbhygiene.check(tmp_path) == []


@pytest.mark.parametrize("named", ['setdefault("DJANGO_SETTINGS_MODULE", {})', '["DJANGO_SETTINGS_MODULE"] = {}'])
@pytest.mark.parametrize(("engine", "count"), [("mysql", 1), ("sqlite3", 0)])
def test_a_script_beside_the_directory_of_its_site(tmp_path, named, engine, count):
    site = f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.{engine}'}}}}\n"
    start = "os.environ" + ("." if named[0] == "s" else "") + named.format('"config.settings"')
    script = f"import os, time, django\n{start}\ndjango.setup()\nfrom shop.work import count\n\ndef main():\n"
    script += "    while True:\n        count()\n        time.sleep(3600)\n\nif __name__ == '__main__':\n    main()\n"
    other = site.replace("sqlite3", "mysql")
    for name, text in {
        "backend/manage.py": "",
        "backend/config/__init__.py": "",
        "backend/config/settings.py": site,
        "backend/shop/__init__.py": "",
        "backend/shop/models.py": dedent(MODELS),
        "backend/shop/work.py": "from shop.models import Job\n\ndef count():\n    return Job.objects.count()\n",
        "other/manage.py": start.replace("config.settings", "other.settings") + "\n",
        "other/other/__init__.py": "",
        "other/other/settings.py": other,
        "workers/main.py": script,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [each.code for each in dbhygiene.check(tmp_path, settings=Settings())] == ["HYG301"] * count


def test_what_a_test_passes_is_not_what_the_program_passes(gaps):
    command = """
        import time
        from jobs.models import Job

        def prepare(connection):
            connection.execute("set session sql_mode = ''")

        def run():
            {before}
            time.sleep(900)
            Job.objects.count()
    """
    test = "from django.db import connection\nfrom jobs.command import prepare\n\n"
    test += "def test_prepare():\n    with connection.cursor() as cursor:\n        prepare(cursor)\n"
    assert gaps(command.format(before="prepare(engine.connect())"), test_command=test) == []
    assert len(gaps(command.format(before="Job.objects.count()"), test_command=test)) == 1


@pytest.mark.parametrize(
    ("queue", "longest"),
    [
        ("django_rq.get_queue('mail')", 180),  # RQ's default
        ("Queue(default_timeout=3600, connection=Redis())", 3600),
        ("Queue(default_timeout=-1, connection=Redis())", FOR_EVER),
        ("Queue(**{'default_timeout': settings.LIMIT}, connection=Redis())", FOR_EVER),
    ],
)
def test_a_queue_ends_its_jobs(gaps, queue, longest):
    command = """
        import subprocess
        from jobs.models import Job

        def learn(pk):
            job = Job.objects.get(pk=pk)
            subprocess.run(["learn", job.state])
            job.save()
    """
    views = f"""
        import django_rq
        from redis import Redis
        from rq import Queue
        from jobs.command import learn

        def mark(request):
            {queue}.enqueue(learn, request.POST["pk"])
    """
    [gap] = gaps(command, timeout=300, views=views)
    assert gap.seconds.most == longest


@pytest.mark.parametrize(
    ("limits", "longest"),
    [
        ("RQ_QUEUES = {'mail': {'DEFAULT_TIMEOUT': 400}, 'slow': {'DEFAULT_TIMEOUT': 900}}", 900),
        ("DEFAULT_TIMEOUT = 3600  # of requests", 180),
    ],
)
def test_the_settings_of_a_site_limit_the_jobs_of_its_queues(gaps, limits, longest):
    command = """
        import django_rq
        import subprocess
        from jobs.models import Job

        @django_rq.job
        def learn(pk):
            job = Job.objects.get(pk=pk)
            subprocess.run(["learn", job.state])
            job.save()
    """
    [gap] = gaps(command, timeout=100, settings=limits)
    assert gap.seconds.most == longest


@pytest.mark.parametrize("limit", ["app.conf.task_time_limit = 900", "app.conf.update(task_time_limit=900)"])
def test_the_options_of_celery_limit_its_tasks(gaps, limit):
    command = """
        import subprocess
        from celery import shared_task
        from jobs.models import Job

        @shared_task
        def learn(pk):
            job = Job.objects.get(pk=pk)
            subprocess.run(["learn", job.state])
            job.save()
    """
    [gap] = gaps(command, timeout=300, celery=f"from celery import Celery\napp = Celery()\n{limit}\n")
    assert gap.seconds.most == 900


def test_a_job_and_its_pause_are_arguments(gaps):
    [gap] = gaps(
        """
        import time

        def repeat(job, pause):
            while True:
                job()
                time.sleep(pause)
        """,
        work="""
        from django.core.management.base import BaseCommand
        from jobs.command import repeat
        from jobs.models import Job

        class Command(BaseCommand):
            def handle(self, **options):
                repeat(self.count, 30 * 60)

            def count(self):
                return Job.objects.count()
        """,
    )
    assert gap.seconds.least == 1800


SHARED = {
    "config.py": "conn = None\n",
    "start.py": "import pymysql\nimport config\n\ndef main():\n    config.conn = pymysql.connect(host='db')\n",
    "db.py": "import pymysql\n\nconn = pymysql.connect(host='db')\n",
}
HANDLER = """
from discord.ext import commands
{imported}

class Shop(commands.Cog):
    @commands.command()
    async def count(self, ctx):
        {before}
        with {conn}.cursor() as cursor:
            cursor.execute("select 1")
"""


@pytest.mark.parametrize(
    ("imported", "conn", "before", "places"),
    [
        ("import config", "config.conn", "pass", ["start.py:5"]),
        ("import db", "db.conn", "pass", ["db.py:3"]),
        ("from db import conn", "conn", "pass", ["db.py:3"]),
        ("import db as store", "store.conn", "pass", ["db.py:3"]),
        ("import db", "db.conn", "db.conn.ping(reconnect=True)", []),
        ("from config import conn", "conn", "pass", []),  # None: it is read before it is opened
        ("import db", "db.conn", "db.conn = pymysql.connect()", []),
        ("import db", "db.conn", "conn = 1", ["db.py:3"]),
        ("import db", "other.conn", "other = ctx.bot", []),
    ],
)
def test_an_event_uses_the_connection_of_another_module(tmp_path, imported, conn, before, places):
    handler = HANDLER.format(imported=imported, conn=conn, before=before)
    for name, text in {**SHARED, "cog.py": handler}.items():
        (tmp_path / name).write_text(text)
    found = [each for each in dbhygiene.check(tmp_path, settings=Settings()) if each.code == "HYG110"]
    assert [f"{each.path.name}:{each.span.line}" for each in found] == places


STORE = """\
import pymysql

class Store:
    def __init__(self):
        self.conn = pymysql.connect()
        self.cursor = self.conn.cursor()

    def get(self, sql):
        self.cursor.execute(sql)
        rows = self.cursor.fetchall()
        self.conn.commit()
        return rows
"""


def test_steps_name_the_file_of_their_lines_and_the_query_that_fails_first(tmp_path):
    filler = "# the view stands on a line that the other file does not have\n" * 20
    view = 'from flask import Flask\nfrom store import Store\n\napp = Flask("shop")\nstore = Store()\n' + filler
    view += '@app.route("/")\ndef count():\n    return store.get("select 1")\n'
    for name, text in {"store.py": STORE, "view.py": view}.items():
        (tmp_path / name).write_text(text)
    [finding] = [each for each in dbhygiene.check(tmp_path, settings=Settings()) if each.code == "HYG110"]
    assert finding.message == "the server may close `self.conn` between two calls of `count` in view.py"
    places = [f"{step.path.name}:{step.span.line}" for step in finding.steps]
    assert places == ["store.py:5", "store.py:9", "view.py:26", "store.py:9"]


@pytest.mark.parametrize(("handled", "count"), [("close_old_connections()", 0), ("print(message)", 1)])
def test_a_callback_that_closes_a_lost_connection_recovers(gaps, handled, count):
    found = gaps(
        f"""
        from django.db import OperationalError, close_old_connections
        from kombu.mixins import ConsumerMixin
        from jobs.models import Job

        class Worker(ConsumerMixin):
            def get_consumers(self, Consumer, channel):
                return [Consumer(queues=[], callbacks=[self.arrived])]

            def arrived(self, body, message):
                try:
                    self.keep(body)
                except OperationalError:
                    return {handled}
                message.ack()

            def keep(self, body):
                Job.objects.get_or_create(state=body)
        """
    )
    assert len(found) == count


POOL = """
    from concurrent.futures import ThreadPoolExecutor
    from django.db import close_old_connections
    from jobs.models import Job

    {pool}

    def work(pk):
        close_old_connections()
        try:
            Job.objects.filter(pk=pk).update(state="done")
        finally:
            {close}

    {start}
"""
GLOBAL = "POOL = ThreadPoolExecutor(4)"
LOCAL = """class Manager:
        def start(self, pk):
            pool = ThreadPoolExecutor(4)
            pool.submit(work, pk)
"""
LAZY = """def start(pk):
        global POOL
        if POOL is None:
            POOL = ThreadPoolExecutor(4)
        POOL.submit(work, pk)
"""
FIELD = """class Manager{bases}:
        def __init__(self):
            self.pool = ThreadPoolExecutor(4)

        def start(self, pk):
            self.pool.submit(work, pk)
"""


@pytest.mark.parametrize(
    ("pool", "start", "age", "is_reported"),
    [
        (GLOBAL, "def start(pk):\n        POOL.submit(work, pk)", 600, False),
        (GLOBAL, "def start(pk):\n        POOL.submit(work, pk)", None, True),
        ("", FIELD.format(bases=""), 600, False),
        ("from django.views import View", FIELD.format(bases="(View)"), 600, True),
        ("", FIELD.format(bases="").replace("def __init__(self)", "def open(self)"), 600, False),
        ("", LOCAL, 600, True),
        ("POOL = None", LAZY, 600, False),
        (
            "",
            "def start(pk):\n        with ThreadPoolExecutor(4) as pool:\n            pool.submit(work, pk)",
            600,
            True,
        ),
        ("from threading import Thread", "def start(pk):\n        Thread(target=work, args=(pk,)).start()", 600, True),
    ],
)
def test_the_threads_of_a_lasting_pool_keep_persistent_connections(tmp_path, pool, start, age, is_reported):
    database = {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": age}
    (tmp_path / "settings.py").write_text(
        f"import django\n\nINSTALLED_APPS = []\nDATABASES = {{'default': {database}}}\n"
    )
    for close in ("close_old_connections()", "print(pk)"):
        text = dedent(POOL.format(pool=pool, start=start, close=close))
        (tmp_path / "work.py").write_text(text)
        codes = [finding.code for finding in dbhygiene.check(tmp_path / "work.py")]
        assert codes == (["HYG307"] if is_reported else [])
    (tmp_path / "work.py").write_text(text.replace("    close_old_connections()\n", ""))
    assert [finding.code for finding in dbhygiene.check(tmp_path / "work.py")] == ["HYG307"]


FORKING = """
import multiprocessing
from django.core.management.base import BaseCommand
from django.db import connections
from shop.models import Order

def work(queue):
    connections.close_all()
    Order.objects.filter(pk=queue.get()).delete()

class Command(BaseCommand):
    def handle(self, *args, **options):
        FIRST
        self.begin(multiprocessing.Queue())

    def begin(self, queue):
        multiprocessing.Process(target=work, args=(queue,)).start()
"""


@pytest.mark.parametrize(("first", "sure"), [("pass", "possible"), ("print(Order.objects.count())", "likely")])
def test_a_command_that_queries_nothing_has_no_connection_to_lose_by_a_fork(tmp_path, first, sure):
    (tmp_path / "shop.py").write_text(FORKING.replace("FIRST", first))
    (tmp_path / "setup.cfg").touch()
    [found] = dbhygiene.check(tmp_path, settings=Settings(min_confidence=Confidence.POSSIBLE))
    assert (found.code, str(found.confidence)) == ("HYG306", sure)
