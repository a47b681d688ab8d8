"""HYG410 on a real server: a write is committed, the reply to it is lost, and a retry runs it again."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from .lost_replies import losing_reply
from .mariadb import AT_ONCE, Server, dbhygiene

CODE = "HYG410"

BEGINNING = """\
import os
import pymysql

OPTIONS = dict(
    host=os.environ["DB_HOST"],
    port=int(os.environ["DB_PORT"]),
    user=os.environ["DB_USER"],
    database=os.environ["DB_NAME"],
)

def prepare():
    conn = pymysql.connect(**OPTIONS)
    cursor = conn.cursor()
    cursor.execute("CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, n INT, request INT UNIQUE)")
    conn.close()

def rows():
    conn = pymysql.connect(**OPTIONS)
    cursor = conn.cursor()
    cursor.execute("SELECT n FROM orders ORDER BY id")
    found = [n for (n,) in cursor.fetchall()]
    conn.close()
    return found

prepare()
"""

STORE = """
def store(number):
    for last in (False, True):
        try:
            conn = pymysql.connect(**OPTIONS)
            try:
                with conn.cursor() as cursor:
                    WRITE
                conn.commit()
            finally:
                conn.close()
            return
        except pymysql.OperationalError as error:
            TEST
            print("error:", error.args[0])
            if last:
                raise

try:
    store(7)
except pymysql.OperationalError:
    print("raised")
print("rows:", rows())
"""
INSERT = 'cursor.execute("INSERT INTO orders (n) VALUES (%s)", (number,))'
UPSERT = 'cursor.execute("INSERT IGNORE INTO orders (n, request) VALUES (%s, %s)", (number, number))'
CHECK = """\
cursor.execute("SELECT 1 FROM orders WHERE n = %s", (number,))
                    if cursor.fetchone() is not None:
                        return
                    cursor.execute("INSERT INTO orders (n) VALUES (%s)", (number,))"""

KEPT = """
class Store:
    def __init__(self):
        self.conn = pymysql.connect(**OPTIONS)

    def add(self, number):
        try:
            with self.conn.cursor() as cursor:
                cursor.execute("INSERT INTO orders (n) VALUES (%s)", (number,))
            self.conn.commit()
        except pymysql.OperationalError as error:
            print("error:", error.args[0])
            self.conn.connect()
            self.add(number)

store = Store()
store.add(7)
store.conn.close()
print("rows:", rows())
"""

COUNT = """
def count():
    for last in (False, True):
        conn = pymysql.connect(**OPTIONS, autocommit=True)
        try:
            conn.cursor().execute("UPDATE orders SET n = n + 1")
            return
        except pymysql.OperationalError as error:
            print("error:", error.args[0])
            if last:
                raise
        finally:
            conn.close()

conn = pymysql.connect(**OPTIONS, autocommit=True)
conn.cursor().execute("INSERT INTO orders (n) VALUES (0)")
conn.close()
count()
print("rows:", rows())
"""

SESSION = """
import sqlalchemy
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

URL = "mysql+pymysql://{user}@{host}:{port}/{database}".format(**OPTIONS)
engine = sqlalchemy.create_engine(URL, pool_pre_ping=True)

class Base(DeclarativeBase):
    pass

class Order(Base):
    __tablename__ = "orders"
    id = mapped_column(sqlalchemy.Integer, primary_key=True)
    n = mapped_column(sqlalchemy.Integer)

def store(number):
    OUTSIDE
    for last in (False, True):
        try:
            with Session(engine) as session:
                session.add(ORDER)
                session.commit()
            return
        except OperationalError as error:
            print("error:", error.orig.args[0])
            if last:
                raise

try:
    store(7)
except Exception as error:
    print("raised", type(error).__name__)
print("rows:", rows())
"""

# Name -> (program, the statement whose reply is lost, whether the rule reports it, what it prints).
PROGRAMS = {
    "insert": (STORE.replace("WRITE", INSERT).replace("TEST", ""), "COMMIT", True, "error: 2013\nrows: [7, 7]"),
    "upsert": (STORE.replace("WRITE", UPSERT).replace("TEST", ""), "COMMIT", False, "error: 2013\nrows: [7]"),
    "check": (STORE.replace("WRITE", CHECK).replace("TEST", ""), "COMMIT", False, "error: 2013\nrows: [7]"),
    "only 2006": (
        STORE.replace("WRITE", INSERT).replace("TEST", "if error.args[0] != 2006:\n                raise"),
        "COMMIT",
        False,
        "raised\nrows: [7]",
    ),
    "before the commit": (
        STORE.replace("WRITE", INSERT).replace("TEST", ""),
        "INSERT",
        True,
        "error: 2013\nrows: [7]",
    ),
    "kept connection": (KEPT, "COMMIT", True, "error: 2013\nrows: [7, 7]"),
    "count": (COUNT, "UPDATE", True, "error: 2013\nrows: [2]"),
    "session": (
        SESSION.replace("OUTSIDE", "").replace("ORDER)", "Order(n=number))"),
        "COMMIT",
        True,
        "error: 2013\nrows: [7, 7]",
    ),
    "object of all tries": (
        SESSION.replace("OUTSIDE", "order = Order(n=number)").replace("ORDER)", "order)"),
        "COMMIT",
        False,
        "error: 2013\nrows: [7]",
    ),
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("twice")
    found = {name: directory / f"{name.replace(' ', '_')}.py" for name in PROGRAMS}
    for name, path in found.items():
        path.write_text(BEGINNING + PROGRAMS[name][0], "utf-8")
    return found


def run(server: Server, program: Path, statement: str) -> str:
    """Return what a program prints on a server that loses its first reply to a statement."""
    with losing_reply(server.port, statement) as port:
        return replace(server, port=port).run(program, user=server.user()).output.strip()


def test_programs_do_what_the_rule_says(server: Server, programs: dict[str, Path]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        printed = pool.map(lambda name: run(server, programs[name], PROGRAMS[name][1]), PROGRAMS)
        assert dict(zip(PROGRAMS, printed, strict=True)) == {name: each[3] for name, each in PROGRAMS.items()}


def test_rule(programs: dict[str, Path]) -> None:
    directory = next(iter(programs.values())).parent
    output = dbhygiene("check", "--isolated", "--select", CODE, "-o", "json", ".", cwd=directory, leaves=True)
    found = {Path(finding["filename"]).name for finding in json.loads(output)}
    assert found == {programs[name].name for name, (_, _, is_reported, _) in PROGRAMS.items() if is_reported}
