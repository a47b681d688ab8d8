from contextlib import contextmanager

import sqlite3
from app import work


@contextmanager
def timed():
    work()
    yield


def target():
    conn = sqlite3.connect()
    with timed():
        conn.close()


# ruff: noqa
