import sqlite3
from contextlib import contextmanager


@contextmanager
def lent0():
    conn = sqlite3.connect()
    try:
        yield conn
    finally:
        conn.close()


def target(p):
    with lent0() as conn:
        a = sqlite3.connect()
        if not conn:
            conn = p and sqlite3.connect()
        a.close()


# ruff: noqa
