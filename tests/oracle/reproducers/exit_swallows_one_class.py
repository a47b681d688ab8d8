import mariadb
from app import work


class Quiet0:
    def __enter__(self):
        work()

    def __exit__(self, kind, *_):
        return kind is ValueError


def target0():
    a = mariadb.connect()
    with Quiet0():
        try:
            work()
        except ValueError:
            raise KeyError from None
        finally:
            work()
    a.close()


def target1():
    a = mariadb.connect()
    with Quiet0():
        raise KeyError
    a.close()
