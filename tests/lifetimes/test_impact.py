"""How often the code of a leak runs: by the calls that lead there, through files."""

from pathlib import Path
from textwrap import dedent

import pytest

import dbhygiene
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding, Impact

LEAK = """
    import sqlite3

    def load(path):
        conn = sqlite3.connect(path)
        return conn.execute("select 1").fetchone()
"""
RAISING = """
    import sqlite3

    def load(path):
        conn = sqlite3.connect(path)
        conn.execute("vacuum")
        conn.close()
"""


@pytest.fixture
def leak(tmp_path: Path):
    """The one finding of a project of these files, whatever its confidence."""

    def found(**files: str) -> Finding:
        (tmp_path / ".git").mkdir(exist_ok=True)
        for name, text in files.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        (finding,) = dbhygiene.check(tmp_path, settings=Settings(min_confidence=Confidence.POSSIBLE))
        return finding

    return found


def test_a_chain_of_calls_through_files_begins_at_the_program(leak):
    main = 'from db import load as read\n\ndef main():\n    read("a")\n\nif __name__ == "__main__":\n    main()\n'
    finding = leak(db=LEAK, main=main)
    assert (finding.impact, finding.confidence) == (Impact.ONCE, Confidence.POSSIBLE)
    assert "runs once, when `main.py` is run as a program; then the process ends" in finding.notes


def test_a_loop_of_a_caller_repeats_it(leak):
    finding = leak(db=LEAK, main="from db import load\nimport sys\n\nfor path in sys.argv:\n    load(path)\n")
    assert finding.impact is Impact.REPEATED
    assert "runs in a loop: `for path in sys.argv`, main.py:4" in finding.notes


def test_an_exception_that_no_loop_catches_ends_the_program(leak):
    assert (
        leak(db=RAISING, main="from db import load\nimport sys\n\nfor path in sys.argv:\n    load(path)\n").impact
        is Impact.ONCE
    )


ENDED_BY_ERROR = [
    "while input('Again? ') == 'y':\n    load('a')\n",
    "while True:\n    if input():\n        load('a')\n",
    "try:\n    while True:\n        load('a')\nexcept KeyboardInterrupt:\n    print('bye')\n",
    "while True:\n    try:\n        load('a')\n    except (KeyboardInterrupt, SystemExit):\n        pass\n",
    "while True:\n    try:\n        load('a')\n    finally:\n        print('done')\n",
    "while True:\n    try:\n        load('a')\n    except Exception as error:\n        print(error)\n        break\n",
    "import asyncio\n\nasync def bot():\n    while True:\n        load('a')\n\nasyncio.run(bot())\n",
    "import asyncio\n\nasync def bot():\n    while True:\n        load('a')\n\nasync def main():\n"
    "    await asyncio.gather(bot(), bot())\n\nasyncio.run(main())\n",
    "class Bot:\n    def step(self):\n        load('a')\n\n    def run(self):\n        while True:\n"
    "            self.step()\n\nif __name__ == '__main__':\n    Bot().run()\n",
    "import contextlib\n\n@contextlib.contextmanager\ndef timed():\n    try:\n        yield\n    finally:\n"
    "        print('done')\n\nwhile True:\n    with timed():\n        load('a')\n",
    "class Timed:\n    def __enter__(self):\n        return self\n\n    def __exit__(self, *error):\n"
    "        print(error)\n\n"
    "while True:\n    with Timed():\n        load('a')\n",
]


@pytest.mark.parametrize("main", ENDED_BY_ERROR)
def test_a_loop_without_end_does_not_repeat_what_an_exception_ends(leak, main):
    assert leak(db=RAISING, main=f"from db import load\n\n{main}").impact is Impact.ONCE


GOES_ON_AFTER_ERROR = [
    "while True:\n    try:\n        load('a')\n    except Exception:\n        pass\n",
    "while True:\n    try:\n        load('a')\n    except KeyboardInterrupt:\n        raise\n"
    "    except OSError:\n        print()\n",
    "while True:\n    try:\n        load('a')\n    finally:\n        continue\n",
    "while True:\n    for path in 'ab':\n        try:\n            load(path)\n"
    "        except OSError:\n            break\n",
    "import contextlib\n\nwhile True:\n    with contextlib.suppress(Exception):\n        load('a')\n",
    "import contextlib\n\n@contextlib.contextmanager\ndef logged():\n    try:\n        yield\n"
    "    except Exception as error:\n        print(error)\n\nwhile True:\n    with logged():\n        load('a')\n",
    "class Logged:\n    def __enter__(self):\n        return self\n\n    def __exit__(self, kind, error, trace):\n"
    "        print(error)\n        return True\n\nwhile True:\n    with Logged():\n        load('a')\n",
    "def bot():\n    while True:\n        load('a')\n\nwhile True:\n    try:\n        bot()\n"
    "    except OSError:\n        pass\n",
    "import threading\n\nwhile True:\n    input()\n    threading.Thread(target=load, args=('a',)).start()\n",
    "import asyncio\n\nasync def step():\n    load('a')\n\nasync def main():\n    while True:\n"
    "        asyncio.create_task(step())\n        await asyncio.sleep(1)\n\nasyncio.run(main())\n",
    "import asyncio\n\nasync def step():\n    load('a')\n\nasync def main(paths):\n    for path in paths:\n"
    "        asyncio.ensure_future(step())\n\nasyncio.run(main(input()))\n",
    "import asyncio\n\nasync def step():\n    load('a')\n\nasync def main():\n    while True:\n"
    "        await asyncio.gather(step(), return_exceptions=True)\n\nasyncio.run(main())\n",
]


@pytest.mark.parametrize("main", GOES_ON_AFTER_ERROR)
def test_a_loop_repeats_an_exception_after_which_it_goes_on(leak, main):
    assert leak(db=RAISING, main=f"from db import load\n\n{main}").impact is Impact.REPEATED


@pytest.mark.parametrize(
    "main",
    [
        "def bot():\n    while True:\n        load('a')\n\ntable = {'bot': bot}\n",  # what reads the table may catch it
        "from tenacity import retry\n\n@retry\ndef bot():\n    while True:\n        load('a')\n\nbot()\n",
        "from tenacity import retry\n\n@retry\ndef main():\n    while True:\n        load('a')\n\n"
        "if __name__ == '__main__':\n    main()\n",
        "def forever(function):\n    def run():\n        while True:\n            try:\n                function()\n"
        "            except Exception:\n                pass\n    return run\n\n"
        "@forever\ndef main():\n    load('a')\n\nif __name__ == '__main__':\n    main()\n",
    ],
)
def test_a_loop_says_nothing_if_it_is_unknown_what_catches_its_exception(leak, main):
    assert leak(db=RAISING, main=f"from db import load\n\n{main}").impact is Impact.UNKNOWN


def test_a_handler_of_failed_openings_catches_no_later_exception(leak):
    db = """
        import psycopg2

        def load(path):
            while True:
                try:
                    conn = psycopg2.connect(path)
                except psycopg2.OperationalError:
                    continue
                conn.cursor().execute("vacuum")
                conn.close()
                return
    """
    main = "from db import load\n\nwhile True:\n    load('a')\n"
    assert leak(db=db, main=main).impact is Impact.ONCE


@pytest.mark.parametrize(
    "start",
    [
        "import threading\n\nthreading.Thread(target=bot).start()\nwhile True:\n    print(input())\n",
        "import asyncio\n\nasync def start():\n    bot()\n\nasync def main():\n    asyncio.create_task(start())\n"
        "    while True:\n        await asyncio.sleep(1)\n\nasyncio.run(main())\n",
    ],
)
def test_an_exception_ends_a_thread_or_task_that_starts_once(leak, start):
    main = f"from db import load\n\ndef bot():\n    while True:\n        load('a')\n\n{start}"
    finding = leak(db=RAISING, main=main)
    assert finding.impact is Impact.ONCE
    assert "runs once, when the program starts" in finding.notes


@pytest.mark.parametrize(
    "rest",
    [
        "import tkinter\n\ntkinter.Tk().mainloop()\n",
        "import web\n\napp = web.app()\napp.run(port=80)\n",
        "while True:\n    print(input())\n",
        "word = ''\nwhile word != 'end':\n    word = input()\n",
    ],
)
def test_a_process_that_does_not_end_soon_after_keeps_what_leaks(leak, rest):
    main = f"from db import load\n\nload('a')\n{rest}"
    of_server = LEAK.replace("sqlite3", "pymysql")
    assert leak(db=of_server, main=main).impact is Impact.UNKNOWN
    assert leak(db=RAISING, main=main).impact is Impact.ONCE
    of_file = leak(db=LEAK, main=main)  # no server keeps anything
    assert of_file.impact is Impact.ONCE
    assert "runs once, when the program starts" in of_file.notes


