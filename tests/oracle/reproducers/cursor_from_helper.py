# open: a helper that returns a cursor is taken to have taken the connection
import sqlite3


def look(conn):
    return conn.execute()


def target():
    conn = sqlite3.connect()
    look(conn)


# ruff: noqa
