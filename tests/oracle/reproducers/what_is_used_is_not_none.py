import psycopg2
from app import work


def target():
    conn = psycopg2.connect()
    b = None
    try:
        b = work()
        b.execute()
    finally:
        if b is not None:
            conn.close()


# ruff: noqa
