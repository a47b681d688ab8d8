import psycopg2
import psycopg
import sqlite3


def given0(conn=None):
    fresh = not conn
    if fresh:
        conn = psycopg2.connect()
    return conn


def target():
    conn = psycopg.connect()
    a = given0()
    b = given0(conn)


class Job:
    def __init__(self):
        conn = sqlite3.connect()
        self.conn = sqlite3.connect()
        b = given0(conn)


def target1():
    b = sqlite3.connect()
    conn = given0(b)
    a = given0()
    b = given0(conn)
    a.close()
    return b


# ruff: noqa
