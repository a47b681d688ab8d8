import psycopg2
from app import work


def handle(conn):
    conn.rollback()
    return work(), conn


def target():
    conn = psycopg2.connect()
    handle(conn)


def closing():
    conn = psycopg2.connect()
    _, conn = handle(conn)
    conn.close()


# ruff: noqa
