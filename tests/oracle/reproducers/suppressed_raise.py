import sqlite3
from contextlib import ExitStack, closing, suppress


def target():
    conn = sqlite3.connect()
    with closing(conn):
        with suppress(ValueError):
            stack = ExitStack()
            stack.pop_all()
            raise ValueError()


# ruff: noqa
