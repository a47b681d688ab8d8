import psycopg
import sqlite3
from app import work


def helper():
    flag = False
    if flag:
        work()


def target():
    a = psycopg.connect()
    helper()
    a.close()


# ruff: noqa
