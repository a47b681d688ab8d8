"""MariaDB Connector/Python."""

from dbhygiene.library.resources import Driver, Pool

DRIVER = Driver(
    name="mariadb",
    package="mariadb",
    distributions=("mariadb",),
    opens=("mariadb.connect", "mariadb.Connection"),
    server="mysql",
    second_close_raises=True,
    pools=(Pool(("mariadb.ConnectionPool",), takes="get_connection"),),
)
