"""The HYG4 rules on a real server: a handler that a rule reports does not survive the loss, and the right one does.

`lose()` in a program kills all its connections, as a restart of the server does. Each program prints what came of it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .mariadb import Server, dbhygiene

BEGINNING = """\
import os
import warnings
import pymysql

warnings.simplefilter("ignore", DeprecationWarning)  # of `ping(reconnect=True)`

OPTIONS = dict(
    host=os.environ["DB_HOST"],
    port=int(os.environ["DB_PORT"]),
    user=os.environ["DB_USER"],
    database=os.environ["DB_NAME"],
)

def lose():
    other = pymysql.connect(**OPTIONS)
    with other.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE user = %s", (OPTIONS["user"],))
        for (number,) in cursor.fetchall():
            if number != other.thread_id():
                cursor.execute(f"KILL {number}")
    other.close()

def rows():
    other = pymysql.connect(**OPTIONS)
    with other.cursor() as cursor:
        cursor.execute("SELECT n FROM numbers ORDER BY n")
        found = [n for (n,) in cursor.fetchall()]
    other.close()
    return found

setup = pymysql.connect(**OPTIONS)
setup.cursor().execute("CREATE TABLE numbers (n INT) ENGINE=InnoDB")
setup.close()
"""

STORE = """
class Store:
    def __init__(self):
        self.connect()

    def connect(self):
        self.conn = pymysql.connect(**OPTIONS)

    def query(self, sql):
        try:
            cursor = self.conn.cursor()
            cursor.execute(sql)
        except ({classes}):
            self.connect()
            cursor = self.conn.cursor()
            cursor.execute(sql)
        return cursor

store = Store()
"""

AWAY = """
def away():
    port, OPTIONS["port"] = OPTIONS["port"], 1
    try:
        store.query("SELECT 1")
    except Exception as error:
        print("away:", error.args[0])
    OPTIONS["port"] = port

lose()
away()
try:
    print("back:", store.query("SELECT 1").fetchone())
except Exception as error:
    print("never:", type(error).__name__, error.args)
"""

SESSION = """
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, PendingRollbackError
from sqlalchemy.orm import Session

URL = "mysql+pymysql://{user}@{host}:{port}/{database}".format(**OPTIONS)
engine = sqlalchemy.create_engine(URL, pool_pre_ping=True)

def count(session: Session):
    for attempt in range(3):
        try:
            return session.execute(text("SELECT COUNT(*) FROM numbers")).scalar_one()
        except OperationalError:
            ROLLBACK
            if attempt == 2:
                raise

with Session(engine) as session:
    count(session)
    lose()
    try:
        print("count:", count(session))
    except PendingRollbackError:
        print("PendingRollbackError")
"""

IN_TRANSACTION = """
def store(numbers):
    conn = pymysql.connect(**OPTIONS)
    cursor = conn.cursor()
    for number in numbers:
        conn.ping(reconnect=True)
        cursor.execute("INSERT INTO numbers VALUES (%s)", (number,))
        lose() if number == 1 else None
    conn.commit()
    conn.close()

store([1, 2])
print("rows:", rows())
"""

WHOLE = """
def store(numbers):
    for attempt in range(2):
        conn = pymysql.connect(**OPTIONS)
        try:
            with conn.cursor() as cursor:
                for number in numbers:
                    cursor.execute("INSERT INTO numbers VALUES (%s)", (number,))
                    lose() if number == 1 and not attempt else None
            conn.commit()
            return
        except pymysql.OperationalError:
            if attempt:
                raise
        finally:
            conn.close()

store([1, 2])
print("rows:", rows())
"""

PING = """
def count():
    conn = pymysql.connect(**OPTIONS)
    lose()
    for attempt in range(2):
        try:
            with conn.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM numbers")
                return cursor.fetchone()
        except (pymysql.OperationalError, pymysql.InterfaceError):
            conn.ping(RECONNECT)
    raise TimeoutError

try:
    print("count:", count())
