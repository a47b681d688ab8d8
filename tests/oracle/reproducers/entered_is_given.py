import sqlite3
from contextlib import closing


def given(conn=None):
    if conn is None:
        conn = sqlite3.connect()
    return conn


def target():
    with closing(sqlite3.connect()) as a:
        conn = sqlite3.connect()
    conn = given(a)


# ruff: noqa
