import psycopg2


def look(conn):
    later = lambda: conn.execute()
    later()


def make():
    conn = psycopg2.connect()
    later = lambda: conn.execute()
    later()
    return conn


def target():
    conn = psycopg2.connect()
    look(conn)
    make()


# ruff: noqa
