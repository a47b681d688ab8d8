import psycopg
from app import rows


def listed0():
    for row in rows():
        yield row


def target0():
    a = psycopg.connect()
    found = any(listed0())
    a.close()
    b = psycopg.connect()
    found = print(*listed0())
    b.close()


# ruff: noqa
