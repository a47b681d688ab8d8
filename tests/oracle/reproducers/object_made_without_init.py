import psycopg2
import logging


class Timed:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        logging.info(1)


def target():
    conn = psycopg2.connect()
    with Timed():
        conn.close()


# ruff: noqa
