"""pysqlcipher3: pysqlite over an encrypted file."""

from dbhygiene.library.drivers import sqlite3
from dbhygiene.source.records import replace

DRIVER = replace(sqlite3.DRIVER, name="pysqlcipher3", package="pysqlcipher3", opens=("pysqlcipher3.dbapi2.connect",))
