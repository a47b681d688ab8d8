import psycopg2


class Job:
    def hold(self, conn):
        self.held = conn

    def __init__(self, p):
        a = psycopg2.connect()
        b = psycopg2.connect()
        self.hold(b)
        if not p:
            b.close()
            self.hold(a)
            a.close()
        else:
            self.hold(a)


# ruff: noqa
