import mariadb
import psycopg
from contextlib import contextmanager
from app import rows, work


def listed0():
    for row in rows():
        yield row


def worked():
    yield 1
    work()


def target():
    conn = mariadb.connect()
    conn.close()
    for row in listed0():
        conn.close()
        conn = mariadb.connect()
    conn.close()


@contextmanager
def target1():
    b = psycopg.connect()
    for row in zip(listed0()):
        b.close()
        b = psycopg.connect()
    b.close()
    yield


def target2():
    a = None
    for row in worked():
        if a is None:
            a = psycopg.connect()
        else:
            break
    a.close()


def target3():
    conn = None
    for _ in (1, 2):
        for row in listed0():
            conn = conn or psycopg.connect()
            break


def target4():
    for _ in (1, 2):
        conn = psycopg.connect()
        for row in worked():
            conn.close()
            conn = psycopg.connect()
        conn.close()


# ruff: noqa
