import psycopg2


def target():
    other = psycopg2.connect()

    def later():
        other.close()

    later()
    conn = psycopg2.connect()
    try:
        later = lambda: other.execute()
        later()
    finally:
        conn.close()


# ruff: noqa
