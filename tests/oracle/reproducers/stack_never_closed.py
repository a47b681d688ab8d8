import mariadb
from contextlib import ExitStack


def target():
    conn = mariadb.connect()
    stack = ExitStack()
    stack.callback(conn.close)
    conn = None
    del stack


# ruff: noqa
