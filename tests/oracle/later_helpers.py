"""Helpers of programs that use things later: what they give still needs a connection, or a session, or is none.

In the same form as the other helpers.
"""

from __future__ import annotations

from .helpers import listed

LATER_HELPERS = listed("""
# fails
def triedNUMBER():
    try:
        return DRIVER.connect()
    except ValueError:
        return False

# fails
def triedNUMBER():
    if check():
        return 0
    conn = DRIVER.connect()
    work()
    return conn

# fails
def triedNUMBER(again=True):
    return DRIVER.connect() if again else ""

# fails
def triedNUMBER():
    conn = False
    if check():
        conn = DRIVER.connect()
    return conn

# fails
def triedNUMBER():
    return check() and DRIVER.connect()

# fails
def triedNUMBER():
    found = None
    try:
        found = DRIVER.connect()
        found.execute()
    except KeyError:
        found = 0
    else:
        work()
    return found

# fails
def triedNUMBER():
    if check():
        return None
    return DRIVER.connect()

# fails
def triedNUMBER():
    try:
        conn = DRIVER.connect()
    except ValueError:
        work()
    else:
        return conn

# fails
def triedNUMBER():
    for row in rows():
        try:
            return DRIVER.connect()
        except ValueError:
            work()

# fails
def triedNUMBER():
    if check():
        return []
    return DRIVER.connect()

# fails
def emptyNUMBER():
    return dict()

def triedNUMBER():
    try:
        return DRIVER.connect()
    except ValueError:
        return emptyNUMBER()

# fails
def triedNUMBER():
    conn = DRIVER.connect() if check() else len("")
    return conn

# fails
def triedNUMBER():
    for conn in ():
        return conn
    return check() and DRIVER.connect()

# cached
def cachedNUMBER():
    if SHARED is not None:
        return SHARED
    return DRIVER.connect()

# cached
def olderNUMBER():
    return SHARED

def cachedNUMBER():
    conn = olderNUMBER()
    if conn is None:
        conn = DRIVER.connect()
    return conn

# cached
def cachedNUMBER():
    for conn in [SHARED]:
        if conn:
            return conn
    return DRIVER.connect()

# cached
def cachedNUMBER():
    return find() or DRIVER.connect()

# both
def bothNUMBER():
    conn = DRIVER.connect()
    return conn, conn.cursor()

# both
def bothNUMBER():
    conn = DRIVER.connect()
    cur = conn.execute()
    work()
    return [conn, cur]

# both_or_not
def eitherNUMBER():
    if check():
        return None, None
    conn = DRIVER.connect()
    return conn, conn.cursor()

# both_or_not
def eitherNUMBER():
    try:
        conn = DRIVER.connect()
        return conn, conn.cursor()
    except ValueError:
        return False, 0

# both_or_not
def eitherNUMBER():
    conn = cur = 0
    if check():
        conn = DRIVER.connect()
        cur = conn.cursor()
    return conn, cur

# kit
def kitNUMBER():
    conn = DRIVER.connect()
    return {"conn": conn, "cur": conn.cursor()}

# kit
def kitNUMBER():
    kit = dict()
    kit["conn"] = DRIVER.connect()
    kit["cur"] = kit["conn"].cursor()
    return kit

# kit
def kitNUMBER():
    conn = DRIVER.connect()
    cur = conn.execute()
    return dict(conn=conn, cur=cur)

# reader
def readerNUMBER():
    conn = DRIVER.connect()
    return conn.cursor()

# reader
def readerNUMBER():
    return DRIVER.connect().cursor()

# reader
def readerNUMBER():
    conn = DRIVER.connect()
    cur = conn.cursor()
    cur.execute()
    return cur

# reader
def readerNUMBER():
    conn = DRIVER.connect()
    for row in conn.execute():
        yield row

# reader
def readerNUMBER():
    cur = DRIVER.connect().execute()
    yield from cur

# reader
def readerNUMBER():
    conn = DRIVER.connect()
    return (row for row in conn.cursor())

# reads
def readsNUMBER(conn):
    for row in conn.execute():
        yield row

# reads
def readsNUMBER(conn):
    yield from conn.cursor()

# reads
def readsNUMBER(conn):
    cur = conn.cursor()
    try:
        for row in cur.fetchall():
            yield row
    finally:
        cur.close()

# reads
def readsNUMBER(conn):
    for row in conn.execute():
        yield row
    conn.close()

# reads
def readsNUMBER(conn):
    try:
        yield from conn.execute()
    finally:
        conn.close()

# reads
def readsNUMBER(conn):
    yield conn.cursor()

# reads
def readsNUMBER(conn):
    use(conn)
    yield 1

# reads
def readsNUMBER(conn):
    return (row for row in conn.cursor())

# reads
def readsNUMBER(conn):
    return iter(conn.cursor().fetchone, None)

# reads
def readsNUMBER(conn):
    return conn.execute

# reads
def readsNUMBER(conn):
    return [conn.cursor()]

# reads
def readsNUMBER(conn):
    def later():
        return conn.execute()
    return later

# reads
def readsNUMBER(conn):
    return list(conn.cursor())

# reads
def readsNUMBER(conn, box=None):
    cur = conn.cursor()
    if box is not None:
        box.cur = cur
    return cur.fetchall()

# keeps
KEPT = []

def keptNUMBER(cur):
    KEPT.append(cur)

# keeps
KEPT = []

def innerNUMBER(cur):
    KEPT.append(lambda: cur.fetchall())

def keptNUMBER(cur):
    cur.execute()
    innerNUMBER(cur)

# keeps
KEPT = []

def keptNUMBER(*given):
    KEPT.extend(given)

# keeps
KEPT = []

class KeptNUMBER:
    def __init__(self, cur):
        KEPT.append(cur)

# keeps
class KeeperNUMBER:
    def keep(self, cur):
        self.cur = cur

KEEPERNUMBER = KeeperNUMBER()

def keptNUMBER(cur):
    KEEPERNUMBER.keep(cur)

# keeps
def keptNUMBER(cur, found=None):
    if found is None:
        found = []
    found.append(cur)
    return len(found)

# keeps
def keptNUMBER(cur):
    return [row for row in cur.fetchall()]

# keeps
def keptNUMBER(cur):
    def read():
        return cur.fetchall()
    return read()

# renews
def renewNUMBER(conn):
    conn.close()
    return DRIVER.connect()

# renews
def renewNUMBER(conn):
    if check():
        conn.close()
        conn = DRIVER.connect()
    return conn

# renews
def renewNUMBER(conn):
    try:
        conn.execute()
        return conn
    except ValueError:
        return DRIVER.connect()

# renews
def renewNUMBER(conn):
    if check():
        return False
    return conn

# outer
class OuterNUMBER:
    def __init__(self, inner):
        self.inner = inner

    def read(self):
        return self.inner

# outer
class OuterNUMBER:
    def __init__(self, inner):
        self.parts = [inner]

    def read(self):
        return work(self.parts)

    def __call__(self):
        return self.parts[0]

# outer
class OuterNUMBER:
    def __init__(self, inner):
        self.ask = lambda: inner

    def read(self):
        return self.ask()

# handled
def passingNUMBER(function):
    def wrapper(*args):
        conn = DRIVER.connect()
        found = function(conn, *args)
        conn.close()
        return found
    return wrapper

@passingNUMBER
def handledNUMBER(conn):
    return conn.execute()

# handled
def passingNUMBER(function):
    def wrapper(*args):
        conn = DRIVER.connect()
        return function(conn, *args)
    return wrapper

@passingNUMBER
def handledNUMBER(conn):
    return conn.cursor()

# handled
def passingNUMBER(function):
    def wrapper():
        conn = DRIVER.connect()
        try:
            return function(conn)
        except ValueError:
            conn.close()
            raise
    return wrapper

@passingNUMBER
def handledNUMBER(conn):
    work()
    return conn

# lent_cursor
@contextmanager
def readingNUMBER():
    conn = DRIVER.connect()
    yield conn.cursor()
    conn.close()

# lent_cursor
@contextmanager
def readingNUMBER():
    conn = DRIVER.connect()
    cur = conn.cursor()
    try:
        yield cur
    finally:
        cur.close()

# lent_cursor
class ReadingNUMBER:
    def __enter__(self):
        self.conn = DRIVER.connect()
        return self.conn.cursor()

    def __exit__(self, *_):
        self.conn.close()

# loads
def loadNUMBER(session):
    return session.get(Order, 1)

# loads
def loadNUMBER(session):
    return session.query(Order)

# loads
def loadNUMBER(session):
    for each in session.query(Order):
        yield each

# loads
def loadNUMBER(session):
    return [each.id for each in session.query(Order)]

# loads
def loadNUMBER(session):
    order = Order()
    session.add(order)
    session.commit()
    return {"order": order}

# loads
def loadNUMBER(session, box=None):
    order = session.get(Order, 1)
    if box is not None:
        box.order = order
    return order.id

# loads
def firstNUMBER(session):
    return session.query(Order).first()

def loadNUMBER(session):
    order = firstNUMBER(session)
    work()
    return order

# loads
KEPT = []

def loadNUMBER(session):
    order = session.get(Order, 1)
    KEPT.append(order)

# loads
def loadNUMBER(session):
    return session.query(Order).count()

# adds
def addNUMBER(session, order):
    session.add(order)

# adds
def addNUMBER(session, order):
    db = session
    db.add(order)
    db.commit()
    return order

# adds
def saveNUMBER(order, session):
    session.add(order)
    session.flush()

def addNUMBER(session, order):
    saveNUMBER(order, session)
    return order.id

# adds
def addNUMBER(session, order):
    for each in [order]:
        session.add(each)

# adds
def addNUMBER(session, *orders):
    session.add(orders[0])

# orders
class OrdersNUMBER:
    def __init__(self, session):
        self.session = session

    def load(self):
        return self.session.get(Order, 1)

# orders
class OrdersNUMBER:
    def __init__(self, session):
        self.session = session

    def load(self):
        return self.session.query(Order).count()

# orders
class OrdersNUMBER:
    def __init__(self, session):
        self.order = session.get(Order, 1)

    def load(self):
        return self.order

# orders
class OrdersNUMBER:
    def __init__(self, session):
        self.query = session.query(Order)

    def load(self):
        for each in self.query:
            yield each

# loader
def orderNUMBER():
    session = Session(engine)
    return session.get(Order, 1)

# loader
def orderNUMBER():
    with Session(engine) as session:
        return session.query(Order).first()

# loader
def orderNUMBER():
    session = make_session()
    return session.query(Order)
""")
