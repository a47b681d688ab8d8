import psycopg2
from contextlib import closing
from app import check


def target():
    b = psycopg2.connect() if check() else None
    if b:
        b.close()
    conn = psycopg2.connect()
    with closing(psycopg2.connect()) as b:
        pass
    if b:
        conn.close()


# ruff: noqa
