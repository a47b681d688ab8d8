import psycopg2
import sqlite3


def target(p):
    if p:
        conn = psycopg2.connect()
        try:
            conn.close()
        except KeyError:
            conn = psycopg2.connect()
            a = None if p else sqlite3.connect()
            conn.close()


def target1(given):
    a = None
    try:
        a = sqlite3.connect()
        conn = None
        if conn:
            conn.close()
    except Exception:
        a = given or sqlite3.connect()
    except:
        pass
    finally:
        if not a:
            conn = sqlite3.connect()


# ruff: noqa
