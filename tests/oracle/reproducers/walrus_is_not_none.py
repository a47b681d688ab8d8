import psycopg


def target():
    if (a := psycopg.connect()) is not None:
        return
    b = psycopg.connect()


# ruff: noqa
