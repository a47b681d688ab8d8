"""PyMySQL."""

from dbhygiene.library.resources import Driver, Leaving, Loss, Ping

DRIVER = Driver(
    name="PyMySQL",
    package="pymysql",
    distributions=("PyMySQL",),
    opens=(
        "pymysql.connect",
        "pymysql.Connect",
        "pymysql.Connection",
        "pymysql.connections.connect",
        "pymysql.connections.Connection",
    ),
    leavings=(
        Leaving(closes=False, commits=True, binds="cursor"),
        Leaving(closes=False, since=(0, 10), exists=False),
        Leaving(closes=True, since=(1, 0)),
    ),
    server="mysql",
    is_in_no_cycle=True,
    second_close_raises=True,
    deferred_by="defer_connect",
    opened_by=frozenset({"connect", "ping"}),
    server_side=frozenset({"SSCursor", "SSDictCursor"}),
    reads_in_parts="conn.cursor(pymysql.cursors.SSCursor)",
    when_shared="rows of another query, error 2013, InterfaceError (0, '') or \"Packet sequence number wrong\"",
    loss=Loss(
        modules=("pymysql", "pymysql.err", "pymysql.connections"),
        first=frozenset({"OperationalError"}),
        later=frozenset({"InterfaceError"}),
        later_text="InterfaceError (0, '')",
        numbers=(frozenset({2006}), frozenset({2013})),
        lacks=frozenset({"errno"}),
        opens_again=frozenset({"connect"}),
        pings=(Ping(reconnects=True), Ping(reconnects=False, since=(1, 2))),
        asks_nothing=frozenset({"open", "cursor"}),
    ),
)
