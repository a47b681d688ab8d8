import psycopg2


def target():
    several = []
    a, b = psycopg2.connect(), psycopg2.connect()
    several += [a]
    several += [b]
    for each in several:
        each.close()


# ruff: noqa
