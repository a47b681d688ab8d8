import psycopg
from app import rows, work


def pair():
    conn = psycopg.connect()
    return conn, work()


def target():
    for row in rows():
        both = None
        try:
            both = pair()
        except ValueError:
            pass
        if both:
            both[0].close()
            break


# ruff: noqa
