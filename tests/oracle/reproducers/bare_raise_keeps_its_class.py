import psycopg2
from app import work


def target():
    conn = psycopg2.connect()
    try:
        try:
            work()
        except ValueError:
            conn.close()
            raise
        conn.close()
    except LookupError:
        conn.close()
        raise
    except ValueError:
        return


# ruff: noqa
