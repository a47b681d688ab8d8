"""No fix takes away what other code needs later: a lock, a database in memory, a cursor, an object of the caller."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence
from dbhygiene.fixes.apply import Fixed, fix
from dbhygiene.project.project import Project

CODES = ("HYG101", "HYG102", "HYG103", "HYG104", "HYG209")
START = "import pymysql\nimport sqlite3\nfrom contextlib import closing\nfrom app import work\n\n"


def fixed(root: Path, source: str, others: dict[str, str] | None = None) -> Fixed:
    """The fix of a program, in a project of its own."""
    for name, text in {"setup.cfg": "", "shop.py": source, **(others or {})}.items():
        (root / name).write_text(text)
    rules = [rule for rule in all_rules() if rule.code in CODES]
    return fix(Project(root).file(root / "shop.py"), lambda each: check_file(each, rules, least=Confidence.POSSIBLE))


def reasons(done: Fixed) -> str:
    return "\n".join(each.reason for each in done.left)


def opened(sql: str) -> str:
    return f"    conn = pymysql.connect()\n    cursor = conn.cursor()\n    cursor.execute({sql})\n"


LOCKING = [
    "\"select get_lock('nightly', 0)\"",
    '"select pg_try_advisory_lock(1)"',
    '"LOCK TABLES orders WRITE"',
    '"select id from jobs where id = 1 FOR UPDATE"',
    '"BEGIN EXCLUSIVE"',
    "TAKE",
    'f"select get_lock({work!r}, 0)"',
]


@pytest.mark.parametrize("sql", LOCKING)
def test_a_lock_is_held_until_the_function_ends(tmp_path: Path, sql: str) -> None:
    source = f"{START}TAKE = \"select get_lock('x', 0)\"\n\ndef job():\n{opened(sql)}    work()\n    return 1\n"
    text = fixed(tmp_path, source).text
    assert text.endswith(f"        cursor.execute({sql})\n        work()\n        return 1\n"), text


@pytest.mark.parametrize("sql", LOCKING)
def test_a_lock_of_a_module_is_kept(tmp_path: Path, sql: str) -> None:
    source = (
        f"{START}TAKE = \"select get_lock('x', 0)\"\nconn = pymysql.connect()\nconn.cursor().execute({sql})\nwork()\n"
    )
    done = fixed(tmp_path, source)
    assert done.text == source
    assert "later code may need the lock" in reasons(done)


def test_a_lock_is_kept_in_a_block(tmp_path: Path) -> None:
    source = f"{START}def job():\n  if work():\n{opened(LOCKING[0])}  work()\n"
    done = fixed(tmp_path, source)
    assert done.text == source
    assert "later code may need the lock" in reasons(done)


def test_a_lock_that_a_helper_takes(tmp_path: Path) -> None:
    helper = (
        f"def take(conn):\n    cur = conn.cursor()\n    cur.execute({LOCKING[0]})\n    return cur.fetchone()[0]\n\n"
    )
    source = (
        f"{START}{helper}def job():\n    conn = pymysql.connect()\n    got = take(conn)\n    if got:\n        work()\n"
    )
    assert fixed(tmp_path, source).text.endswith("        got = take(conn)\n        if got:\n            work()\n")


@pytest.mark.parametrize(
    ("taken", "ended"),
    [
        (LOCKING[0], "cursor.execute(\"select release_lock('nightly')\")"),
        (LOCKING[1], 'cursor.execute("select pg_advisory_unlock(1)")'),
        (LOCKING[3], "conn.commit()"),
        (LOCKING[3], "conn.rollback()"),
    ],
)
def test_a_lock_that_is_released_ends_there(tmp_path: Path, taken: str, ended: str) -> None:
    source = f"{START}def job():\n{opened(taken)}    {ended}\n    work()\n"
    assert fixed(tmp_path, source).text.endswith(f"        {ended}\n    work()\n")


def test_a_lock_ends_where_the_program_closes_the_connection(tmp_path: Path) -> None:
    source = f"{START}def job():\n{opened(LOCKING[0])}    work()\n    conn.close()\n    work()\n"
    assert fixed(tmp_path, source).text.endswith("        work()\n    finally:\n        conn.close()\n    work()\n")


def test_a_lock_is_held_while_the_program_waits_for_ever(tmp_path: Path) -> None:
    """The connection is left open only if the query raises: nothing follows the wait."""
    source = f"import threading\n{START}def job():\n{opened(LOCKING[1])}    threading.Event().wait()\n"
    assert fixed(tmp_path, source).text.endswith("        threading.Event().wait()\n")


def test_a_lock_that_one_path_ends(tmp_path: Path) -> None:
    """On the other path the connection holds the lock while the work is done."""
    early = "    if not cursor.fetchone():\n        conn.close()\n        return\n"
    text = fixed(tmp_path, f"{START}def job():\n{opened(LOCKING[0])}{early}    work()\n").text
    assert text.endswith("            return\n        work()\n    finally:\n        conn.close()\n"), text


def test_a_lock_outlives_a_block_that_only_commits(tmp_path: Path) -> None:
    block = f"    with psycopg2.connect() as conn:\n        conn.cursor().execute({LOCKING[1]})\n"
    source = f"import psycopg2\nfrom app import work\n\ndef job():\n{block}    work()\n"
    done = fixed(tmp_path, source)
    assert done.text == source
    assert "later code may need the lock" in reasons(done)


def test_a_lock_without_a_name(tmp_path: Path) -> None:
    source = (
        f"{START}def job():\n    cursor = pymysql.connect().cursor()\n    cursor.execute({LOCKING[0]})\n    work()\n"
    )
    done = fixed(tmp_path, source)
    assert done.text == source
    assert "later code may need the lock" in reasons(done)


@pytest.mark.parametrize(
    "name", ['"file:shop?mode=memory&cache=shared", uri=True', "URI, uri=True", '"file:/shop?vfs=memdb", uri=True']
)
def test_a_database_in_memory_lasts_as_long_as_a_connection(tmp_path: Path, name: str) -> None:
    start = f'{START}URI = "file::memory:?cache=shared"\n\n'
    made = "keeper.execute('create table orders (id)')"
    function = f"{start}def main():\n    keeper = sqlite3.connect({name})\n    {made}\n    work()\n"
    assert fixed(tmp_path, function).text.endswith(f"        {made}\n        work()\n")
    module = f"{start}keeper = sqlite3.connect({name})\n{made}\nwork()\n"
    done = fixed(tmp_path, module)
    assert done.text == module
    assert "later code may need the database in memory" in reasons(done)


@pytest.mark.parametrize(
    ("passed", "is_fixed"),
    [("locals()", False), ("vars()", False), ("'%(row)s' % locals()", True), ("'{row}'.format(**locals())", True)],
)
def test_all_variables_of_a_function_may_be_passed_on(tmp_path: Path, passed: str, is_fixed: bool) -> None:
    source = f"{START}def show():\n{opened('1')}    row = cursor.fetchone()\n    return {passed}\n"
    done = fixed(tmp_path, source)
    assert (done.text != source) is is_fixed
    assert is_fixed or f"`{passed}` passes on all variables (line 11)" in reasons(done)


def test_a_helper_may_return_none_for_a_connection_that_is_not_used(tmp_path: Path) -> None:
    helper = "def reopen(old):\n    if old.open:\n        return None\n    return pymysql.connect()\n"
    source = f"{START}{helper}\ndef job(old):\n    reopen(old)\n    work()\n"
    done = fixed(tmp_path, source)
    assert done.text == source
    assert "`reopen` may return None, too" in reasons(done)
    assert "    pymysql.connect().close()\n" in fixed(tmp_path, f"{START}def job():\n    pymysql.connect()\n").text


@pytest.mark.parametrize(("until", "is_fixed"), [("True", True), ("tries > 0", False)])
def test_a_helper_that_is_given_connect_may_return_none(tmp_path: Path, until: str, *, is_fixed: bool) -> None:
    helper = (
        f"def retried(connect, tries):\n    while {until}:\n        try:\n            return connect()\n"
        "        except OSError:\n            tries -= 1\n"
    )
    source = f"{START}{helper}\ndef job():\n    retried(pymysql.connect, 3)\n    work()\n"
    done = fixed(tmp_path, source)
    assert ("    retried(pymysql.connect, 3).close()\n" in done.text) is is_fixed
    assert is_fixed or "`retried` may return None, too" in reasons(done)


def test_a_module_may_use_the_cursor_of_another_one(tmp_path: Path) -> None:
    source = f"{START}_conn = pymysql.connect()\ncursor = _conn.cursor()\ncursor.execute('select 1')\n"
    assert (
        fixed(tmp_path, source, {"jobs.py": "from shop import cursor\n\ncursor.execute('select 2')\n"}).text == source
    )
    assert fixed(tmp_path, source, {"jobs.py": ""}).text != source


MODELS = """
from app import make
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, sessionmaker

