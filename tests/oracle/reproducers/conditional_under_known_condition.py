import psycopg2


def target(q):
    if q:
        return
    conn = psycopg2.connect()
    other = psycopg2.connect() if q else None
    if other:
        return
    conn.close()


# ruff: noqa
