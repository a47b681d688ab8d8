import psycopg2


def target():
    other = psycopg2.connect()
    conn = psycopg2.connect()
    later = lambda: other.close()
    later()
    conn.close()


# ruff: noqa
