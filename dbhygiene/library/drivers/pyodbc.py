"""pyodbc: `with connection:` commits, and leaves the connection open."""

from dbhygiene.library.resources import Driver, Leaving

DRIVER = Driver(
    name="pyodbc",
    package="pyodbc",
    distributions=("pyodbc",),
    opens=("pyodbc.connect",),
    leavings=(Leaving(closes=False, commits=True),),
    server="odbc",
    second_close_raises=True,
    parts=frozenset({"cursor", "execute"}),
)
