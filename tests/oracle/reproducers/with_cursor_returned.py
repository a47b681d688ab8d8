import psycopg
from contextlib import closing


def target():
    a = psycopg.connect()
    with closing(a.cursor()) as cur:
        return cur


# ruff: noqa
