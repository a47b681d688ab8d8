import sqlite3


def look(conn):
    return conn.execute()


def target():
    conn = sqlite3.connect()
    look(conn)


# ruff: noqa
