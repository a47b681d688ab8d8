import mariadb


def target():
    conn = mariadb.connect()
    several = [conn]
    for each in several:
        each.close()


# ruff: noqa
