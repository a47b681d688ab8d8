import psycopg2
from contextlib import suppress
from app import work


def target():
    conn = psycopg2.connect()
    try:
        with suppress(ValueError):
            work()
    except ValueError:
        return
    except BaseException:
        conn.close()
        raise
    conn.close()


# ruff: noqa
