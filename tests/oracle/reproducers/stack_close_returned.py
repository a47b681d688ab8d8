import psycopg2
from contextlib import ExitStack, closing
from app import work


def target():
    with ExitStack() as stack:
        conn = stack.enter_context(closing(psycopg2.connect()))
        work()
        return stack.pop_all().close


def other():
    conn = psycopg2.connect()
    return conn.close


# ruff: noqa
