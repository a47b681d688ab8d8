# open: a list that is gone through and closed is taken for a leak
import mariadb


def target():
    conn = mariadb.connect()
    several = [conn]
    for each in several:
        each.close()


# ruff: noqa