class Base(DeclarativeBase): ...

class Owner(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    orders: Mapped[list["Order"]] = relationship(back_populates="owner")

Session = sessionmaker(create_engine("mysql+pymysql://db/shop"))
"""


@pytest.mark.parametrize(
    ("put", "is_fixed"),
    [
        ("owner.orders.append(given)", False),
        ("owner.orders.append(given.order)", False),
        ("owner.orders.extend([given])", False),
        ("owner.orders = given", False),
        ("owner.orders[:] = given", False),
        ("owner.orders += given", False),
        ("owner.name = given", True),
        ("owner.orders.append(make(given))", True),
        ("owner.orders.remove(1)", True),
    ],
)
def test_an_object_of_the_caller_that_is_put_into_the_session(tmp_path: Path, put: str, is_fixed: bool) -> None:
    """Its relationships are loaded by this session from then on."""
    start = f"{MODELS}\n\ndef attach(given):\n    session = Session()\n    owner = session.get(Owner, 1)\n"
    source = f"{start}    {put}\n    session.commit()\n    return owner.id\n"
    assert (fixed(tmp_path, source).text != source) is is_fixed


@pytest.mark.parametrize(
    ("body", "is_fixed"),
    [
        ("return conn.fetch('select 1')", False),
        ("coro = conn.fetch('select 1')\n    return coro", False),
        ("coro = conn.fetch('select 1')\n    work()\n    return await coro", False),
        ("task = asyncio.create_task(conn.fetch('select 1'))\n    return task", False),
        ("asyncio.create_task(conn.execute('select 1'))", False),
        ("asyncio.get_running_loop().create_task(conn.execute('select 1'))", False),
        ("return [conn.fetch(each) for each in given]", False),
        ("return (1, conn.fetch('select 1'))", False),
        ("given.append(conn.fetch('select 1'))", False),
        ("await conn.add_listener('orders', given)\n    while True:\n        await work()", False),
        ("return await conn.fetch('select 1')", True),
        ("await asyncio.gather(*[conn.execute(each) for each in given])", True),
        ("await asyncio.wait([asyncio.create_task(conn.execute('select 1'))])\n    await conn.close()", True),
        ("async with conn.transaction():\n        await conn.execute('select 1')", True),
        ("rows = await asyncio.wait_for(conn.fetch('select 1'), 5)\n    return rows", True),
        ("rows = await conn.fetch('select 1')\n    return [dict(row) for row in rows]", True),
    ],
)
def test_a_coroutine_that_is_awaited_later_needs_its_connection(tmp_path: Path, body: str, is_fixed: bool) -> None:
    start = "import asyncio\nimport asyncpg\nfrom app import work\n\nasync def load(given):\n"
    source = f"{start}    conn = await asyncpg.connect()\n    {body}\n"
    assert (fixed(tmp_path, source).text != source) is is_fixed