@pytest.mark.parametrize("way_out", ["return", "break"])
def test_a_loop_that_is_left_after_a_call_does_not_repeat_it(leak, way_out):
    main = f"""
        import sys

        from db import load

        def main():
            for path in sys.argv:
                if path.endswith(".db"):
                    load(path)
                    print(path)
                    {way_out}

        main()
    """
    assert leak(db=LEAK, main=main).impact is Impact.ONCE


@pytest.mark.parametrize("handler", ["except Exception as error:\n        print(error)", "except ValueError: pass"])
def test_an_exception_that_a_loop_catches_does_not(leak, handler):
    main = f"from db import load\nimport sys\n\nfor path in sys.argv:\n    try:\n        load(path)\n    {handler}\n"
    assert leak(db=RAISING, main=main).impact is Impact.REPEATED


def test_a_handler_that_exits_ends_the_program(leak):
    main = """
        from db import load
        import sys

        for path in sys.argv:
            try:
                load(path)
            except Exception:
                sys.exit(1)
    """
    assert leak(db=RAISING, main=main).impact is Impact.ONCE


@pytest.mark.parametrize(
    "main",
    [
        "from db import load\n\ntable = {'load': load}\n",  # called by whatever reads the table
        "from db import load\n\nhandle = lambda path: load(path)\n",
        "import db\n\nprint(getattr(db, 'load')('a'))\n\ndb.load('a')\n",
        "from db import load\n\ndef again(n):\n    load(n)\n    again(n - 1)\n\nagain(5)\n",  # a recursion repeats
        "import streamlit\nfrom db import load\n\nload('a')\n",  # each click runs the file from its top
        "",  # a function that nothing here calls may be a library's
    ],
)
def test_what_may_run_any_number_of_times_is_not_once(leak, main):
    assert leak(db=LEAK, main=main).impact is Impact.UNKNOWN


def test_strings_of_other_modules_name_no_function_of_this_one(leak):
    finding = leak(
        db=LEAK,
        main='from db import load\n\nload("a")\n',
        other='KINDS = {"load": 1, "store": 2}\n\nprint(KINDS["load"])\n',
    )
    assert finding.impact is Impact.ONCE


def test_the_name_of_a_command_names_no_function(leak):
    main = """
        import click

        @click.command("load")
        @click.option("--load/--no-load")
        def start(load):
            from db import load as read

            read("a")
    """
    assert leak(**{"shop/__init__": "", "shop/main": main, "db": LEAK}).impact is Impact.ONCE


def test_a_word_of_the_command_line_names_no_function(leak):
    main = """
        import argparse
        from db import load

        parser = argparse.ArgumentParser()
        parser.add_argument("what", choices=["load", "store"])
        commands = parser.add_subparsers()
        commands.add_parser("load")
        if parser.parse_args().what == "load":
            load("a")
    """
    assert leak(db=LEAK, main=main).impact is Impact.ONCE


@pytest.mark.parametrize(
    "other",
    [
        "def check(load):\n    for path in 'ab':\n        load(path)\n",
        "def check(paths):\n    for load in paths:\n        load.begin(load)\n",
    ],
)
def test_a_variable_of_another_function_is_not_this_function(leak, other):
    assert leak(db=LEAK, main="from db import load\n\nload('a')\n", other=other).impact is Impact.ONCE


def test_a_name_that_a_star_may_have_imported_may_be_this_function(leak):
    other = "from db import *\n\ndef check(paths):\n    for path in paths:\n        load(path)\n"
    assert leak(db=LEAK, main="from db import load\n\nload('a')\n", other=other).impact is not Impact.ONCE


@pytest.mark.parametrize("decorator", ['on_event("startup")', "before_serving", "listener('before_server_start')"])
def test_what_a_web_framework_calls_at_its_start_runs_once(leak, decorator):
    text = f"""
        import sqlite3
        from web import app

        @app.{decorator}
        async def load():
            conn = sqlite3.connect("a")
            conn.execute("select 1")
            conn.close()
    """
    assert leak(db=text).notes[-1].startswith("runs once, when the program starts or stops: `@app.")


@pytest.mark.parametrize(
    ("folder", "impact"),
    [
        ("migrations", Impact.ONCE),
        ("shop/migrator", Impact.ONCE),
        ("db_migration/versions", Impact.ONCE),
        ("cookbook/first", Impact.ONCE),
        ("devel", Impact.ONCE),
        ("migratory", Impact.UNKNOWN),
    ],
)
def test_the_folder_shows_migrations_examples_and_tools_for_developers(leak, folder, impact):
    assert leak(**{f"{folder}/one": LEAK}).impact is impact


def test_a_call_by_another_object_of_the_same_method_is_not_a_surety(leak):
    finding = leak(
        db="""
            import psycopg2

            class Shop:
                def run(self):
                    conn = psycopg2.connect("a")
                    return conn.execute("select 1").fetchone()
        """,
        main="from db import Shop\n\nshop = Shop()\nshop.run()\n",
        other="def work(jobs):\n    for job in jobs:\n        job.run()\n",
    )
    assert (finding.impact, finding.confidence) == (Impact.UNKNOWN, Confidence.CERTAIN)


def test_methods_of_a_class_whose_base_is_not_known_are_called_by_that(leak):
    finding = leak(
        db="""
            import sqlite3
            import framework

            class Shop(framework.App):
                def run(self):
                    conn = sqlite3.connect("a")
                    return conn.execute("select 1").fetchone()

            Shop().run()
        """
    )
    assert finding.impact is Impact.UNKNOWN


DISCORD = "from discord import app_commands\nfrom discord.ext import commands\nbot = commands.Bot('!')\n"
MQTT = "import paho.mqtt.client as mqtt\nclient = mqtt.Client()\n"
HANDLER = "{}\ndef load(*args):\n    conn = pymysql.connect()\n    conn.cursor().execute('select 1')\n{}\n"


@pytest.mark.parametrize(
    ("imports", "before", "after", "note"),
    [
        (DISCORD, "@bot.command()", "", "`@bot.command`, line 5"),
        (DISCORD, "@commands.command()", "", "`@commands.command`, line 5"),
        (DISCORD, "@app_commands.command()", "", "`@app_commands.command`, line 5"),
        (DISCORD, "@bot.tree.command()", "", "`@bot.tree.command`, line 5"),
        (MQTT, "", "client.on_message = load", "`client.on_message`, line 8"),
        (MQTT, "", 'client.message_callback_add("shop", load)', "`client.message_callback_add`, line 8"),
    ],
)
def test_a_bot_or_a_consumer_calls_its_handlers_at_each_event(leak, imports, before, after, note):
    finding = leak(bot=f"import pymysql\n{imports}{HANDLER.format(before, after)}")
    assert finding.impact is Impact.REPEATED
    assert f"runs in each request or event: {note}" in finding.notes


def test_another_object_with_such_a_method_calls_nothing_at_events(leak):
    text = f"import pymysql\nfrom shop import bot\n{HANDLER.format('@bot.command()', '')}"
    assert leak(bot=text).impact is Impact.UNKNOWN


@pytest.mark.parametrize(
    ("decorator", "note"),
    [
        ('app.route("/")', "runs in each request or event: `@app.route`, line 5"),
        ("shared_task", "runs in a worker: `@shared_task`, line 5"),
    ],
)
def test_a_decorator_that_registers_repeats_it(leak, decorator, note):
    text = f"""
        import sqlite3
        from web import app, shared_task

        @{decorator}
        def load():
            conn = sqlite3.connect("a")
            conn.execute("select 1")
    """
    finding = leak(db=text, main='from db import load\n\nif __name__ == "__main__":\n    load()\n')
    assert finding.impact is Impact.REPEATED
    assert note in finding.notes


VIEW = """
    import sqlite3
    {imports}

    @{decorator}
    def load(path):
        conn = sqlite3.connect(path)
        return conn.execute("select 1").fetchone()
"""


