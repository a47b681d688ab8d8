import psycopg2


class Job:
    def finish(self):
        self.conn.close()

    def run(self):
        self.conn = psycopg2.connect()
        self.finish()
        self.conn = psycopg2.connect()
        later = lambda: self.conn.close()
        later()
        self.conn = None


# ruff: noqa
