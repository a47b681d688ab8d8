from contextlib import ExitStack

import sqlite3


def target():
    a = sqlite3.connect()
    with ExitStack() as stack:
        conn = a
        b = conn


# ruff: noqa