except Exception as error:
    print("lost:", type(error).__name__)
"""

OPEN = """
shared = None

def connection():
    global shared
    if shared is None or not shared.open:
        shared = pymysql.connect(**OPTIONS)
    return shared

def ask():
    with connection().cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()

ask()
lose()
try:
    print("asked:", ask())
except Exception as error:
    print("passed the check:", error.args[0])
print("then:", ask())
"""

OTHER_DRIVER = """
import sqlite3

def ask(conn):
    conn = pymysql.connect(**OPTIONS)
    lose()
    try:
        cursor = conn.cursor()
        cursor.execute("SELECT 1")
    except CLASS.OperationalError:
        print("caught")

try:
    ask(None)
except pymysql.OperationalError as error:
    print("not caught:", error.args[0])
"""

SILENT = """
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

URL = "mysql+pymysql://{user}@{host}:{port}/{database}".format(**OPTIONS)
engine = sqlalchemy.create_engine(URL, pool_pre_ping=True)

def store(session: Session, number):
    session.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})
    lose()
    try:
        session.commit()
    except OperationalError:
        session.rollback()
        RAISE

with Session(engine) as session:
    try:
        store(session, 1)
        print("done, rows:", rows())
    except OperationalError:
        print("heard, rows:", rows())
"""

DJANGO = """
import django
from django.conf import settings
pymysql.install_as_MySQLdb()
names = {"HOST": "host", "PORT": "port", "USER": "user", "NAME": "database"}
database = {"ENGINE": "django.db.backends.mysql", "CONN_MAX_AGE": None, **{k: OPTIONS[v] for k, v in names.items()}}
settings.configure(DATABASES={"default": database})
django.setup()
from django.db import InterfaceError, OperationalError, connections, models

class Number(models.Model):
    n = models.IntegerField(primary_key=True)

    class Meta:
        app_label = "numbers"
        db_table = "numbers"
"""

RETRIED = """
def count():
    for attempt in range(3):
        try:
            return Number.objects.count()
        except (OperationalError, InterfaceError) as error:
            print("error:", error.args[0])
            if attempt == 2:
                raise

count()
lose()
try:
    print("count:", count())
except InterfaceError as error:
    print("raised:", error.args)
"""

WAIT = """
connections["default"].settings_dict["PORT"] = 1

def wait():
    ready = None
    while not ready:
        try:
            ready = connections["default"]
        except OperationalError:
            print("waits")
            connections["default"].settings_dict["PORT"] = OPTIONS["port"]

wait()
try:
    print("count:", Number.objects.count())
except OperationalError as error:
    print("raised:", error.args[0])
"""

NUMBER = """
class Store:
    def __init__(self):
        self.conn = pymysql.connect(**OPTIONS)

    def count(self):
        try:
            with self.conn.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM numbers")
                return cursor.fetchone()
        except (pymysql.OperationalError, pymysql.InterfaceError) as error:
            if error.args[0] not in (0, 2006, 4031):
                raise
            self.conn = pymysql.connect(**OPTIONS)
            return self.count()

store = Store()
lose()
try:
    print("count:", store.count())
except pymysql.OperationalError as error:
    print("raised:", error.args[0])
"""

LAST_TRY = """
def count():
    for attempt in range(2):
        try:
            conn = pymysql.connect(**OPTIONS)
            lose()
            with conn.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM numbers")
                return cursor.fetchone()
        except pymysql.OperationalError as error:
            print("error:", error.args[0])

try:
    print("count:", count())
except pymysql.OperationalError as error:
    print("raised:", error.args[0])
"""

OWN_SESSION = """
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, PendingRollbackError
from sqlalchemy.orm import Session

URL = "mysql+pymysql://{user}@{host}:{port}/{database}".format(**OPTIONS)
engine = sqlalchemy.create_engine(URL, pool_pre_ping=True)

