import psycopg2
from contextlib import closing


def target():
    conn = b = psycopg2.connect()
    try:
        conn = psycopg2.connect()
        with closing(b) as conn:
            pass
    finally:
        if not conn:
            raise KeyError


# ruff: noqa