@pytest.mark.parametrize(
    ("imports", "decorator"),
    [
        ("from django.views.decorators.csrf import csrf_exempt", "csrf_exempt"),
        ("from django.contrib.auth.decorators import permission_required", "permission_required('shop.view')"),
        ("from rest_framework.decorators import api_view", "api_view(['GET'])"),
        ("from flask_login import login_required", "login_required"),
    ],
)
def test_a_decorator_of_views_makes_a_function_one(leak, imports, decorator):
    name = decorator.partition("(")[0]
    finding = leak(views=dedent(VIEW).format(imports=imports, decorator=decorator), main="from views import load\n")
    assert f"runs in each request: `@{name}`, line 5" in finding.notes


RUNS_ASYNC = """
    import asyncio
    import functools
    import sqlite3

    {kept}
    def coro(function):
        {registered}
        @functools.wraps(function)
        def wrapper(*args):
            return {runs}
        return wrapper

    @coro
    async def load(path="a"):
        conn = sqlite3.connect(path)
        return conn.execute("select 1").fetchone()

    if __name__ == "__main__":
        load()
"""


@pytest.mark.parametrize(
    ("registered", "runs", "impact"),
    [
        ("", "asyncio.run(function(*args))", Impact.ONCE),
        ("KEPT.append(function)", "asyncio.run(function(*args))", Impact.UNKNOWN),
        ("", "[asyncio.run(function(*args)) for _ in range(100)]", Impact.UNKNOWN),
    ],
)
def test_a_decorator_of_the_project_that_only_wraps_registers_nothing(leak, registered, runs, impact):
    text = dedent(RUNS_ASYNC).format(kept="KEPT = []", registered=registered, runs=runs)
    assert leak(main=text).impact is impact


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[build-system]\nrequires = ["hatchling"]\n'),
        ("setup.py", "from setuptools import setup\n\nsetup()\n"),
        ("setup.cfg", "[metadata]\nname = shop\n"),
        ("setup.cfg", "[egg_info]\ntag_build =\n"),  # of an unpacked source distribution
    ],
)
def test_the_public_functions_of_a_distributed_package_may_be_called_by_others(leak, tmp_path, name, text):
    files = {"shop/__init__": "", "shop/db": LEAK, "shop/main": "from shop.db import load\n\nload('a')\n"}
    assert leak(**files).impact is Impact.ONCE
    (tmp_path / name).write_text(text)
    assert leak(**files).impact is Impact.UNKNOWN


def test_a_test_runs_once(leak):
    assert leak(**{"tests/helpers": LEAK}).notes[-1] == "runs in a test"


@pytest.mark.parametrize("library", ["behave", "pytest_bdd"])
def test_the_steps_of_a_description_of_behaviour_are_tests(leak, library):
    assert leak(**{"features/steps/database": f"\n    from {library} import given{LEAK}"}).notes[-1] == "runs in a test"
    assert leak(**{"features/steps/database": LEAK}).notes[-1:] != ("runs in a test",)


def test_a_class_that_a_program_makes_once_keeps_one_connection(leak):
    text = """
        import sqlite3

        class Store:
            def __init__(self):
                self.conn = sqlite3.connect("a")

            def get(self):
                return self.conn.execute("select 1").fetchone()
    """
    assert leak(db=text, main="from db import Store\n\nstore = Store()\n").impact is Impact.ONCE
    assert leak(db=text, main="from db import Store\n\ndef get():\n    return Store().get()\n").impact is Impact.UNKNOWN