def count():
    with Session(engine) as session:
        for attempt in range(3):
            try:
                session.connection()
                lose() if not attempt else None
                return session.execute(text("SELECT COUNT(*) FROM numbers")).scalar_one()
            except OperationalError:
                if attempt == 2:
                    raise

try:
    print("count:", count())
except PendingRollbackError:
    print("PendingRollbackError")
"""

NUMBER_OF_SESSION = """
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

URL = "mysql+pymysql://{user}@{host}:{port}/{database}".format(**OPTIONS)
engine = sqlalchemy.create_engine(URL, pool_pre_ping=True)

def count(loses):
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        lose() if loses else None
        return connection.execute(text("SELECT COUNT(*) FROM numbers")).scalar_one()

def count_again():
    try:
        return count(True)
    except OperationalError as error:
        if error.args[0] in (2006, 2013):
            return count(False)
        raise

try:
    print("count:", count_again())
except OperationalError as error:
    print("raised:", error.orig.args[0])
"""

CLASS_OF_DRIVER = """
import sqlalchemy
from sqlalchemy import event, text

URL = "mysql+pymysql://{user}@{host}:{port}/{database}".format(**OPTIONS)
engine = sqlalchemy.create_engine(URL, pool_pre_ping=True)
losses = iter([False, True])

@event.listens_for(engine, "before_cursor_execute")
def before(*_):
    lose() if next(losses, False) else None

def count():
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        return connection.execute(text("SELECT COUNT(*) FROM numbers")).scalar_one()

def count_again():
    try:
        return count()
    except pymysql.OperationalError:
        return count()

try:
    print("count:", count_again())
except sqlalchemy.exc.OperationalError as error:
    print("raised:", error.orig.args[0])
"""

CAPITAL = """
def count():
    conn = pymysql.connect(**OPTIONS)
    for attempt in range(2):
        try:
            lose() if not attempt else None
            with conn.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM numbers")
                return cursor.fetchone()
        except (pymysql.OperationalError, pymysql.InterfaceError) as error:
            if attempt or "Lost connection" not in str(error).lower() and "gone away" not in str(error).lower():
                raise
            conn = pymysql.connect(**OPTIONS)

try:
    print("count:", count())
except pymysql.OperationalError as error:
    print("raised:", error.args[0])
"""

ZONE = """
class Orders:
    def __init__(self):
        host, port, user = OPTIONS["host"], OPTIONS["port"], OPTIONS["user"]
        self.conn = pymysql.connect(host=host, port=port, user=user)
        with self.conn.cursor() as cursor:
            cursor.execute("SET time_zone = '+05:00'")

    def zone(self):
        self.conn.ping(reconnect=True)
        with self.conn.cursor() as cursor:
            cursor.execute("SELECT @@time_zone")
            return cursor.fetchone()[0]

