import sqlite3
from app import work


class Quiet:
    def __enter__(self):
        work()

    def __exit__(self, kind, *_):
        return kind is ValueError


def target():
    with Quiet():
        a = sqlite3.connect()
        a.execute()
        a.close()


# ruff: noqa
