import mariadb


class Job:
    def look(self, conn):
        conn.execute()
        return self

    def __init__(self):
        self.conn = mariadb.connect()
        self.look(self.conn)
        self.conn = mariadb.connect()
        self.conn.close()


# ruff: noqa
