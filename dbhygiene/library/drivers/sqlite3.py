"""sqlite3, of the standard library: `with connection:` is a transaction, and leaves the connection open."""

from dbhygiene.library.resources import SQLITE_IN_MEMORY, Driver, Leaving

DRIVER = Driver(
    name="sqlite3",
    package="sqlite3",
    opens=("sqlite3.connect", "sqlite3.Connection", "sqlite3.dbapi2.connect"),
    leavings=(Leaving(closes=False, commits=True),),
    server="sqlite",
    in_memory=SQLITE_IN_MEMORY,
    closed_when_freed=True,
    thread_check="check_same_thread",
    parts=frozenset({"cursor", "execute", "executemany", "iterdump", "blobopen"}),
)
