"""pysqlcipher3: pysqlite over an encrypted file."""

from dbhygiene.frozen import replace
from dbhygiene.library.drivers import sqlite3

DRIVER = replace(sqlite3.DRIVER, name="pysqlcipher3", package="pysqlcipher3", opens=("pysqlcipher3.dbapi2.connect",))
