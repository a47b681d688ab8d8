"""mysqlclient and its ancestor MySQL-python, imported as MySQLdb."""

from dbhygiene.library.resources import Driver, Leaving

DRIVER = Driver(
    name="MySQLdb",
    package="MySQLdb",
    distributions=("mysqlclient", "MySQL-python"),
    opens=("MySQLdb.connect", "MySQLdb.Connect", "MySQLdb.Connection", "MySQLdb.connections.Connection"),
    leavings=(
        Leaving(closes=False, commits=True, binds="cursor"),
        Leaving(closes=False, since=(1, 4), exists=False),
        Leaving(closes=True, since=(2, 0)),
    ),
    server="mysql",
    second_close_raises=True,
    server_side=frozenset({"SSCursor", "SSDictCursor"}),
)
