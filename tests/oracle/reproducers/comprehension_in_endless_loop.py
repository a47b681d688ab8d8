import psycopg2
from app import work


def target(items):
    while True:
        several = [psycopg2.connect() for each in items]
        for conn in several:
            conn.close()
        work()


# ruff: noqa
