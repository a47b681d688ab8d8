import psycopg
from app import work


def target0(given):
    own = given is None
    if not given:
        work()
        conn = psycopg.connect()
    else:
        conn = given
    try:
        work()
    finally:
        if own:
            conn.close()