orders = Orders()
lose()
print("zone:", orders.zone())
"""

# Name -> (program, the rule that reports it, what it prints on a server that loses its connections).
PROGRAMS = {
    "half caught": (
        STORE.format(classes="AttributeError, pymysql.OperationalError") + AWAY,
        "HYG406",
        "away: 2003\nnever: InterfaceError (0, '')",
    ),
    "all caught": (
        STORE.format(classes="AttributeError, pymysql.OperationalError, pymysql.InterfaceError") + AWAY,
        "",
        "away: 2003\nback: (1,)",
    ),
    "session as it is": (SESSION.replace("ROLLBACK", "pass"), "HYG401", "PendingRollbackError"),
    "session rolled back": (SESSION.replace("ROLLBACK", "session.rollback()"), "", "count: 0"),
    "ping in a transaction": (IN_TRANSACTION, "HYG403", "rows: [2]"),
    "the whole transaction": (WHOLE, "", "rows: [1, 2]"),
    "ping that only asks": (PING.replace("RECONNECT", "False"), "HYG402", "lost: Error"),
    "ping that reconnects": (PING.replace("RECONNECT", "reconnect=True"), "", "count: (0,)"),
    "open as the only check": (OPEN, "HYG409", "passed the check: 2013\nthen: (1,)"),
    "class of another driver": (OTHER_DRIVER.replace("CLASS", "sqlite3"), "HYG404", "not caught: 2013"),
    "its own class": (OTHER_DRIVER.replace("CLASS", "pymysql"), "", "caught"),
    "Django retried": (DJANGO + RETRIED, "HYG401", "error: 2013\nerror: 0\nerror: 0\nraised: (0, '')"),
    "wait for Django": (DJANGO + WAIT, "HYG409", "raised: 2003"),
    "number left out": (NUMBER, "HYG406", "raised: 2013"),
    "last try": (LAST_TRY, "HYG407", "error: 2013\nerror: 2013\ncount: None"),
    "session of its own": (OWN_SESSION, "HYG401", "PendingRollbackError"),
    "number of another error": (NUMBER_OF_SESSION, "HYG404", "raised: 2013"),
    "class below SQLAlchemy": (CLASS_OF_DRIVER, "HYG404", "raised: 2013"),
    "capital letter": (CAPITAL, "HYG405", "raised: 2013"),
    "zone of the connection": (ZONE, "HYG411", "zone: SYSTEM"),
    "commit in silence": (SILENT.replace("RAISE", "pass"), "HYG407", "done, rows: []"),
    "commit that is heard": (SILENT.replace("RAISE", "raise"), "", "heard, rows: []"),
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("handling")
    found = {}
    for name, (text, _, _) in PROGRAMS.items():
        found[name] = directory / f"{name.replace(' ', '_')}.py"
        found[name].write_text(BEGINNING + text, "utf-8")
    return found


@pytest.fixture(scope="module")
def fixed(programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Copies of the programs that have a fix, after it."""
    copies = {}
    for names, options in ((SAFE, ()), (FIXED.keys() - SAFE, ("--unsafe-fixes",))):
        directory = tmp_path_factory.mktemp("fixed")
        for name in names:
            copies[name] = directory / programs[name].name
            copies[name].write_text(programs[name].read_text("utf-8"), "utf-8")
        dbhygiene("fix", "--isolated", *options, "--select", SELECTED, ".", cwd=directory, leaves=True)
    return copies


# What the programs print after their fix.
FIXED = {
    "half caught": "away: 2003\nback: (1,)",
    "session as it is": "count: 0",
    "session of its own": "count: 0",
    "ping that only asks": "count: (0,)",
    "Django retried": "error: 2013\ncount: 0",
    "wait for Django": "waits\ncount: 0",
    "number left out": "count: (0,)",
    "last try": "error: 2013\nerror: 2013\nraised: 2013",
    "class of another driver": "caught",
    "number of another error": "count: 0",
    "class below SQLAlchemy": "count: 0",
    "capital letter": "count: (0,)",
    "zone of the connection": "zone: +05:00",
}
SELECTED = "HYG401,HYG402,HYG403,HYG404,HYG405,HYG406,HYG407,HYG409,HYG411"
# Of these, the fixes that are safe.
SAFE = {"session of its own", "Django retried", "wait for Django"}


def test_programs_do_what_their_rule_says(server: Server, programs: dict[str, Path]) -> None:
    printed = {name: run.output.strip() for name, run in server.run_all(programs).items()}
    assert printed == {name: result for name, (_, _, result) in PROGRAMS.items()}


def test_fixed_programs_survive(server: Server, fixed: dict[str, Path]) -> None:
    printed = {name: run.output.strip() for name, run in server.run_all(fixed).items()}
    assert printed == FIXED


def test_rules(programs: dict[str, Path]) -> None:
    directory = next(iter(programs.values())).parent
    found: dict[str, set[str]] = {}
    output = dbhygiene("check", "--isolated", "--select", SELECTED, "-o", "json", ".", cwd=directory, leaves=True)
    for finding in json.loads(output):
        found.setdefault(Path(finding["filename"]).name, set()).add(finding["code"])
    assert found == {programs[name].name: {code} for name, (_, code, _) in PROGRAMS.items() if code}
