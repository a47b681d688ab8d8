"""The way to a leak, as it is told: the turns that matter, in the order of execution."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding, Fix, NoFix
from dbhygiene.source.file import File, NoProject

HEAD = "import pymysql\nfrom contextlib import suppress\n\ndef f(a, b, rows):\n    conn = pymysql.connect()\n"


def source(body: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in body.split("\n"))


def finding(body: str) -> Finding:
    file = File(Path("app.py"), source(body), project=NoProject(Settings(min_confidence=Confidence.POSSIBLE)))
    (found,) = check_file(file, all_rules())
    return found


def told(body: str) -> list[str]:
    lines = source(body).split("\n")
    return [
        f"{lines[s.span.line - 1][s.span.column : s.span.end_column]}: {s.message}" for s in finding(body).steps[1:]
    ]


LEFT = "`conn` still open"


@pytest.mark.parametrize(
    ("body", "steps"),
    [
        ("if a:\n    b()\nrows()", [f"rows(): the function ends, {LEFT}"]),
        (
            "if not a:\n    return\nconn.close()",
            ["not a: when this is true", f"return: the function returns, {LEFT}"],
        ),
        (
            "if b:\n    print(b)\nif a and rows:\n    conn.close()",
            ["a: when this is false", f"a: the function ends, {LEFT}"],
        ),
        (
            "for row in rows:\n    conn.close()\n    return",
            ["rows: when the loop has no more items", f"rows: the function ends, {LEFT}"],
        ),
        (
            "with suppress(ValueError):\n    try:\n        return conn\n    finally:\n        rows()",
            [
                "rows(): this raises",
                "suppress(ValueError): this `with` suppresses the exception",
                f"suppress(ValueError): the function ends, {LEFT}",
            ],
        ),
        (
            "with suppress(ValueError):\n    rows()\n    conn.close()",
            [
                "rows(): this raises",
                "suppress(ValueError): this `with` suppresses the exception",
                f"suppress(ValueError): the function ends, {LEFT}",
            ],
        ),
    ],
    ids=["never closed", "not", "and", "loop", "return overtaken", "suppress"],
)
def test_the_turns_that_matter_are_told(body: str, steps: list[str]) -> None:
    assert told(body) == steps


@pytest.mark.parametrize("manager", ["conn.cursor()", "conn", "b.form('x')", "self.transaction()"])
def test_a_with_that_swallows_nothing_is_not_said_to(manager: str) -> None:
    (step,) = told(f"with {manager} as it:\n    it.execute('x')\nconn.close()")
    assert step.endswith(": this raises")


@pytest.mark.parametrize(
    ("exit_", "swallows"),
    [
        ("return True", True),
        ("return kind is ValueError", True),
        ("return False", False),
        ("return self.inner.__exit__(kind, error, trace)", False),
        ("print(error)", False),
    ],
)
def test_a_with_swallows_as_its_class_says(exit_: str, swallows: bool) -> None:
    text = f"""
import pymysql

class Scope:
    def __enter__(self):
        return self
    def __exit__(self, kind, error, trace):
        {exit_}

def f(work):
    conn = pymysql.connect()
    with Scope():
        work()
        conn.close()
