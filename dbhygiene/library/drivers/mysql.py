"""MySQL Connector/Python."""

from dbhygiene.library.resources import Driver, Leaving, Loss, Ping, Pool

DRIVER = Driver(
    name="mysql.connector",
    package="mysql.connector",
    distributions=("mysql-connector-python", "mysql-connector"),
    opens=(
        "mysql.connector.connect",
        "mysql.connector.Connect",
        "mysql.connector.MySQLConnection",
        "mysql.connector.CMySQLConnection",
        "mysql.connector.connection.MySQLConnection",
        "mysql.connector.connection_cext.CMySQLConnection",
        "mysql.connector.aio.connect",
        "mysql.connector.aio.MySQLConnection",
    ),
    leavings=(Leaving(closes=False, exists=False), Leaving(closes=True, since=(8, 0, 21))),
    server="mysql",
    is_in_no_cycle=True,
    reads_in_parts="cursor.fetchmany(1000)",
    sends_many_at_once=True,
    parts=frozenset({"cursor", "execute"}),  # with `multi=True`, an iterator
    closed_by=frozenset({"close", "disconnect", "shutdown"}),
    opens_async=frozenset({"mysql.connector.aio.connect", "mysql.connector.aio.MySQLConnection"}),
    when_shared='rows of another query, error 2013 or "MySQL Connection not available"',
    pools=(Pool(("mysql.connector.pooling.MySQLConnectionPool",), takes="get_connection"),),
    loss=Loss(
        modules=("mysql.connector", "mysql.connector.errors"),
        first=frozenset({"OperationalError"}),
        later=frozenset({"OperationalError"}),
        later_text="OperationalError 2013",
        numbers=(frozenset({2013}), frozenset({2055})),
        error_number="errno",
        pure=frozenset({"InterfaceError"}),
        opens_again=frozenset({"reconnect", "connect"}),
        pings=(Ping(reconnects=False),),
        ping_takes=3,
        ping_names=frozenset({"reconnect", "attempts", "delay"}),
    ),
)
