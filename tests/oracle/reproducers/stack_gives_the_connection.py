import psycopg2
from contextlib import ExitStack, closing
from app import check, work


def target():
    conn = psycopg2.connect()
    other = None
    with ExitStack() as stack:
        if check():
            other = stack.enter_context(closing(psycopg2.connect()))
        else:
            other = stack.enter_context(closing(psycopg2.connect()))
    if other is not None:
        conn.close()


# ruff: noqa
