import sqlite3
from contextlib import suppress


def handle(conn):
    with suppress(ValueError):
        conn = sqlite3.connect()
    return conn


def target():
    b = sqlite3.connect()
    handle(b)


# ruff: noqa
