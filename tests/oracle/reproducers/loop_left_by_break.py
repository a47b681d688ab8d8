import sys
import mariadb
from app import check


def target():
    try:
        while True:
            if check():
                break
            a, b = mariadb.connect(), mariadb.connect()
    finally:
        sys.exit()


# ruff: noqa
