"""The judge of fixes itself, on a right fix and on wrong ones."""

from random import Random

import pytest

from .fixes import judge_fix, leaks, same_behaviour
from .programs import program

START = "import mariadb\nfrom contextlib import closing\nfrom app import work\n\ndef target():\n"
LEAKY = f"{START}    conn = mariadb.connect()\n    work()\n    conn.commit()\n"


def fixed_and_wrong(source: str) -> tuple[int, tuple[str, ...]]:
    """How many findings of a program are fixed, and what is wrong with its fix."""
    judged = judge_fix(source)
    assert judged is not None
    return len(judged.fixed.fixed), judged.complaints


def test_a_right_fix() -> None:
    fixed = f"{START}    with closing(mariadb.connect()) as conn:\n        work()\n        conn.commit()\n"
    assert leaks(LEAKY)
    assert not leaks(fixed)
    assert same_behaviour(LEAKY, fixed) == []


def test_a_fix_that_drops_a_write() -> None:
    assert same_behaviour(LEAKY, f"{START}    with closing(mariadb.connect()) as conn:\n        work()\n")


def test_a_fix_that_closes_what_is_returned() -> None:
    before = f"{START}    conn = mariadb.connect()\n    work()\n    return conn.cursor()\n"
    after = f"{START}    with closing(mariadb.connect()) as conn:\n        work()\n        return conn.cursor()\n"
    assert same_behaviour(before, after)


@pytest.mark.parametrize(
    ("given", "is_kept"), [("cur", False), ("[cur]", False), ("conn", True), ("[conn, cur]", True)]
)
def test_an_unknown_function_keeps_a_connection_but_no_cursor(given: str, is_kept: bool) -> None:
    opened = f"{START}    conn = mariadb.connect()\n    cur = conn.cursor()\n"
    before = f"{opened}    work({given})\n    conn.close()\n"
    after = f"{opened}    try:\n        work({given})\n    finally:\n        conn.close()\n"
    assert bool(same_behaviour(before, after)) is is_kept


def test_a_fix_may_not_turn_one_leak_into_another() -> None:
    """To close the second connection alone would leave the first as one that is replaced while it is open."""
    again = "import mariadb\n\ndef target(p):\n    a = mariadb.connect()\n    if p:\n        a = mariadb.connect()\n"
    judged = judge_fix(f"{again}    a.commit()\n")
    assert judged is not None
    assert (judged.found, judged.complaints) == (2, ())
    refused = "the tested fix causes HYG105, so check again after your own change"
    assert refused in {each.reason for each in judged.fixed.left}


def test_a_leak_may_be_told_with_less_confidence_than_before() -> None:
    """The first connection is replaced under a condition of its own, once the second has a block of its own."""
    before = f"{START.replace('target()', 'target(p, q)')}    if p or work():\n        a = p and mariadb.connect()\n"
    again = "        a = mariadb.connect()\n        a.commit()\n"
    then = f"    if q:\n{again}    elif p:\n{again}"
    assert fixed_and_wrong(before + then) == (1, ())


@pytest.mark.parametrize(
    "again",
    [
        "with closing(mariadb.connect()) as a:\n        work()\n    yield a",
        "a = mariadb.connect()\n    if p:\n        yield a\n    sys.exit()",
    ],
)
def test_what_a_generator_hands_on_it_hands_on_when_it_is_fixed(again: str) -> None:
    """The first of two connections of one name is closed at once; the second is yielded, and nobody's to take back."""
    source = f"import sys\n{START}    a = mariadb.connect()\n    {again}\n".replace("target()", "target(p)")
    assert fixed_and_wrong(source) == (1, ())


def test_what_is_closed_by_a_name_is_nobody_else_s_on_any_way() -> None:
    """Two connections go by one name where they are used; one of them has been handed on."""
    source = """
import mariadb
from app import keep

def target(p):
    conn = mariadb.connect()
    if p:
        keep(conn)
    else:
        conn.close()
        conn = mariadb.connect()
    conn.commit()
"""
    assert fixed_and_wrong(source) == (0, ())


