import sqlite3
from app import check, rows


def target(p, items):
    a = sqlite3.connect()
    for row in items:
        if p:
            a = sqlite3.connect()
        a.close()


def target1(p):
    b = None if check() else sqlite3.connect()
    for row in rows():
        b = None if p else sqlite3.connect()
    assert not b


# ruff: noqa
