import psycopg2
from contextlib import ExitStack
from app import work


def target():
    with ExitStack() as stack:
        with ExitStack() as stack:
            work()
            conn = psycopg2.connect()
            work()
        work()


# ruff: noqa
