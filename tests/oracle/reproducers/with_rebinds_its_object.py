import psycopg2
import sqlite3
from contextlib import closing


def target():
    conn = None
    try:
        conn = sqlite3.connect()
        with closing(conn) as conn:
            pass
    finally:
        if not conn:
            conn = sqlite3.connect()
            conn.close()


def target1(p):
    b = psycopg2.connect()
    try:
        with b as b:
            conn = psycopg2.connect()
    finally:
        if not b:
            raise ValueError()


# ruff: noqa
