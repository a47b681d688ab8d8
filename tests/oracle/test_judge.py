"""The judge itself, on programs whose verdict a reader can see."""

from __future__ import annotations

import ast
from random import Random

import pytest

from .judge import Bits, judge
from .programs import program

PREAMBLE = """\
import atexit, mariadb, psycopg2, sys
from contextlib import ExitStack, closing, contextmanager, suppress
from app import check, find, keep, rows, work

SHARED = None

def make():
    return mariadb.connect()

def finish(conn):
    conn.close()

"""

# Each body acquires once; the letters say how that may end: leaks or ends Well Normally, or by eXception.
CASES = {
    "conn = mariadb.connect()": "LN",
    "conn = mariadb.connect()\nconn.close()": "WN",
    "conn = mariadb.connect()\nwork()\nconn.close()": "WN LX",
    "conn = mariadb.connect()\ntry:\n    work()\nfinally:\n    conn.close()": "WN WX",
    "conn = mariadb.connect()\ntry:\n    work()\nexcept ValueError:\n    conn.close()\n    raise\n"
    "conn.close()": "WN LX WX",
    "conn = mariadb.connect()\ntry:\n    work()\nexcept ValueError:\n    return\nconn.close()": "LN WN LX",
    "with mariadb.connect() as conn:\n    work()": "WN WX",
    "with psycopg2.connect() as conn:\n    work()": "LN LX",
    "stack = ExitStack()\nstack.enter_context(psycopg2.connect())\nreturn stack": "LN",
    "stack = ExitStack()\nstack.enter_context(mariadb.connect())\nreturn stack": "WN",
    "with closing(psycopg2.connect()) as conn:\n    work()": "WN WX",
    "conn = mariadb.connect()\nif p:\n    conn.close()": "LN WN",
    "conn = None\nif p:\n    conn = mariadb.connect()\nif p:\n    conn.close()": "WN",
    "conn = None\nif check():\n    conn = mariadb.connect()\nif conn:\n    conn.close()": "WN",
    "conn = None\ntry:\n    conn = mariadb.connect()\n    work()\nfinally:\n"
    "    if conn:\n        conn.close()": "WN WX",
    "for row in rows():\n    conn = mariadb.connect()\nconn = None": "LN LX",
    "while True:\n    conn = mariadb.connect()\n    conn.close()\n    if check():\n        break": "WN WX",
    "conn = mariadb.connect()\nreturn conn": "WN",
    "conn = mariadb.connect()\nreturn conn, work()": "WN LX",
    "conn = mariadb.connect()\nreturn conn.cursor()": "LN",
    "conn = mariadb.connect()\nkeep(conn)": "WN WX",
    "conn = mariadb.connect()\natexit.register(conn.close)\nwork()": "WN WX",
    "conn = mariadb.connect()\nbox.conn = conn\nwork()": "WN WX",
    "global SHARED\nconn = mariadb.connect()\nSHARED = conn\nwork()": "WN WX",
    "conn = make()\nwork()\nfinish(conn)": "WN LX",
    "conn = mariadb.connect()\nconn.close()\nsys.exit()": "WX",
    "conn = mariadb.connect()\nsys.exit()": "LX",
    "conn = mariadb.connect()\ntry:\n    yield\nfinally:\n    conn.close()": "WN WX",
    "conn = mariadb.connect()\nyield\nconn.close()": "WN LX",
    "a = b = mariadb.connect()\na = None\nb.close()": "WN",
    "with ExitStack() as stack:\n    conn = stack.enter_context(closing(psycopg2.connect()))\n    work()": "WN WX",
    "with ExitStack() as stack:\n    conn = mariadb.connect()\n    stack.callback(conn.close)\n"
    "    return stack.pop_all()": "WN",
    "with suppress(ValueError):\n    conn = mariadb.connect()\n    work()\n    conn.close()": "LN WN LX",
    "conn = mariadb.connect()\nmatch conn:\n    case None:\n"
    "        return\n    case found:\n        found.close()": "WN",
    "if (conn := mariadb.connect()) and check():\n    conn.close()": "LN WN LX",
    "keep(mariadb.connect(), work())": "WN WX LX",
}


@pytest.mark.parametrize(("body", "letters"), CASES.items())
def test_verdict(body: str, letters: str) -> None:
    source = PREAMBLE + "def target(p, box):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    verdict = judge(source)
    start = source[: source.index("def target")].count("\n")
    (bits,) = (bits for (line, _), bits in verdict.bits.items() if line > start and any(bits))
    assert bits[:4] == tuple(each in letters.split() for each in ("LN", "WN", "LX", "WX")), str(bits)


def test_what_a_helper_loses_is_not_its_callers() -> None:
    source = PREAMBLE + "def lose():\n    mariadb.connect()\n\ndef target():\n    lose()\n"
    verdict = judge(source)
    assert Bits() == next(bits for (line, _), bits in verdict.bits.items() if line == source.count("\n"))


def test_a_mistake_of_the_program_is_seen() -> None:
    assert judge(PREAMBLE + "def target():\n    mariadb.connect()\n    conn = None\n    conn.close()\n").has_mistake


def test_programs_are_valid_python_and_repeat_themselves() -> None:
    for seed in range(200):
        source = program(Random(seed))
        assert source == program(Random(seed))
        ast.parse(source, feature_version=(3, 10))
