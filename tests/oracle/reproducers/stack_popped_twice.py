from contextlib import ExitStack

import mariadb
from app import keep


def target():
    stack = ExitStack()
    conn = mariadb.connect()
    stack.push(conn)
    stack.pop_all()
    keep(stack.pop_all())


# ruff: noqa
