import sqlite3


def target(conn):
    b = sqlite3.connect()
    if conn:
        pass
    else:
        b.close()
        conn, b = b, conn


# ruff: noqa
