from contextlib import ExitStack, closing

import mariadb
from app import work


def target():
    stack = ExitStack()
    conn = stack.enter_context(closing(mariadb.connect()))
    work()
    return stack.pop_all()


# ruff: noqa
