"""What random programs find ready: helpers of a module, and methods of a class.

Above each, what use there is for it: it makes an owner of its caller, takes a connection or passes it through, is a
context manager, or is free of connections. NUMBER and DRIVER are filled in.
"""

from __future__ import annotations

import re


def listed(text: str) -> tuple[tuple[str, str], ...]:
    """The kind and the source of each."""
    return tuple(
        (kind, source.strip() + "\n") for kind, source in re.findall(r"^# (\w+)\n(.*?)(?=^# |\Z)", text, re.M | re.S)
    )


HELPERS = listed("""
# owner
def makeNUMBER():
    return DRIVER.connect()

# owner
def makeNUMBER():
    conn = DRIVER.connect()
    work()
    return conn

# owner
def makeNUMBER():
    conn = DRIVER.connect()
    try:
        work()
    except BaseException:
        conn.close()
        raise
    return conn

# owner
def makeNUMBER():
    while True:
        try:
            return DRIVER.connect()
        except ValueError:
            work()

# pair
def pairNUMBER():
    conn = DRIVER.connect()
    return conn, conn.cursor()

# takes
def finishNUMBER(conn):
    conn.close()

# takes
def finishNUMBER(conn):
    if conn is not None:
        conn.close()

# takes
def finishNUMBER(conn):
    if check():
        conn.close()

# takes
def finishNUMBER(conn):
    work()
    conn.close()

# takes
def finishNUMBER(conn):
    try:
        work()
    finally:
        conn.close()

# takes
def finishNUMBER(conn):
    with closing(conn):
        work()

# takes
def finishNUMBER(conn):
    conn.close()
    work()
    raise ValueError

# takes
def lookNUMBER(conn):
    conn.execute()

# takes
def lookNUMBER(conn):
    return 1

# takes
def lookNUMBER(conn):
    conn.cursor()
    return conn.execute()

# takes
def storeNUMBER(conn):
    keep(conn)

# takes
def storeNUMBER(conn):
    global SHARED
    SHARED = conn

# takes
def storeNUMBER(conn):
    work()
    if check():
        keep(conn)
    else:
        conn.close()

# passes
def sameNUMBER(conn):
    return conn

# passes
def sameNUMBER(conn):
    conn.execute()
    return conn

# passes
def sameNUMBER(conn):
    work()
    found = conn
    return found

# gives
def givenNUMBER(conn=None):
    if conn is None:
        conn = DRIVER.connect()
    return conn

# gives
def givenNUMBER(conn=None):
    return conn or DRIVER.connect()

# gives
def givenNUMBER(conn=None):
    if conn is not None:
        conn.execute()
        return conn
    return DRIVER.connect()

# gives
def givenNUMBER(conn=None):
    found = conn if conn else DRIVER.connect()
    work()
    return found

# gives
def givenNUMBER(conn=None):
    fresh = not conn
    if fresh:
        conn = DRIVER.connect()
    return conn

# free
def noteNUMBER():
    pass

# free
def noteNUMBER():
    logging.info(1)

# free
def noteNUMBER():
    work()

# free
def noteNUMBER():
    try:
        work()
    except Exception:
        pass

# free
def failNUMBER():
    work()
    raise ValueError

# free
def failNUMBER():
    sys.exit(1)

# free
def failNUMBER():
    if check():
        raise KeyError

# rows
def listedNUMBER():
    for row in rows():
        yield row

# rows
def listedNUMBER():
    for row in rows():
        yield work()

# rows
def listedNUMBER():
    for row in rows():
        yield row
    work()

# rows
def listedNUMBER():
    yield from rows()
    if check():
        raise KeyError

# rows
def listedNUMBER():
    for row in rows():
        try:
            work()
        except ValueError:
            return
        yield row

# rows
def listedNUMBER():
    conn = DRIVER.connect()
    try:
        yield from rows()
        conn.commit()
    finally:
        conn.close()

# rows
class ListedNUMBER:
    def __iter__(self):
        yield from rows()
        work()

# manager
@contextmanager
def lentNUMBER():
    conn = DRIVER.connect()
    try:
        yield conn
    finally:
        conn.close()

# manager
@contextmanager
def timedNUMBER():
    work()
    yield

# manager
@contextmanager
def quietNUMBER():
    try:
        yield
    except ValueError:
        pass

# manager
class lentNUMBER:
    def __enter__(self):
        self.conn = DRIVER.connect()
        return self.conn

    def __exit__(self, *_):
        self.conn.close()

# manager
class TakingNUMBER:
    def __init__(self, conn):
        self.conn = conn

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.close()

# manager
class QuietNUMBER:
    def __enter__(self):
        work()

    def __exit__(self, kind, *_):
        return kind is ValueError

# manager
class QuietNUMBER:
    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        return kind is not None and issubclass(kind, (KeyError, ValueError))

# manager
class QuietNUMBER:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if isinstance(error, LookupError) and check():
            return True
        return kind is None

# manager
class QuietNUMBER:
    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            return False
        return True

# manager
class TimedNUMBER:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        logging.info(1)

# owner
class MakerNUMBER:
    @staticmethod
    def makeNUMBER():
        return DRIVER.connect()

# owner
class MakerNUMBER:
    @classmethod
    def makeNUMBER(cls):
        conn = DRIVER.connect()
        work()
        return conn

# view
class ViewNUMBER:
    def __init__(self, cur):
        self.cur = cur

    def read(self):
        return list(self.cur)

# view
class ViewNUMBER:
    def __init__(self, cur):
        self.cur = (row for row in cur)

    def read(self):
        return self.cur

# view
class ViewNUMBER:
    def __init__(self, cur):
        self.cur = cur.fetchall()

    def read(self):
        return 1

# holder
class HolderNUMBER:
    def __init__(self, conn):
        self.db = conn

    def read(self):
        return self.db.execute()

# holder
class HolderNUMBER:
    def __init__(self, conn):
        self.db = conn.cursor()

    def read(self):
        return self.db.fetchall()

# display
def displayNUMBER(cur):
    return {"cur": cur}

# display
def displayNUMBER(cur):
    return dict(cur=cur)

# display
def displayNUMBER(cur):
    return {"cur": list(cur)}

# couple
def coupleNUMBER(cur):
    return 1, cur

# couple
def coupleNUMBER(cur):
    return 1, [*cur]

# takes
class CloserNUMBER:
    @staticmethod
    def finishNUMBER(conn):
        conn.close()
""")

# Methods of the class of which one more is judged; "field" ones use `self.conn`.
METHODS = listed("""
# owner
def openedNUMBER(self):
    return DRIVER.connect()

# owner
def openedNUMBER(self):
    conn = DRIVER.connect()
    conn.commit()
    return conn

# takes
def endNUMBER(self, conn):
    conn.close()

# takes
def lookNUMBER(self, conn):
    conn.execute()
    return self

# takes
def holdNUMBER(self, conn):
    self.held = conn

# takes
def hookNUMBER(self, conn):
    pass

# takes
def hookNUMBER(self, conn):
    raise NotImplementedError

# takes
def finishNUMBER(self, conn):
    keep(conn)

# gives
def reusedNUMBER(self, conn=None):
    return conn or DRIVER.connect()

# field
def close_fieldNUMBER(self):
    self.conn.close()

# field
def use_fieldNUMBER(self):
    return self.conn.execute()
""")
