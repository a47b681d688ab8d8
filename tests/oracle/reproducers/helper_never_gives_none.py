import psycopg2
from app import work


def make():
    conn = psycopg2.connect()
    work()
    return conn


def build():
    while True:
        try:
            return make()
        except ValueError:
            work()


def target():
    conn = psycopg2.connect()
    other = None
    try:
        other = build()
    finally:
        if other:
            other.close()
            conn.close()


# ruff: noqa
