import psycopg
from contextlib import ExitStack
from app import check


def build():
    b = psycopg.connect()
    while check():
        with ExitStack() as stack:
            return stack.pop_all().close
    return b


def target():
    b = build()


# ruff: noqa
