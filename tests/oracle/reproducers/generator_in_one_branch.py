# open: what a variable is iterated for depends on all its values, not on those of the path
import psycopg
import sqlite3
from app import rows, work


class Listed:
    def __iter__(self):
        yield from rows()


def target(items):
    found = Listed()
    b = sqlite3.connect()
    match work():
        case "b":
            found = [b.execute() for row in items]
            b = psycopg.connect()
    for row in found:
        pass


# ruff: noqa
