"""pysqlite3: the module of the standard library, built by hand."""

from dbhygiene.library.drivers import sqlite3

DRIVER = sqlite3.DRIVER._replace(
    name="pysqlite3", package="pysqlite3", opens=("pysqlite3.connect", "pysqlite3.dbapi2.connect")
)
