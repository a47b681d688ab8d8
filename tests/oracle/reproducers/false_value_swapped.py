import psycopg


def target(p):
    a = psycopg.connect()
    conn = p and psycopg.connect()
    a, conn = conn, a
    assert a is not None
    b = None if p else psycopg.connect()


# ruff: noqa
