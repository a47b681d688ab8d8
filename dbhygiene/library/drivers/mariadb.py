"""MariaDB Connector/Python."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="mariadb",
    package="mariadb",
    distributions=("mariadb",),
    opens=("mariadb.connect", "mariadb.Connection"),
    server="mysql",
)
