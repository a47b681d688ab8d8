"""python-oracledb."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="oracledb",
    package="oracledb",
    distributions=("oracledb",),
    opens=("oracledb.connect", "oracledb.connect_async", "oracledb.Connection"),
    server="oracle",
    parts=frozenset({"cursor", "execute"}),
)
