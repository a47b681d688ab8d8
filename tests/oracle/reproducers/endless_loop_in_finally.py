import mariadb


def target():
    try:
        while True:
            a = mariadb.connect()
    finally:
        raise KeyError


# ruff: noqa
