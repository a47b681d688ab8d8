import sqlite3


def target():
    conn = sqlite3.connect()
    for each in (conn,):
        each.close()


# ruff: noqa
