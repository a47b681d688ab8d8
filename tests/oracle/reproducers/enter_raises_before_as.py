import psycopg2
from contextlib import contextmanager
from app import work


@contextmanager
def lent():
    work()
    yield work()


def target():
    b = psycopg2.connect()
    try:
        with lent() as b:
            return
    except ValueError:
        b.close()


# ruff: noqa
