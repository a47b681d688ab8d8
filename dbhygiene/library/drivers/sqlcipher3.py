"""sqlcipher3: sqlite3 over an encrypted file."""

from dbhygiene.library.drivers import sqlite3
from dbhygiene.source.records import replace

DRIVER = replace(
    sqlite3.DRIVER, name="sqlcipher3", package="sqlcipher3", opens=("sqlcipher3.connect", "sqlcipher3.dbapi2.connect")
)
