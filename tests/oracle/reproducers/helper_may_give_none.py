import psycopg2
from app import find


def make():
    conn = find() or psycopg2.connect()
    return conn


def target():
    conn = psycopg2.connect()
    other = make()
    if other is not None:
        conn.close()
        other.close()


# ruff: noqa
