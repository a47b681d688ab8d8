"""pysqlite3: the module of the standard library, built by hand."""

from dbhygiene.library.drivers import sqlite3
from dbhygiene.source.records import replace

DRIVER = replace(
    sqlite3.DRIVER, name="pysqlite3", package="pysqlite3", opens=("pysqlite3.connect", "pysqlite3.dbapi2.connect")
)
