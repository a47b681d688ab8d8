"""MariaDB Connector/Python."""

from dbhygiene.library.resources import Driver, Loss, Ping, Pool

DRIVER = Driver(
    name="mariadb",
    package="mariadb",
    distributions=("mariadb",),
    opens=("mariadb.connect", "mariadb.Connection"),
    server="mysql",
    sends_many_at_once=True,  # and `cursor(buffered=False)` may end too early, without an error
    second_close_raises=True,
    pools=(Pool(("mariadb.ConnectionPool",), takes="get_connection"),),
    loss=Loss(
        modules=("mariadb",),
        first=frozenset({"InterfaceError"}),
        later=frozenset({"InterfaceError"}),
        later_text="InterfaceError 2006",
        error_number="errno",
        opens_again=frozenset({"reconnect"}),
        pings=(Ping(reconnects=False),),
        ping_takes=0,
        ping_names=frozenset(),
        texts_differ=True,
    ),
)
