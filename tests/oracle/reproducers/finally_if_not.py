import psycopg


def target():
    a = psycopg.connect()
    conn = None
    try:
        conn = psycopg.connect()
        a.rollback()
    finally:
        if not conn:
            a.close()
        else:
            conn.close()


# ruff: noqa
