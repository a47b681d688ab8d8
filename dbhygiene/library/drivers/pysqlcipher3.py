"""pysqlcipher3: pysqlite over an encrypted file."""

from dbhygiene.library.drivers import sqlite3

DRIVER = sqlite3.DRIVER._replace(name="pysqlcipher3", package="pysqlcipher3", opens=("pysqlcipher3.dbapi2.connect",))
