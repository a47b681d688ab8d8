"""pysqlite, of which Python's sqlite3 is a copy."""

from dbhygiene.library.drivers import sqlite3
from dbhygiene.source.records import replace

DRIVER = replace(sqlite3.DRIVER, name="pysqlite2", package="pysqlite2", opens=("pysqlite2.dbapi2.connect",))
