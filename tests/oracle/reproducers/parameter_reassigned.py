import mariadb


def target(conn):
    conn.rollback()
    try:
        conn = mariadb.connect()
    finally:
        if not conn:
            a = mariadb.connect()


# ruff: noqa