@pytest.mark.parametrize(
    "kept",
    [
        *("conn", "p or conn", "[conn]", "(1, conn)", "closing(conn)", "conn.close", "conn.execute"),
        *("conn.cursor()", "p or conn.cursor()", "p and conn.cursor()", "conn.cursor() if p else None"),
        *("(cur := conn.cursor())", "cur, _ = conn.cursor(), 1", "[*[conn.cursor()]]", "{1: conn.cursor()}"),
        *("[cur for cur in [conn.cursor()]]", "{1: cur for cur in (conn.cursor(),)}", "dict(cur=conn.cursor())"),
    ],
)
def test_what_a_global_keeps_is_open_afterwards(kept: str) -> None:
    """Only this function mentions the global, and sets it anew at first: it is followed like one of its own."""
    source = f"{START}    global SHARED\n    SHARED = 0\n    work(SHARED.real)\n    conn = mariadb.connect()\n"
    source = source.replace("def", "SHARED = None\n\ndef").replace("target()", "target(p)")
    assert fixed_and_wrong(f"{source}    SHARED = {kept}\n") == (0, ())


def test_a_session_that_is_used_after_its_close_holds_objects_again() -> None:
    source = """
from app import work
from models import Order
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

engine = create_engine("mysql+pymysql://db/shop")

def target():
    session = Session(engine)
    session.close()
    session.flush()
    work()
    return [each for each in session.query(Order)]
"""
    assert fixed_and_wrong(source) == (0, ())


def test_a_helper_that_closes_twice_is_not_called_on_other_paths() -> None:
    source = """
import mariadb

def finish(conn):
    conn.close()
    conn.close()

def target():
    conn = mariadb.connect()
    other = mariadb.connect()
    other.close()
    finish(conn)
"""
    assert fixed_and_wrong(source) == (0, ())


def test_a_guard_that_closes_twice_is_not_moved() -> None:
    """The second close raises: moved into a `finally`, it would do so on every path."""
    source = """
import mariadb
from contextlib import suppress

def target(p):
    conn = mariadb.connect()
    if p:
        with suppress(Exception):
            conn.close()
            conn.close()
"""
    assert fixed_and_wrong(source) == (0, ())


def test_a_guard_that_uses_the_connection_is_not_moved() -> None:
    """On the path of the exception nothing closed the cursor after its connection."""
    source = """
import mariadb
from contextlib import closing

def target(items):
    conn = mariadb.connect()
    found = [conn.execute() for row in items]
    with closing(conn.cursor()) as cur:
        conn.close()
"""
    assert fixed_and_wrong(source) == (0, ())


@pytest.mark.parametrize("chunk", range(4))
def test_fixes_end_leaks_and_change_nothing_else(chunk: int) -> None:
    for number in range(60 * chunk, 60 * (chunk + 1)):
        if judged := judge_fix(program(Random(f"fixes/{number}"), later=number % 2 == 1)):
            assert not judged.complaints, f"{judged.source}\n# becomes\n{judged.fixed.text}\n{judged.complaints}"


def test_a_helper_may_return_a_closed_connection_of_another_driver() -> None:
    program = """
import mariadb
import psycopg2
from app import check

def opened():
    conn = mariadb.connect()
    try:
        conn, other = psycopg2.connect(), mariadb.connect()
    except mariadb.Error:
        conn.close()
    else:
        other.close()
    return conn

def target():
    conn = opened()
    check()
"""
    judged = judge_fix(program)
    assert judged is not None
    assert not judged.complaints
    assert "closed already when it is returned" in str([each.reason for each in judged.fixed.left])


def test_a_helper_may_return_a_closed_connection_in_a_tuple() -> None:
    program = """
import mariadb
from app import check

def opened():
    conn = mariadb.connect()
    if check():
        conn.close()
        return conn, 1
    return conn, 2

def target():
    conn, number = opened()
    check()
"""
    judged = judge_fix(program)
    assert judged is not None
    assert not judged.complaints
    assert "closed already when it is returned" in str([each.reason for each in judged.fixed.left])
