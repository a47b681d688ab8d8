import sqlite3


class Job:
    def __init__(self, items):
        self.conn = sqlite3.connect()
        try:
            self.conn.close()
            return
        except Exception:
            pass
        for row in items:
            self.conn = sqlite3.connect()


# ruff: noqa
