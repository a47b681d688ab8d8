"""pymssql."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="pymssql",
    package="pymssql",
    distributions=("pymssql",),
    opens=("pymssql.connect", "pymssql._pymssql.connect"),
    server="mssql",
)
