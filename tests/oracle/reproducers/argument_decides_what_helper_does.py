import mariadb
from app import check, work


def finish0(conn, keep=False, *, strict=False):
    if not keep:
        conn.close()
    elif strict:
        raise ValueError


def leave0(conn, keep=True):
    if check():
        keep = False
    finish0(conn, keep)


def target0():
    a = mariadb.connect()
    finish0(a)
    b = mariadb.connect()
    finish0(b, strict=True)


def target1():
    a = mariadb.connect()
    finish0(a, True)
    b = mariadb.connect()
    try:
        finish0(b, True, strict=True)
    except ValueError:
        b.close()


def target2(p):
    a = mariadb.connect()
    finish0(a, p)
    b = mariadb.connect()
    leave0(b)


# ruff: noqa
