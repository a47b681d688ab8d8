"""The judge itself, on programs whose verdict a reader can see."""

from __future__ import annotations

import ast
from random import Random

import pytest

from .judge import Bits, judge
from .programs import program

PREAMBLE = """\
import atexit, pymysql, psycopg2, sys
from contextlib import ExitStack, closing, contextmanager, suppress
from app import check, find, keep, rows, work

SHARED = None

def make():
    return pymysql.connect()

def finish(conn):
    conn.close()

"""

# Each body acquires once; the letters say how that may end: leaks or ends Well Normally, or by eXception.
CASES = {
    "conn = pymysql.connect()": "LN",
    "conn = pymysql.connect()\nconn.close()": "WN",
    "conn = pymysql.connect()\nwork()\nconn.close()": "WN LX",
    "conn = pymysql.connect()\ntry:\n    work()\nfinally:\n    conn.close()": "WN WX",
    "conn = pymysql.connect()\ntry:\n    work()\nexcept ValueError:\n    conn.close()\n    raise\nconn.close()": "WN LX WX",
    "conn = pymysql.connect()\ntry:\n    work()\nexcept ValueError:\n    return\nconn.close()": "LN WN LX",
    "with pymysql.connect() as conn:\n    work()": "WN WX",
    "with psycopg2.connect() as conn:\n    work()": "LN LX",
    "with closing(psycopg2.connect()) as conn:\n    work()": "WN WX",
    "conn = pymysql.connect()\nif p:\n    conn.close()": "LN WN",
    "conn = None\nif p:\n    conn = pymysql.connect()\nif p:\n    conn.close()": "WN",
    "conn = None\nif check():\n    conn = pymysql.connect()\nif conn:\n    conn.close()": "WN",
    "conn = None\ntry:\n    conn = pymysql.connect()\n    work()\nfinally:\n    if conn:\n        conn.close()": "WN WX",
    "for row in rows():\n    conn = pymysql.connect()\nconn = None": "LN LX",
    "while True:\n    conn = pymysql.connect()\n    conn.close()\n    if check():\n        break": "WN WX",
    "conn = pymysql.connect()\nreturn conn": "WN",
    "conn = pymysql.connect()\nreturn conn, work()": "WN LX",
    "conn = pymysql.connect()\nreturn conn.cursor()": "WN",
    "conn = pymysql.connect()\nkeep(conn)": "WN WX",
    "conn = pymysql.connect()\natexit.register(conn.close)\nwork()": "WN WX",
    "conn = pymysql.connect()\nbox.conn = conn\nwork()": "WN WX",
    "global SHARED\nconn = pymysql.connect()\nSHARED = conn\nwork()": "WN WX",
    "conn = make()\nwork()\nfinish(conn)": "WN LX",
    "conn = pymysql.connect()\nconn.close()\nsys.exit()": "WX",
    "conn = pymysql.connect()\nsys.exit()": "LX",
    "conn = pymysql.connect()\ntry:\n    yield\nfinally:\n    conn.close()": "WN WX",
    "conn = pymysql.connect()\nyield\nconn.close()": "WN LX",
    "a = b = pymysql.connect()\na = None\nb.close()": "WN",
    "with ExitStack() as stack:\n    conn = stack.enter_context(closing(psycopg2.connect()))\n    work()": "WN WX",
    "with ExitStack() as stack:\n    conn = pymysql.connect()\n    stack.callback(conn.close)\n"
    "    return stack.pop_all()": "WN",
    "with suppress(ValueError):\n    conn = pymysql.connect()\n    work()\n    conn.close()": "LN WN LX",
    "conn = pymysql.connect()\nmatch conn:\n    case None:\n        return\n    case found:\n        found.close()": "WN",
    "if (conn := pymysql.connect()) and check():\n    conn.close()": "LN WN LX",
    "keep(pymysql.connect(), work())": "WN WX LX",
}


@pytest.mark.parametrize(("body", "letters"), CASES.items())
def test_verdict(body: str, letters: str) -> None:
    source = PREAMBLE + "def target(p, box):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    verdict = judge(source)
    start = source[: source.index("def target")].count("\n")
    (bits,) = (bits for (line, _), bits in verdict.bits.items() if line > start and any(bits))
    assert bits[:4] == tuple(each in letters.split() for each in ("LN", "WN", "LX", "WX")), str(bits)


def test_what_a_helper_loses_is_not_its_callers() -> None:
    source = PREAMBLE + "def lose():\n    pymysql.connect()\n\ndef target():\n    lose()\n"
    verdict = judge(source)
    assert Bits() == next(bits for (line, _), bits in verdict.bits.items() if line == source.count("\n"))


def test_a_mistake_of_the_program_is_seen() -> None:
    assert judge(PREAMBLE + "def target():\n    pymysql.connect()\n    conn = None\n    conn.close()\n").has_mistake


def test_programs_are_valid_python_and_repeat_themselves() -> None:
    for seed in range(200):
        source = program(Random(seed))
        assert source == program(Random(seed))
        ast.parse(source, feature_version=(3, 10))
