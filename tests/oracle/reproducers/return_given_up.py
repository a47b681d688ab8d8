from contextlib import suppress

import mariadb
import psycopg2
from app import rows, work


def swallowed():
    with suppress(BaseException):
        try:
            conn = psycopg2.connect()
            return conn
        finally:
            work()


def looped():
    for row in rows():
        try:
            return mariadb.connect()
        finally:
            break


# ruff: noqa