"""
    (found,) = check_file(File(Path("app.py"), text), all_rules())
    assert ("this `with` suppresses the exception" in [step.message for step in found.steps]) is swallows


@pytest.mark.parametrize(
    ("body", "others"),
    [
        ("a()\nself.conn = conn\nb()\nrows()", []),
        ("a()\ntry:\n    b()\nexcept Exception:\n    rows.clear()\nconn.close()", []),
        ("a()\ntry:\n    b()\nexcept Exception:\n    conn.close()\n    raise\nconn.close()", []),
        ("a()\nkeep(conn)\nb()", []),
        ("a()\ntry:\n    b()\nexcept ValueError:\n    print('x')\nconn.close()", ["b"]),
        ("a()\nconn.close()\nb()", []),
    ],
    ids=["kept", "caught", "closed by the handler", "handed on", "caught in part", "closed"],
)
def test_only_what_leaves_it_open_is_told_as_another_way(body: str, others: list[str]) -> None:
    notes = [note for note in finding(body).notes if note.startswith("also stays open")]
    assert [note.split("`")[1] for note in notes] == others


def test_other_ways_to_leak_are_told_once_a_line() -> None:
    found = finding(
        "if a:\n    return\nconn.cursor().execute('x')\nconn.ping()\nconn.commit()\nconn.begin()\nconn.close()"
    )
    assert found.notes[0] == (
        "also stays open if one of these raises:"
        " `conn.cursor().execute` (line 8), `conn.ping` (line 9), `conn.commit` (line 10) and 1 more"
    )
    one = finding("conn.ping()\nconn.commit()\nconn.close()")
    assert one.notes[0] == "also stays open if `conn.ping` (line 6) raises"


def test_what_a_pool_lends_is_given_back_not_closed() -> None:
    head = "from psycopg2.pool import ThreadedConnectionPool\n\nPOOL = ThreadedConnectionPool(1, 8)\n\ndef f():\n"
    body = "    conn = POOL.getconn()\n    conn.cursor().execute('x')\n    conn.commit()\n    POOL.putconn(conn)\n"
    (found,) = check_file(File(Path("app.py"), head + body), all_rules())
    assert found.message == "connection `conn` is not given back if `conn.cursor().execute` raises"
    assert found.notes[0] == "also not given back if `conn.commit` (line 8) raises"
    assert isinstance(found.fix, Fix)
    assert found.fix.title == "Give `conn` back in a `finally`"


def test_an_object_that_owns_a_connection_is_told_with_what_closes_it() -> None:
    text = """
import pymysql

class Prices:
    def __init__(self, options):
        self.held = pymysql.connect(**options)
    def disconnect(self):
        self.held.close()

def f(options):
    prices = Prices(options)
    print(prices)
"""
    (found,) = check_file(File(Path("app.py"), text), all_rules())
    assert found.notes[:2] == (
        "each `Prices` opens its own connection, which its `disconnect` closes",
        "each leak keeps a server connection open until Python frees the object;"
        " too many cause error 1040, 1203 or 1226",
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            "conn.ping()\nreturn (row for row in conn.cursor())",
            "something that reads from the connection is used later (line 7); close it after its last use",
        ),
        (
            "if a:\n    keep(conn)\nconn.ping()",
            "on some paths the connection is passed to other code (line 7); close it on this path",
        ),
    ],
)
def test_a_refusal_names_the_line_that_is_the_reason(body: str, why: str) -> None:
    assert finding(body).fix == NoFix(why)


@pytest.mark.parametrize(
    ("body", "headline"),
    [
        ("int(a)\nconn.cursor().execute(rows)\nconn.close()", "if `conn.cursor().execute` raises"),
        ("b()\nconn.commit()\nconn.close()", "if `conn.commit` raises"),
        ("Job(a)\nb()\nconn.close()", "if `b` raises"),
        ("b()\na()\nconn.close()", "if `b` raises"),
        ("conn.commit()\nif a:\n    conn.cursor().execute(rows)\nconn.close()", "if `conn.cursor().execute` raises"),
        ("int(a)\ntry:\n    conn.cursor().execute(rows)\nfinally:\n    conn.close()", "if `int` raises"),
    ],
)
def test_the_headline_names_the_likeliest_exception(body: str, headline: str) -> None:
    found = finding(body)
    assert found.message.endswith(headline)
    assert told(body)[-1].partition("(")[0] == headline.split("`")[1].partition("(")[0]


@pytest.mark.parametrize(
    ("raised", "headline"),
    [
        ("LookupError(a)", "is left open by the `raise` in line 8"),
        ("SystemExit(1)", "is left open if `conn.cursor().execute` raises"),
        ("NotImplementedError", "is left open if `conn.cursor().execute` raises"),
    ],
)
def test_a_raise_of_the_program_is_likelier_than_any_call(raised: str, headline: str) -> None:
    body = f"conn.cursor().execute(rows)\nif not a:\n    raise {raised}\nconn.close()"
    assert finding(body).message.endswith(headline)


def test_a_raise_in_the_handler_of_another_exception_is_no_cause_of_its_own() -> None:
    body = "try:\n    conn.cursor().execute(rows)\nexcept Exception:\n    raise ValueError(a)\nconn.close()"
    assert finding(body).message.endswith("if `conn.cursor().execute` raises")


CANCELLED = """import asyncpg

