import atexit
import sqlite3
from app import check


def build():
    a = conn = sqlite3.connect()
    while check():
        a = b = sqlite3.connect()
        atexit.register(b.close)
    return a


def target():
    b = build()


# ruff: noqa