APPLICATION = (
    '[project]\nname = "shop"\n\n[project.scripts]\nshop = "shop.main:main"\n\n[build-system]\nrequires = []\n'
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", APPLICATION),
        ("pyproject.toml", "[build-system]\n\n[tool.poetry.scripts]\nshop = 'shop.main:main'\n"),
        (
            "setup.cfg",
            "[metadata]\nname = shop\n\n[options.entry_points]\nconsole_scripts =\n    shop = shop.main:main\n",
        ),
        ("setup.py", "setup(entry_points={'console_scripts': ['shop=shop.main:main']})\n"),
        ("setup.py", "setup(entry_points={'console_scripts': {'shop=shop.main:main'}})\n"),
    ],
)
def test_what_a_project_installs_as_a_program_runs_once(leak, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    main = "from shop.db import load\n\ndef main():\n    load('a')\n"
    finding = leak(**{"shop/__init__": "", "shop/db": LEAK, "shop/main": main})
    assert finding.impact is Impact.ONCE
    assert "runs once, as a program: `def main():`, shop/main.py:3" in finding.notes


def test_a_project_that_installs_scripts_is_an_application(leak, tmp_path):
    (tmp_path / "setup.py").write_text("setup(name='shop', scripts=['bin/shop'])\n")
    main = "from shop.db import load\n\ndef main():\n    load('a')\n\nif __name__ == '__main__':\n    main()\n"
    assert leak(**{"shop/__init__": "", "shop/db": LEAK, "shop/main": main}).impact is Impact.ONCE


def test_a_decorator_of_a_program_registers_nothing(leak, tmp_path):
    (tmp_path / "pyproject.toml").write_text(APPLICATION)
    main = "from shop.db import load, logged\n\n@logged\ndef main():\n    load('a')\n"
    assert leak(**{"shop/__init__": "", "shop/db": LEAK, "shop/main": main}).impact is Impact.ONCE


def test_what_the_package_of_an_application_offers_may_be_called_by_others(leak, tmp_path):
    (tmp_path / "pyproject.toml").write_text(APPLICATION)
    main = "from shop.db import load\n\ndef main():\n    load('a')\n"
    offers = "from shop.db import load\n"
    assert leak(**{"shop/__init__": offers, "shop/db": LEAK, "shop/main": main}).impact is Impact.UNKNOWN


def test_an_application_that_plugs_into_others_is_no_program(leak, tmp_path):
    (tmp_path / "setup.py").write_text("setup(entry_points={'paste.app_factory': ['main=shop.main:main']})\n")
    main = "from shop.db import load\n\ndef main():\n    load('a')\n"
    assert leak(**{"shop/__init__": "", "shop/db": LEAK, "shop/main": main}).impact is Impact.UNKNOWN


def test_a_list_of_what_a_module_offers_calls_nothing(leak):
    init = '__all__ = ["load"]\n\nfrom shop.db import load\n'
    finding = leak(**{"shop/__init__": init, "shop/db": LEAK, "main": "from shop import load\n\nload('a')\n"})
    assert finding.impact is Impact.ONCE


def test_the_initializer_of_a_pool_runs_once_in_each_worker(leak):
    text = """
        import sqlite3
        from concurrent.futures import ProcessPoolExecutor

        def begin(path):
            conn = sqlite3.connect(path)
            reader.set(conn.execute("select 1"))

        def work(paths):
            for path in paths:
                with ProcessPoolExecutor(initializer=begin, initargs=(path,)) as pool:
                    pool.submit(print)
    """
    assert leak(db=text).notes[-1] == "runs once in each worker: `ProcessPoolExecutor`, line 11"


def test_the_context_of_a_command_makes_a_function_a_part_of_it(leak):
    text = """
        import sqlite3
        import click

        def with_shop(command):
            @click.pass_context
            def inner(context, *args):
                conn = sqlite3.connect("a")
                conn.execute("select 1")
                return context.invoke(command, *args)

            return inner
    """
    assert leak(db=text).impact is Impact.ONCE


@pytest.mark.parametrize(
    "retry",
    [
        "else:\n            break",
        "else:\n            print('ready')\n            return",
    ],
)
def test_a_loop_that_the_first_connection_ends_does_not_repeat_it(leak, retry):
    text = f"""
import sqlite3
import time

def wait():
    while True:
        try:
            sqlite3.connect("a")
        except sqlite3.Error:
            time.sleep(1)
        {retry}

wait()
"""
    assert leak(db=text).impact is Impact.ONCE


def test_a_loop_that_goes_on_after_an_error_repeats_it(leak):
    text = """
        import sqlite3
        import time

        def wait():
            while True:
                try:
                    conn = sqlite3.connect("a")
                    conn.execute("select 1")
                except Exception:
                    time.sleep(1)
                else:
                    break

        wait()
    """
    assert leak(db=text).impact is Impact.REPEATED


SETUP = """
    import sqlite3

    class Setup:
        def run(self):
            self.load()

        def load(self):
            conn = sqlite3.connect("a")
            conn.execute("select 1")
"""


def test_objects_that_are_used_where_they_are_made_have_no_other_callers(leak):
    """What else has a method `run` is not meant."""
    other = "def work(jobs):\n    for job in jobs:\n        job.run()\n"
    assert leak(db=SETUP, main="from db import Setup\n\nSetup().run()\n", other=other).impact is Impact.ONCE


@pytest.mark.parametrize(
    "main",
    [
        "from db import Setup\n\nsetup = Setup()\nsetup.run()\n",
        "from db import Setup\n\nSetup().run()\nwork([Setup()])\n",
        "from db import Setup\n\nclass Other(Setup):\n    pass\n\nSetup().run()\n",
    ],
)
def test_objects_that_are_kept_may_have_other_callers(leak, main):
    other = "def work(jobs):\n    for job in jobs:\n        job.run()\n"
    assert leak(db=SETUP, main=main, other=other).impact is not Impact.ONCE


def test_a_table_of_programs_may_have_a_name_of_its_own(leak, tmp_path):
    table = "PROGRAMS = ['shop = shop.main:main']\n\nsetup(entry_points={'console_scripts': PROGRAMS})\n"
    (tmp_path / "setup.py").write_text(table)
    main = "from shop.db import load\n\ndef main():\n    load('a')\n"
    assert leak(**{"shop/__init__": "", "shop/db": LEAK, "shop/main": main}).impact is Impact.ONCE


@pytest.mark.parametrize(
    "name", ["init_db", "_createTables", "migrate", "initialize_user_database", "db_init", "seed_db"]
)
def test_a_function_that_sets_up_a_database_by_its_name_runs_once(leak, name):
    finding = leak(**{"shop/__init__": "", "shop/db": LEAK.replace("def load", f"def {name}")})
    assert (finding.impact, finding.confidence) == (Impact.ONCE, Confidence.POSSIBLE)
    assert any("as its name says, to set up a database" in note for note in finding.notes)


@pytest.mark.parametrize(
    "name", ["create_connection", "create_tenant_schema", "load_tables", "setup", "migrated", "db_create"]
)
def test_other_names_do_not_say_that_a_function_runs_once(leak, name):
    finding = leak(**{"shop/__init__": "", "shop/db": LEAK.replace("def load", f"def {name}")})
    assert finding.impact is Impact.UNKNOWN


@pytest.mark.parametrize("name", ["create_prices_table", "add_currency_column", "migrate_prices", "run_db_migrations"])
def test_what_sets_up_a_part_of_a_database_by_its_name_runs_once_if_nothing_else_calls_it(leak, name):
    files = {"shop/__init__": "", "shop/db": LEAK.replace("def load", f"def {name}")}
    assert leak(**files).impact is Impact.ONCE
    route = f"from shop.db import {name}\n\ndef answer(request):\n    return {name}(request.path)\n"
    assert leak(**files, **{"shop/web": route}).impact is Impact.UNKNOWN


def test_what_sets_up_a_part_of_a_database_may_be_called_by_a_server_as_it_starts(leak):
    server = """
        from shop.db import create_prices_table
        from web import app

        if __name__ == "__main__":
            create_prices_table("a")
            app.run()
    """
    db = LEAK.replace("def load", "def create_prices_table").replace("sqlite3.connect(path)", "pymysql.connect()")
    files = {"shop/__init__": "", "shop/db": db.replace("import sqlite3", "import pymysql")}
    assert leak(**files, **{"shop/server": server}).impact is Impact.ONCE


def test_a_call_in_a_loop_counts_more_than_a_name(leak):
    main = "from db import init_db\nimport sys\n\nfor path in sys.argv:\n    init_db(path)\n"
    assert leak(db=LEAK.replace("def load", "def init_db"), main=main).impact is Impact.REPEATED


def test_what_each_new_object_sets_up_may_run_again(leak):
    storage = """
        import sqlite3

        class Storage:
            def __init__(self, path):
                self.init_db(path)

            def init_db(self, path):
                conn = sqlite3.connect(path)
                conn.execute("create table if not exists orders (number)")
    """
    assert leak(**{"shop/__init__": "", "shop/storage": storage}).impact is Impact.UNKNOWN


def test_only_its_own_calls_run_the_code_of_a_script(leak):
    others = {f"jobs/{i}": f"def load(n):\n    return {i}\n\nload({i})\n" for i in range(30)}
    finding = leak(**others, script=LEAK.replace("conn.execute", 'note("load") or conn.execute') + "\n    load('a')\n")
    assert finding.impact is Impact.ONCE


def test_a_module_of_a_package_that_only_its_own_main_calls_is_a_script(leak):
    main = "\n    if __name__ == '__main__':\n        load('a')\n"
    finding = leak(**{"tools/__init__": "", "tools/vacuum": LEAK + main})
    assert "runs once, when `vacuum.py` is run as a program; then the process ends" in finding.notes


def test_an_example_may_be_named_so_in_its_file_name(leak):
    assert leak(**{"loader_example": LEAK}).notes[-1] == "runs in an example"


@pytest.mark.parametrize("folder", ["disabled", "legacy", "Archive_11.2021/jobs"])
def test_what_lies_in_a_folder_of_retired_code_no_longer_runs(leak, folder):
    finding = leak(**{f"{folder}/store": LEAK, f"{folder}/user": "from .store import load\n\ntable = {1: load}\n"})
    assert finding.notes[-1] == "is no longer in use, as its folder says: no other file imports it"


@pytest.mark.parametrize("use", ["from legacy.store import load\n\ntable = {1: load}\n", "APPS = ['legacy.store']\n"])
def test_a_folder_of_old_code_that_others_name_is_still_in_use(leak, use):
    assert leak(**{"legacy/__init__": "", "legacy/store": LEAK, "app": use}).impact is Impact.UNKNOWN


def test_a_sub_command_of_argparse_runs_once_whatever_sets_the_parser_up(leak):
    main = """
        from db import load

        def set_up(commands):
            parser = commands.add_parser("load")
            parser.set_defaults(run=load)

        PARTS = [set_up]
    """
    finding = leak(db=LEAK, main=main)
    assert finding.impact is Impact.ONCE
    assert finding.notes[-1].startswith("runs once, as a command: `parser.set_defaults")
    assert leak(db=LEAK, main=f"{dedent(main)}\nwhile load('a'):\n    pass\n").impact is Impact.REPEATED


def test_a_function_that_nothing_names_is_left_over_in_a_module_that_is_used(leak) -> None:
    module = dedent(LEAK) + '\ndef used():\n    return "shop"\n'
    found = leak(db=module, web="from db import used\n\ndef view():\n    return used()\n")
    assert (found.confidence, found.impact) == (Confidence.POSSIBLE, Impact.ONCE)
    assert "no code in this project calls this, except perhaps tests" in found.notes


def test_a_comment_names_no_function(leak) -> None:
    module = dedent(LEAK) + '\ndef used():\n    return "shop"\n'
    web = "from db import used\n\ndef view():\n    # load(path)\n    return used()\n"
    assert leak(db=module, web=web).impact is Impact.ONCE
    assert leak(web=web.replace("# load", "load")).impact is Impact.UNKNOWN


PROGRAM = "def main():\n    print(1)\n\nif __name__ == '__main__':\n    main()\n"
QUERY = "import logging\n" + dedent(RAISING).replace("load", "query") + "\n\nlogging.basicConfig()\n"
STORE = """
    import sqlite3

    class Store:
        def __init__(self):
            self.conn = sqlite3.connect("shop.db")

        def count(self):
            return self.conn.execute("select 1").fetchone()
"""


@pytest.mark.parametrize(
    ("files", "impact"),
    [
        ({"app": PROGRAM}, Impact.ONCE),
        ({"app": PROGRAM, "other": "from lib.orders import query\n\ndef f():\n    query(1)\n"}, Impact.ONCE),
        ({"app": PROGRAM, "other": "from lib.rows import query\n\n@job\ndef f():\n    query(1)\n"}, Impact.REPEATED),
        ({}, Impact.UNKNOWN),  # a library that its users copy
        ({"tests/test_it": PROGRAM}, Impact.UNKNOWN),
        ({"app": PROGRAM, "settings": "PARTS = ['lib.rows']\n"}, Impact.UNKNOWN),
        ({"app": PROGRAM, "load": "from importlib import import_module\n"}, Impact.UNKNOWN),
        ({"app": PROGRAM, "old": "from lib.rows import query\nprint query(1)\n"}, Impact.UNKNOWN),
        ({"app": PROGRAM, "lib/__init__": "from .rows import *\n"}, Impact.ONCE),
        ({"app": PROGRAM, "lib/__init__": "from .rows import *\n", "f": "import lib\nlib.query\n"}, Impact.UNKNOWN),
    ],
)
def test_a_module_that_nothing_imports(leak, tmp_path: Path, files: dict[str, str], impact: Impact) -> None:
    found = leak(**{"lib/__init__": "", "lib/orders": "def query(n):\n    return n\n", "lib/rows": QUERY} | files)
    assert found.impact is impact


@pytest.mark.parametrize(
    ("module", "change"),
    [
        ("lib/tasks", ("", "")),
        ("plugins/rows", ("", "")),
        ("lib/rows", ("def query", "@app.get('/')\ndef query")),
        ("lib/rows", ("def query", "def handler")),
    ],
)
def test_a_module_may_be_found_by_a_framework(leak, module: str, change: tuple[str, str]) -> None:
    text = QUERY.replace("logging.basicConfig()", "").replace(*change)
    assert leak(**{"app": PROGRAM, module: text}).impact is not Impact.ONCE


def test_a_file_of_a_deployment_may_name_a_module(leak, tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: gunicorn lib.rows:query\n")
    text = QUERY.replace("logging.basicConfig()", "")
    assert leak(**{"app": PROGRAM, "lib/rows": text}).impact is Impact.UNKNOWN


@pytest.mark.parametrize(
    ("change", "other", "impact"),
    [
        (("", ""), "", Impact.ONCE),
        (("", ""), "import db\n", Impact.ONCE),
        (("", ""), "from db import Store\n\ndef f(make=Store):\n    return make\n", Impact.UNKNOWN),
        (("", ""), "CLASSES = 'db.Store'\n", Impact.UNKNOWN),
        (("class Store:", "@register\nclass Store:"), "", Impact.UNKNOWN),
        (("class Store:", "from wx import Frame\n\nclass Store(Frame):"), "import db\n", Impact.UNKNOWN),
        (("class Store:", "class StorePlugin:"), "import db\n", Impact.UNKNOWN),
    ],
)
def test_a_class_that_nothing_names(leak, change: tuple[str, str], other: str, impact: Impact) -> None:
    assert leak(app=PROGRAM, db=dedent(STORE).replace(*change), other=other).impact is impact


@pytest.mark.parametrize(
    "other",
    [
        "from db import used, load\n\ndef view(path):\n    return used(), load(path)\n",
        'from db import used\n\nJOBS = ["db.load"]\n',  # by its name
        "def view():\n    return 1\n",  # nothing uses the module
    ],
)
def test_a_function_that_may_be_called_keeps_its_rank(leak, other: str) -> None:
    module = dedent(LEAK).replace("sqlite3", "psycopg2") + '\ndef used():\n    return "shop"\n'
    assert leak(db=module, web=other).confidence is Confidence.CERTAIN


@pytest.mark.parametrize("change", [("def load(path)", "def load(event)"), ("def load(", "def on_load(")])
def test_a_hook_may_be_called_without_a_mention(leak, change: tuple[str, str]) -> None:
    module = (
        (dedent(LEAK).replace("sqlite3", "psycopg2") + '\ndef used():\n    return "shop"\n')
        .replace(*change)
        .replace("connect(path)", 'connect("a.db")')
    )
    assert leak(db=module, web="from db import used\n").confidence is Confidence.CERTAIN


def test_any_rule_is_only_possible_in_a_folder_that_no_file_uses(tmp_path: Path) -> None:
    text = """
        import pymysql
        import telebot

        bot = telebot.TeleBot("")
        conn = pymysql.connect()

        @bot.message_handler(commands=["start"])
        def start(message):
            with conn.cursor() as cursor:
                cursor.execute("select 1")

        bot.infinity_polling()
    """
    (tmp_path / ".git").mkdir()
    for folder in ("old", "bot"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.py").write_text(dedent(text))
    found = dbhygiene.check(tmp_path, settings=Settings(min_confidence=Confidence.POSSIBLE))
    ranks = {finding.path.parent.name: finding.confidence for finding in found if finding.code == "HYG110"}
    assert ranks == {"old": Confidence.POSSIBLE, "bot": Confidence.LIKELY}


GUARDED = """
    import psycopg2

    def refresh(path):
        conn = psycopg2.connect(path)
        return conn.execute("select 1").fetchone()

    def remove(path, refresh_too=True):
        if refresh_too:
            return refresh(path)

    def work(paths):
        for path in paths:
            remove(path{flag})
"""


def test_a_call_whose_constant_argument_rules_the_leak_out_does_not_count(leak) -> None:
    loop = "runs in a loop: `for path in paths`, line 13"
    assert loop in leak(db=GUARDED.format(flag="")).notes
    finding = leak(db=GUARDED.format(flag=", refresh_too=False"))
    assert (finding.impact, finding.confidence) == (Impact.UNKNOWN, Confidence.CERTAIN)
    assert loop not in finding.notes


def test_a_guard_may_compare_with_a_constant_and_return_early(leak) -> None:
    text = """
        import sqlite3

        FULL = "full"
        QUICK = "quick"

        def load(path, mode):
            if mode != FULL:
                return None
            conn = sqlite3.connect(path)
            return conn.execute("select 1").fetchone()

        def work(paths):
            for path in paths:
                load(path, QUICK)

        load("a", FULL)
    """
    assert leak(db=text).impact is Impact.ONCE


LIFESPAN = """
    from contextlib import asynccontextmanager

    from fastapi import FastAPI

    from db import load

    @asynccontextmanager
    async def lifespan(app):
        load("a")
        yield

    app = FastAPI(lifespan=lifespan)
"""


def test_what_a_web_application_runs_around_its_life_runs_once(leak) -> None:
    finding = leak(db=RAISING, main=LIFESPAN)
    assert finding.impact is Impact.ONCE
    assert finding.notes[-1] == "runs once, when the program starts or stops: `FastAPI`, main.py:13"
    hooks = "from starlette.applications import Starlette\n\nfrom db import load\n\nStarlette(on_startup=[load])\n"
    assert leak(db=RAISING, main=hooks).impact is Impact.ONCE


def test_what_leaks_at_the_start_of_a_web_application_stays_open(leak) -> None:
    assert leak(db=LEAK.replace("sqlite3", "pymysql"), main=LIFESPAN).impact is Impact.UNKNOWN


ONCE_FOR_ALL = """
    from flask import Flask

    from db import load

    app = Flask(__name__)
    rows = None

    def all_rows():
        global rows
        {guard}
        return rows

    @app.route("/")
    def view():
        return all_rows()
"""
GUARD, EARLY = (
    'if rows is None:\n            rows = load("a")',
    'if rows is not None:\n            return rows\n        rows = load("a")',
)


@pytest.mark.parametrize("guard", [GUARD, EARLY])
def test_what_fills_a_global_variable_runs_once(leak, guard: str) -> None:
    finding = leak(db=RAISING, main=ONCE_FOR_ALL.format(guard=guard))
    assert finding.impact is Impact.ONCE
    assert any(note.startswith("runs once, and keeps the result: `rows`, main.py:") for note in finding.notes)


def test_a_global_variable_that_is_emptied_again_is_filled_again(leak) -> None:
    forget = "\n\ndef forget():\n    global rows\n    rows = None\n"
    main = dedent(ONCE_FOR_ALL.format(guard=GUARD)) + forget
    assert leak(db=RAISING, main=main).impact is Impact.REPEATED
    other = "import main\n\ndef forget():\n    main.rows = None\n"
    assert leak(db=RAISING, main=ONCE_FOR_ALL.format(guard=GUARD), other=other).impact is Impact.REPEATED


def test_a_variable_of_one_call_is_filled_in_each(leak) -> None:
    main = ONCE_FOR_ALL.format(guard=GUARD).replace("global rows", "rows = None")
    assert leak(db=RAISING, main=main).impact is Impact.REPEATED


def test_a_table_of_programs_may_be_a_text(leak, tmp_path) -> None:
    table = "setup(entry_points='''\n    [console_scripts]\n    shop=shop:main\n''')\n"
    (tmp_path / "setup.py").write_text(table)
    main = "from shop.db import load\n\ndef main():\n    load('a')\n"
    finding = leak(**{"shop/__init__": main, "shop/db": LEAK})
    assert "runs once, as a program: `def main():`, shop/__init__.py:3" in finding.notes


SCRIPT = """\
#!/usr/bin/env python3
from shop.db import load

def main():
    load("a")

if __name__ == "__main__":
    main()
"""


def test_a_script_without_an_ending_is_a_program(leak, tmp_path) -> None:
    (tmp_path / "setup.py").write_text("files = glob('bin/*')\nsetup(name='shop', scripts=files)\n")
    (tmp_path / "bin").mkdir()
    files = {"shop/__init__": "", "shop/db": LEAK}
    assert leak(**files).impact is Impact.UNKNOWN
    (tmp_path / "bin/shop").write_text(SCRIPT)
    finding = leak(**files)
    assert "runs once, when `shop` is run as a program; then the process ends" in finding.notes
    (tmp_path / "bin/shop").write_text(SCRIPT.replace("    load", "    while True:\n        load"))
    assert "runs in a loop: `while True`, bin/shop:5" in leak(**files).notes
    (tmp_path / "bin/shop").write_text(SCRIPT.replace("python3", "bash"))
    assert leak(**files).impact is Impact.UNKNOWN


def test_a_script_may_have_the_name_of_a_function_among_its_words(leak) -> None:
    text = dedent(LEAK) + "\nprint(read()['load'])  # with env vars, as db\nload('a')\n"
    assert leak(db=text).impact is Impact.ONCE


def test_a_fix_is_tried_with_the_callers_of_other_files(leak, tmp_path: Path) -> None:
    """A fix of one function leaves the other with the callers that it had."""
    with_two = """
        import psycopg2

        def once(path):
            with psycopg2.connect(path) as conn:
                conn.cursor().execute("delete from orders")

        def again(path):
            with psycopg2.connect(path) as conn:
                conn.cursor().execute("delete from orders")
    """
    main = "from db import once, again\nimport sys\n\nonce('a')\nfor path in sys.argv:\n    again(path)\n"
    (tmp_path / "main.py").write_text(main)
    (tmp_path / "db.py").write_text(dedent(with_two))
    (tmp_path / ".git").mkdir()
    fixed = dbhygiene.fix(tmp_path / "db.py")
    assert [(found.code, found.span.line) for found in fixed.fixed] == [("HYG103", 9)]


@pytest.mark.parametrize(
    "use",
    [
        "ACTIONS = {'load': load}\nACTIONS[sys.argv[1]]('a')",
        "ACTIONS = {'load': load}\naction = ACTIONS.get(sys.argv[1])\nif action is None:\n    sys.exit(1)\naction('a')",
        "ACTIONS = {'load': (load, '')}\nprint(sorted(ACTIONS))\naction, words = ACTIONS[sys.argv[1]]\naction('a')",
        "ACTIONS = {'load': (load, 'load it')}\nACTIONS[sys.argv[1]][0]('a')",
        "{'load': load}[sys.argv[1]]('a')",
        "action = load if sys.argv[1:] else None\nif action:\n    action('a')",
        "for name, action in [('load', load)]:\n    parser.add_parser(name).set_defaults(run=action)",
        "ACTIONS = {'load': load}\nfor name, action in ACTIONS.items():\n    app.add(name).set_defaults(run=action)",
        "parser.set_defaults(run=lambda options: load(options.path))",
        "import fire\n\nfire.Fire({'load': load})",
        "import typer\n\napp = typer.Typer()\napp.command()(load)\napp()",
    ],
)
def test_a_table_of_commands_runs_one_of_them_once(leak, use):
    assert leak(db=LEAK, main=f"import sys\nfrom db import load\n\n{use}\n").impact is Impact.ONCE


@pytest.mark.parametrize(
    "use",
    [
        "ACTIONS = {'load': load}\nserve(ACTIONS)",
        "ACTIONS = {'load': load}\n\ndef actions():\n    return ACTIONS",
        "ACTIONS = {'load': load}\n\ndef answer(name):\n    return ACTIONS[name]('a')",
        "actions = [load]\nserver.actions = actions",
        "class Server:\n    action = load",
        "action, other = table[load]",
    ],
)
def test_a_table_that_other_code_may_read_is_not_known(leak, use):
    assert leak(db=LEAK, main=f"import sys\nfrom db import load\n\n{use}\n").impact is Impact.UNKNOWN


def test_a_table_that_a_loop_reads_repeats_what_it_holds(leak):
    main = (
        "import sys\nfrom db import load\n\nACTIONS = {'load': load}\nfor name in sys.argv:\n    ACTIONS[name]('a')\n"
    )
    assert leak(db=LEAK, main=main).impact is Impact.REPEATED


BASE = """
    import sqlite3

    class Report:
        def __init__(self):
            self.write()

        def write(self):
            self.__load("a")

        def __load(self, path):
            conn = sqlite3.connect(path)
            return conn.execute("select 1").fetchone()

    class Monthly(Report):
        pass
"""


@pytest.mark.parametrize(
    ("main", "impact"),
    [
        ("from db import Monthly, Report\n\ndef show(report: Report | None): ...\n\nMonthly()\n", Impact.ONCE),
        ("from db import Monthly\n\ndef get():\n    return Monthly()\n", Impact.UNKNOWN),
        ("from db import Report\n\ndef get(kind=Report):\n    return kind()\n", Impact.UNKNOWN),
    ],
)
def test_a_constructor_runs_where_objects_of_subclasses_are_made(leak, main, impact):
    assert leak(db=BASE, main=main).impact is impact


PROGRAM_OF_PACKAGE = (
    LEAK + '\n    def again():\n        load("a")\n\n    if __name__ == "__main__":\n        load("a")\n'
)


@pytest.mark.parametrize(
    ("other", "impact"),
    [
        ("", Impact.ONCE),
        ("import shop.tool\n", Impact.UNKNOWN),
        ("TASKS = ['shop.tool']\n", Impact.UNKNOWN),
        ("import pkgutil\n\nfound = list(pkgutil.iter_modules(shop))\n", Impact.UNKNOWN),
    ],
)
def test_a_module_of_a_package_that_only_runs_as_a_program_is_one(leak, tmp_path, other, impact):
    (tmp_path / "setup.py").write_text("from setuptools import setup\n\nsetup()\n")
    files = {"shop/__init__": "", "shop/tool": PROGRAM_OF_PACKAGE, "shop/other": other}
    assert leak(**files).impact is impact


METHODS = """
    import sqlite3

    class Store:
        def get(self):
            return 1

        def load(self, path):
            conn = sqlite3.connect(path)
            return conn.execute("select 1").fetchone()

        def put(self):
            return 2
"""


@pytest.mark.parametrize(
    ("main", "impact"),
    [
        ("from db import Store\n\ndef get():\n    return Store().get() + Store().put()\n", Impact.ONCE),
        ("from db import Store\n\nserver.register(Store())\n", Impact.UNKNOWN),
    ],
)
def test_a_method_that_nothing_names_among_others_is_left_over(leak, main, impact):
    assert leak(db=METHODS, main=main).impact is impact


def test_the_handler_of_a_platform_runs_in_each_event(leak):
    text = """
        import sqlite3

        def handle(event, context):
            conn = sqlite3.connect("a")
            return conn.execute("select 1").fetchone()

        if __name__ == "__main__":
            handle({}, None)
    """
    assert leak(db=text).impact is Impact.REPEATED


def test_a_program_that_a_neighbour_imports_by_its_short_name_is_no_script(leak):
    files = {"tools/db": LEAK + '\n    if __name__ == "__main__":\n        load("a")\n'}
    assert leak(**files).impact is Impact.ONCE
    assert leak(**files, **{"tools/web": "from db import load\n\nserver.load = load\n"}).impact is Impact.UNKNOWN


@pytest.mark.parametrize(
    ("word", "impact"),
    [("options['load']", Impact.ONCE), ("Store.__dict__['load']", Impact.UNKNOWN), ("find('load')", Impact.UNKNOWN)],
)
def test_a_word_of_a_mapping_names_no_method(leak, word, impact):
    text = """
        import sqlite3

        class Store:
            def load(self, path):
                conn = sqlite3.connect(path)
                return conn.execute("select 1").fetchone()
    """
    main = f"from db import Store\n\nstore = Store()\nif {word}:\n    store.load('a')\n"
    assert leak(db=text, main=main).impact is impact


def test_a_decorator_of_a_main_function_registers_nothing(leak):
    main = "from db import load, timed\n\n@timed('total')\ndef main():\n    load('a')\n"
    assert leak(db=LEAK, main=main).impact is Impact.UNKNOWN
    assert leak(db=LEAK, main=f'{main}\nif __name__ == "__main__":\n    main()\n').impact is Impact.ONCE


@pytest.mark.parametrize(
    "imported",
    [
        "from ansible.module_utils.basic import AnsibleModule",
        "from ansible_collections.shop.store.plugins.module_utils.db import connect",
    ],
)
def test_a_module_of_ansible_runs_once(leak, imported):
    assert leak(**{"plugins/modules/db": f"{imported}\n{dedent(LEAK)}"}).impact is Impact.ONCE


PIPELINE = """
    import sqlite3

    class Store:
        def {0}
            conn = sqlite3.connect("shop.db")
            conn.execute("select 1")
"""


@pytest.mark.parametrize(
    ("method", "impact"),
    [
        ("open_spider(self, spider):", Impact.ONCE),
        ("from_crawler(cls, crawler):", Impact.ONCE),
        ("process_item(self, item, spider):", Impact.REPEATED),
        ("process_item(self, item):", Impact.UNKNOWN),
        ("open_spider(self, web):", Impact.UNKNOWN),
    ],
)
def test_a_crawl_calls_some_methods_of_a_pipeline_once(leak, method, impact):
    assert leak(pipelines=PIPELINE.format(method)).impact is impact


@pytest.mark.parametrize("word", ["from scrapy.crawler import CrawlerRunner", "import scrapy_redis"])
def test_a_crawl_may_run_within_a_server(leak, word):
    assert leak(pipelines=PIPELINE.format("open_spider(self, spider):"), app=word).impact is Impact.UNKNOWN


LEAK_OF_SERVER = LEAK.replace("sqlite3", "psycopg2")
IN_PROCESS = [
    "import multiprocessing as mp\n\ndef start(paths):\n    for path in paths:\n"
    "        mp.Process(target=load, args=(path,)).start()\n",
    "import multiprocessing\n\ndef start(paths):\n    context = multiprocessing.get_context('spawn')\n"
    "    for path in paths:\n        context.Process(target=load, args=(path,)).start()\n",
    "from multiprocessing import Process\n\nclass Loader(Process):\n    def run(self):\n        load('a')\n\n"
    "def start(paths):\n    for path in paths:\n        Loader().start()\n",
    "from multiprocessing import Process\n\nclass Loader:\n    def start(self):\n"
    "        Process(target=self.run_once).start()\n\n    def run_once(self):\n        load('a')\n",
]


@pytest.mark.parametrize("main", IN_PROCESS)
def test_a_process_that_ends_after_a_leak_keeps_nothing(leak, main):
    finding = leak(db=LEAK_OF_SERVER, main=f"from db import load\n\n{main}")
    assert finding.impact is Impact.ONCE
    assert any(note.startswith("runs once in a process of its own, which then ends: `") for note in finding.notes)


@pytest.mark.parametrize(
    "main",
    [
        "from multiprocessing import Process\n\ndef work():\n    while True:\n        load(input())\n\n"
        "Process(target=work).start()\n",
        "from threading import Thread\n\ndef start():\n    while True:\n        input()\n"
        "        Thread(target=load, args=('a',)).start()\n\nstart()\n",
        "from multiprocessing import Process\n\ndef start():\n    Process(target=load).start()\n\n"
        "def serve(jobs):\n    for job in jobs:\n        load(job)\n",
    ],
)
def test_a_thread_or_a_process_that_goes_on_keeps_what_leaks(leak, main):
    assert leak(db=LEAK_OF_SERVER, main=f"from db import load\n\n{main}").impact is Impact.REPEATED


def test_a_process_that_waits_for_more_work_may_keep_what_leaks(leak):
    main = """
        from multiprocessing import Process

        from db import load

        def work(jobs):
            load("a")
            while True:
                print(jobs.get())

        Process(target=work).start()
    """
    finding = leak(db=LEAK_OF_SERVER, main=main)
    assert not any("which then ends" in note for note in finding.notes)


CACHED = """
    import functools

    import psycopg2

    {}
    def load({}):
        conn = psycopg2.connect("a")
        return conn.execute("select 1").fetchone()
"""
IN_LOOP = "from db import load\n\nwhile input():\n    load({})\n"


@pytest.mark.parametrize(
    ("decorator", "parameters", "arguments", "impact"),
    [
        ("@functools.cache", "", "", Impact.ONCE),
        ("@functools.lru_cache(maxsize=None)", "", "", Impact.ONCE),
        ("@functools.lru_cache", "name", "'a'", Impact.ONCE),
        ("@functools.lru_cache", "name", "input()", Impact.REPEATED),
        ("", "", "", Impact.REPEATED),
    ],
)
def test_a_function_whose_result_is_cached_runs_once(leak, decorator, parameters, arguments, impact):
    finding = leak(db=CACHED.format(decorator, parameters), main=IN_LOOP.format(arguments))
    assert finding.impact is impact
    assert any("since its result is cached: `@functools." in note for note in finding.notes) is (impact is Impact.ONCE)


def test_a_cache_keeps_no_exception(leak):
    db = CACHED.format("@functools.cache", "").replace("return conn.execute", "conn.execute") + "        conn.close()\n"
    main = "from db import load\n\nwhile input():\n    try:\n        load()\n    except Exception:\n        pass\n"
    assert leak(db=db, main=main).impact is Impact.REPEATED


UNUSED = (
    "import psycopg2\n\ndef count():\n    return 1\n\ndef load():\n    conn = psycopg2.connect('a')\n    conn.poll()\n"
)
START = "import db\n\nif __name__ == '__main__':\n    print(db.count())\n"


@pytest.mark.parametrize(
    ("other", "impact"),
    [
        ("def load():\n    pass\n\nload()\n", Impact.ONCE),
        ("import shop.files\n\nshop.files.load()\n", Impact.ONCE),
        ("from shop.files import load as read\n\nread()\n", Impact.ONCE),
        ("from shop.files import load\n\nload()\n# load() reads files\n", Impact.ONCE),
        ('"""Calls load by its name."""\n', Impact.UNKNOWN),
        ("def use(files):\n    files.load()\n", Impact.UNKNOWN),
        ("from elsewhere import load\n\nload()\n", Impact.UNKNOWN),
    ],
)
def test_a_function_of_the_same_name_is_no_use_of_this_one(leak, other, impact):
    files = {"shop/__init__": "", "shop/files": "def load():\n    return 2\n"}
    assert leak(db=UNUSED, main=START, other=other, **files).impact is impact


def test_a_module_that_prompts_its_user_is_part_of_a_program(leak, tmp_path):
    (tmp_path / "setup.py").write_text("from setuptools import setup\n\nsetup(py_modules=['db'])\n")
    main = "from shop import db\n\ndef main():\n    db.load('a')\n\nif __name__ == '__main__':\n    main()\n"
    files = {"shop/__init__": "", "run": main}
    assert leak(**files, **{"shop/db": LEAK_OF_SERVER}).impact is Impact.UNKNOWN
    prompting = f"{dedent(LEAK_OF_SERVER)}\ndef ask():\n    return input('Host: ')\n"
    assert leak(**files, **{"shop/db": prompting}).impact is Impact.ONCE


@pytest.mark.parametrize("mark", ["requirements.txt", "Dockerfile", "setup.cfg"])
def test_an_application_may_have_no_repository_around_it(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).write_text("")
    (tmp_path / "db.py").write_text(dedent(LEAK) + '\ndef used():\n    return "shop"\n')
    (tmp_path / "web.py").write_text("from db import used\n\ndef view():\n    return used()\n")
    (finding,) = dbhygiene.check(tmp_path, settings=Settings(min_confidence=Confidence.POSSIBLE))
    assert finding.impact is Impact.ONCE


WITH_TESTS = {
    "db": dedent(LEAK) + '\ndef used():\n    return "shop"\n',
    "tests/test_db": 'from db import load, used\n\ndef test_load():\n    assert load("a"), used()\n',
}


def test_a_function_that_only_tests_call_is_left_over(leak) -> None:
    view = "from db import used\n\ndef view():\n    return used()\n"
    found = leak(**WITH_TESTS, web=view)
    assert (found.confidence, found.impact) == (Confidence.POSSIBLE, Impact.ONCE)
    assert "no code in this project calls this, except perhaps tests" in found.notes
    assert leak(**WITH_TESTS, web=f"{view}\nJOBS = ['load']\n").impact is Impact.UNKNOWN


def test_a_module_that_only_tests_import_may_be_a_library(leak) -> None:
    assert leak(**WITH_TESTS).impact is Impact.UNKNOWN


def test_a_module_of_an_application_that_only_tests_import_is_theirs(leak) -> None:
    assert leak(**WITH_TESTS, app=PROGRAM).impact is Impact.ONCE


def test_a_method_that_only_tests_call_is_left_over(leak) -> None:
    store = """
        import sqlite3

        class Store:
            def load(self, path):
                conn = sqlite3.connect(path)
                return conn.execute("select 1").fetchone()

            def name(self):
                return "shop"

            def size(self):
                return 1
    """
    use = "from db import Store\n\ndef test_load():\n    store = Store()\n    assert store.load('a')\n"
    view = "from db import Store\n\ndef view(store: Store):\n    return store.name(), store.size()\n"
    assert leak(**{"db": store, "web": view, "tests/test_db": use}).impact is Impact.ONCE
    assert leak(**{"web": view.replace("store.size", "store.load")}).impact is Impact.UNKNOWN


@pytest.mark.parametrize("decorator", ["@pytest.fixture", '@pytest.fixture(scope="module")', "@pytest_asyncio.fixture"])
def test_a_fixture_runs_in_tests_wherever_it_is(leak, decorator: str) -> None:
    text = f"import pytest, pytest_asyncio\n{dedent(RAISING)}".replace("def load(path)", f"{decorator}\ndef load(path)")
    found = leak(**{"shop/database": text.replace("    conn.close()", "    yield conn\n    conn.close()")})
    assert "runs in a test" in found.notes


def test_a_fixture_of_a_library_runs_in_tests_of_others(leak, tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("import setuptools\nsetuptools.setup()\n")
    text = f"import pytest\n{dedent(RAISING)}".replace("def load(path)", "@pytest.fixture\ndef load(path)")
    found = leak(
        **{"shop/__init__": "", "shop/database": text.replace("    conn.close()", "    yield conn\n    conn.close()")}
    )
    assert found.impact is Impact.UNKNOWN


def test_a_sub_command_may_be_chosen_by_its_name(leak) -> None:
    main = """
        import argparse
        from db import load

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            commands = parser.add_subparsers()
            commands.add_parser("load").set_defaults(command="load")
            if parser.parse_args().command == "load":
                load("a")
    """
    assert leak(db=LEAK, main=main).impact is Impact.ONCE


def test_the_main_function_of_a_folder_of_scripts_is_a_program(leak) -> None:
    commands = """
        import sys

        def run(name):
            __import__(f"engine.scripts.{name}", fromlist=["main"]).main()

        if __name__ == "__main__":
            run(sys.argv[1])
    """
    script = dedent(RAISING).replace("load(path)", "main(path='a')")
    files = {"engine/__init__": "", "engine/scripts/__init__": "", "engine/commands": commands}
    assert leak(**files, **{"engine/scripts/orders": script}).impact is Impact.ONCE


def test_a_method_of_an_unrelated_class_is_another_one(leak) -> None:
    context = """
        import sqlite3
        from enum import Enum

        class Context:
            @classmethod
            def build(cls, path):
                conn = sqlite3.connect(path)
                conn.execute("vacuum")
                conn.close()
                return cls()

        class Strand(Enum):
            @classmethod
            def build(cls, value):
                return cls(value)

        if __name__ == "__main__":
            print(Context.build("a"))
    """
    other = "from data import Strand\n\nCONVERTERS = [Strand.build]\n"
    assert leak(data=context, other=other).impact is Impact.ONCE
    by_other = "import data\n\ndef convert(made):\n    return made.build\n"
    assert leak(other=by_other).impact is Impact.UNKNOWN


def test_the_callers_of_a_common_name_import_its_module(leak) -> None:
    files = {f"lib/part{n}/parser": f"def parse(path):\n    return {n}, path\n" for n in range(120)}
    files |= {f"lib/part{n}/__init__": "" for n in range(120)}
    text = dedent(RAISING).replace("load", "parse")
    main = "from lib.orders import parser\n\nif __name__ == '__main__':\n    parser.parse('a')\n"
    assert leak(**files, **{"lib/orders/parser": text, "lib/orders/__init__": "", "main": main}).impact is Impact.ONCE
    near = "from .parser import parse\n\n@job\ndef nightly():\n    parse('a')\n"
    assert leak(**{"lib/orders/jobs": near}).impact is Impact.REPEATED


@pytest.mark.parametrize("decorator", ["@property", "@functools.cached_property"])
def test_what_reads_a_property_calls_it(leak, decorator: str) -> None:
    reader = f"""
        import functools
        import psycopg2

        class Reader:
            {decorator}
            def rows(self):
                conn = psycopg2.connect("")
                cursor = conn.cursor()
                cursor.execute("select 1")
                found = cursor.fetchall()
                conn.close()
                return found
    """
    main = "import sys\nfrom reader import Reader\n\nreader = Reader()\nprint(reader.rows)\n"
    assert leak(reader=reader, main=main).impact is Impact.ONCE
    loop = "while True:\n    try:\n        print(Reader().rows)\n    except Exception:\n        pass\n"
    assert leak(main=main + loop).impact is not Impact.ONCE


def test_an_attribute_of_an_unrelated_class_is_no_method(leak) -> None:
    main = """
        import sqlite3

        class Inputs:
            load = []

        class Loader:
            def load(self, path):
                conn = sqlite3.connect(path)
                conn.execute("vacuum")
                conn.close()

        if __name__ == "__main__":
            Loader().load("a")
            print(Inputs.load)
    """
    assert leak(main=main).impact is Impact.ONCE


def test_a_runner_calls_the_methods_of_a_test_case_wherever_it_is(leak) -> None:
    text = """
        import unittest
        from db import load

        class TestLoad(unittest.TestCase):
            @unittest.skip("slow")
            def test(self):
                load("a")
    """
    assert leak(db=LEAK, TestLoad=text).impact is Impact.ONCE


@pytest.mark.parametrize(
    "setup",
    [
        "def setup(bot):\n    bot.add_cog(Orders(bot))\n",
        "async def setup(bot):\n    await bot.add_cog(Orders(bot))\n",
        "async def setup(bot: commands.Bot) -> None:\n    orders = Orders(bot)\n    await bot.add_cog(orders)\n",
    ],
)
def test_a_bot_makes_one_object_of_a_cog(leak, setup: str) -> None:
    cog = """
        import psycopg2
        from discord.ext import commands

        class Orders(commands.Cog):
            def __init__(self, bot):
                self.bot = bot
                self.conn = psycopg2.connect("")

            @commands.command()
            async def count(self, ctx):
                with self.conn.cursor() as cursor:
                    cursor.execute("select count(*) from orders")

    """
    found = leak(orders=dedent(cog) + setup)
    assert (found.code, found.confidence) == ("HYG106", Confidence.POSSIBLE)


def test_other_functions_that_set_up_may_run_again(leak) -> None:
    text = """
        import psycopg2
        import discord

        class Orders:
            def __init__(self):
                self.conn = psycopg2.connect("")

            def count(self):
                self.conn.cursor().execute("select count(*) from orders")

        def setup(bot):
            return Orders()
    """
    assert leak(orders=text).confidence is Confidence.LIKELY


@pytest.mark.parametrize(
    ("handler", "impact"),
    [
        ("fail(error)", Impact.ONCE),
        ("if '-v' in sys.argv:\n            raise\n        else:\n            fail(error)", Impact.ONCE),
        (
            "with open('log', 'a') as log:\n            log.write('failed')\n            raise SystemExit(1)",
            Impact.ONCE,
        ),
        ("if '-v' in sys.argv:\n            raise", Impact.REPEATED),
        ("note(error)", Impact.REPEATED),
        ("ended(error)", Impact.REPEATED),
    ],
)
def test_a_handler_may_end_the_program_by_a_function(leak, handler: str, impact: Impact) -> None:
    main = f"""
import sys
from db import load

def fail(error):
    print(error)
    sys.exit(1)

def note(error):
    print(error)

def ended(error):
    if not error:
        return
    sys.exit(1)

for path in sys.argv:
    try:
        load(path)
    except Exception as error:
        {handler}
"""
    assert leak(db=RAISING, main=main).impact is impact


def test_a_default_of_a_command_is_given_by_its_name(leak) -> None:
    main = """
        import click
        from db import load as read

        SETTINGS = dict(default_map={"load": {"path": "a"}})

        def load(path):
            read(path)

        @click.command(context_settings=SETTINGS)
        @click.option("--path")
        def load_cli(path):
            return load(path)
    """
    other = "import main\n\nprint(main)\n"
    assert leak(db=LEAK, main=main, other=other).impact is Impact.ONCE
    text = dedent(main).replace("default_map={", "handlers={")
    assert leak(main=text).impact is Impact.UNKNOWN
