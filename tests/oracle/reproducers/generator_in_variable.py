import sqlite3
from app import rows


def listed():
    for row in rows():
        yield row


def target():
    a = sqlite3.connect()
    found = listed()
    for row in found:
        a.close()


# ruff: noqa
