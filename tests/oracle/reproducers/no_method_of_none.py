import psycopg2
from app import find


def make():
    return find() or psycopg2.connect()


def target():
    a = psycopg2.connect()
    if (conn := make()) is not None:
        a.close()
    conn.execute()


# ruff: noqa
