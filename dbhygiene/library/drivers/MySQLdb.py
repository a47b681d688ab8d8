"""mysqlclient and its ancestor MySQL-python, imported as MySQLdb."""

from dbhygiene.library.resources import Driver, Leaving, Loss, Ping

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
    reads_in_parts="conn.cursor(MySQLdb.cursors.SSCursor)",
    when_shared="rows of another query, error 2014, or a crash of the process",
    loss=Loss(
        modules=("MySQLdb", "MySQLdb._exceptions", "MySQLdb.connections", "_mysql_exceptions"),
        first=frozenset({"OperationalError"}),
        later=frozenset({"OperationalError"}),
        later_text="OperationalError 2006",
        shares=frozenset({"pymysql"}),  # `install_as_MySQLdb`
        numbers=(frozenset({2006}), frozenset({2013})),
        lacks=frozenset({"errno"}),
        pings=(Ping(reconnects=False),),
        ping_names=frozenset(),
        asks_nothing=frozenset({"open", "cursor"}),
        texts_differ=True,
    ),
)
