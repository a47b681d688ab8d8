"""pg8000."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="pg8000",
    package="pg8000",
    distributions=("pg8000",),
    opens=("pg8000.connect", "pg8000.dbapi.connect", "pg8000.native.Connection", "pg8000.Connection"),
    server="postgresql",
    parts=frozenset({"cursor", "execute"}),
    second_close_raises=True,
)
