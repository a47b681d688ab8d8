import psycopg
from app import work


def target0(p, given):
    b = p and psycopg.connect()
    if b is None:
        return work()
    b = psycopg.connect()
    conn = given or psycopg.connect()
    return conn if p else None


# ruff: noqa
