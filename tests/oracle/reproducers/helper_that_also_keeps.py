import sys
import psycopg2
from app import check, keep


def build():
    conn = psycopg2.connect()
    if check():
        keep(conn)
    return conn


def target():
    conn = build()
    sys.exit()


# ruff: noqa
