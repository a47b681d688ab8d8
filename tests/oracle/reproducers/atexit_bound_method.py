import atexit
import mariadb
from app import work


def target():
    conn = mariadb.connect()
    atexit.register(conn.close)
    work()


# ruff: noqa
