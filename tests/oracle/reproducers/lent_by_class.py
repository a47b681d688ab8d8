import psycopg2


class Lent:
    def __enter__(self):
        self.conn = psycopg2.connect()
        return self.conn

    def __exit__(self, *_):
        self.conn.close()


def target():
    b = conn = None
    try:
        conn = psycopg2.connect()
        with Lent() as b:
            conn, b = b, conn
    finally:
        if conn:
            raise ValueError()


# ruff: noqa
