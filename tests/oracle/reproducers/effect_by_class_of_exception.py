# open: what a function has done to its argument when it raises does not depend on the class of the exception
import sys
import sqlite3
from app import work


class Failure(Exception):
    pass


def helper(conn):
    conn.execute()
    conn.close()
    sys.exit()


def target():
    conn = sqlite3.connect()
    try:
        helper(conn)
    except Failure:
        pass


# ruff: noqa
