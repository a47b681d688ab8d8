import psycopg2
from app import work


def target0(conn):
    a = psycopg2.connect()
    try:
        a.commit()
    except psycopg2.Error:
        a, conn = conn, a
        work()
        return
    a.close()


def target1(conn):
    a = psycopg2.connect()
    try:
        a.commit()
    except psycopg2.Error:
        a = None
        work()
        return
    a.close()