async def f(dsn, mode):
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("a")
        await conn.fetch("b")
    except {caught}:
        await conn.close()
        raise
    {then}
    await conn.close()
"""


@pytest.mark.parametrize(
    ("caught", "then", "headline"),
    [
        ("Exception", "print(mode)", "if `conn.execute` is cancelled"),
        ("Exception", "mode()", "if `mode` raises"),
        ("asyncpg.InterfaceError", "print(mode)", "if `conn.execute` raises"),
    ],
)
def test_a_leak_by_cancellation_alone_is_the_last_to_be_named(caught: str, then: str, headline: str) -> None:
    (found,) = check_file(File(Path("app.py"), CANCELLED.format(caught=caught, then=then)), all_rules())
    assert found.message == f"connection `conn` is left open {headline}"
    cancelled = [note for note in found.notes if "cancel" in note]
    if "cancelled" in headline:
        assert found.steps[-1].message == "this is cancelled"
        assert cancelled == [
            "the `except` in line 8 does not catch the cancellation of a task, which is a `BaseException`",
            "also stays open if `conn.fetch` (line 7) is cancelled",
        ]
    else:
        assert not cancelled


def test_what_raises_after_the_leak_is_no_other_cause() -> None:
    body = (
        "try:\n    conn.cursor().execute(rows)\n    conn.close()\nexcept Exception:\n    print(a)\n"
        "try:\n    a()\nexcept Exception:\n    print(b)\nif b:\n    print(rows)"
    )
    first, caught, last = told(body)
    assert first == "conn.cursor().execute(rows): this raises"
    assert caught.endswith(": caught here")
    assert last.endswith(f"the function ends, {LEFT}")
    assert not any("also stays open" in note for note in finding(body).notes)


def test_the_steps_show_where_a_generator_raises() -> None:
    text = (
        "import psycopg2\n\ndef orders(conn):\n    cursor = conn.cursor()\n    cursor.execute('select 1')\n"
        "    for row in cursor:\n        yield row[0]\n\ndef report(path):\n    conn = psycopg2.connect(path)\n"
        "    for number in orders(conn):\n        print(number)\n    conn.close()\n"
    )
    (found,) = check_file(File(Path("app.py"), text, project=NoProject(Settings())), all_rules())
    assert found.message == "connection `conn` is left open if reading `orders` raises"
    assert [(step.span.line, step.message) for step in found.steps] == [
        (10, "opened here"),
        (11, "taking the next item raises"),
        (5, "`orders` may raise here, and does not close it"),
    ]


def test_an_error_of_a_file_is_not_caught_as_one_of_a_driver() -> None:
    body = (
        "try:\n    text = a.read_text()\n    conn.cursor().execute(text)\n    conn.close()\n"
        "except pymysql.OperationalError:\n    print(b)"
    )
    first, caught, *_ = told(body)
    assert first == "conn.cursor().execute(text): this raises"
    assert caught.endswith(": caught here")
    body = body.replace("    conn.cursor().execute(text)\n", "")
    assert finding(body).message.endswith("if `a.read_text` raises")


def test_an_attribute_that_is_set_by_its_name_raises_nothing() -> None:
    file = File(
        Path("app.py"), source("setattr(conn, 'version', conn.server_version)\nreturn conn"), project=NoProject()
    )
    assert check_file(file, all_rules()) == []


def test_the_note_about_a_transaction_names_the_call_that_leaves_it_open() -> None:
    text = (
        "import sqlite3\n\ndef f(path, name):\n    conn = sqlite3.connect(path)\n"
        "    conn.execute('create table if not exists t (a)')\n    conn.execute('insert into t values (?)', name)\n"
        "    conn.commit()\n    conn.close()\n"
    )
    (found,) = check_file(File(Path("app.py"), text, project=NoProject(Settings())), all_rules())
    holds = '`conn` keeps the write transaction open: other writers get "database is locked"'
    assert f"if `conn.execute` (line 6) raises, {holds}" in found.notes
    freed = "the file stays open until the garbage collector runs; before Python 3.11"
    assert f"{freed}, until the exception has been handled" in found.notes
    text = text.replace("    conn.execute('create table if not exists t (a)')\n", "")
    (found,) = check_file(File(Path("app.py"), text, project=NoProject(Settings())), all_rules())
    assert f"after an exception, {holds}" in found.notes


def test_the_path_passes_no_exception_that_the_leak_does_not_need() -> None:
    other = (
        "    try:\n        async with httpx.AsyncClient() as client:\n            await client.get(url)\n"
        "        log('here')\n    except Exception as error:\n        log(error)\n"
    )
    text = (
        "import asyncpg\nimport httpx\n\nasync def check(url, log):\n"
        "    try:\n        conn = await asyncpg.connect(url)\n"
        "        await conn.execute('select 1')\n        await conn.close()\n    except Exception as error:\n"
        f"        log(error)\n{other}{other}    log('done')\n"
    )
    (found,) = check_file(File(Path("app.py"), text, project=NoProject(Settings())), all_rules())
    steps = ["opened here", "this raises", "caught here", "the function ends, `conn` still open"]
    assert [step.message for step in found.steps] == steps


@pytest.mark.parametrize(
    "function",
    ["def show(conn):\n    conn.cursor()", "def show(path):\n    conn = sqlite3.connect(path)\n    conn.close()"],
)
def test_the_variable_of_a_function_is_no_use_of_that_of_the_module(function: str) -> None:
    text = f"import psycopg2\nimport sqlite3\n\n{function}\n\nwith psycopg2.connect('') as conn:\n    conn.cursor()\n"
    found = check_file(File(Path("app.py"), text), all_rules(), least=Confidence.POSSIBLE)
    assert [isinstance(each.fix, Fix) for each in found if each.code == "HYG103"] == [True]


class WithSQLAlchemy(NoProject):
    """A project that stays below a version of SQLAlchemy."""

    below: tuple[int, ...] | None = None

    def version_below(self, distribution: str) -> tuple[int, ...] | None:
        return self.below


@pytest.mark.parametrize(
    ("opened", "used", "below", "until"),
    [
        ("engine.connect()", "execute(query)", None, "until the garbage collector runs (`close`"),
        ("engine.connect()", "execute(query)", (3,), "until the garbage collector runs (`close`"),
        ("engine.connect()", "execute(query)", (2,), "until the function ends (`close`"),
        ("engine.connect()", "execute(query)\n    used.close()", (2,), "until the garbage collector runs (`close`"),
        ("Session(engine)", "execute(query)", (2,), "until the garbage collector runs (`close`"),
        ("engine.raw_connection()", "cursor().execute(query)", (2,), "pool (`close`"),
    ],
)
def test_a_note_says_until_when_the_pool_lacks_a_connection(
    opened: str, used: str, below: tuple[int, ...] | None, until: str
) -> None:
    text = f"""from sqlalchemy import create_engine
from sqlalchemy.orm import Session

engine = create_engine("postgresql://db/shop")

def count(query):
    used = {opened}
    used.{used}
"""
    project = WithSQLAlchemy(Settings(min_confidence=Confidence.POSSIBLE), below=below)
    (found,) = check_file(File(Path("app.py"), text, project=project), all_rules())
    assert any(until in note for note in found.notes), found.notes
