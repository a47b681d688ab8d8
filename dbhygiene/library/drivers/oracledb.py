"""python-oracledb."""

from dbhygiene.library.resources import Driver, Pool

DRIVER = Driver(
    name="oracledb",
    package="oracledb",
    distributions=("oracledb",),
    opens=("oracledb.connect", "oracledb.connect_async", "oracledb.Connection"),
    server="oracle",
    second_close_raises=True,
    parts=frozenset({"cursor", "execute"}),
    opens_async=frozenset({"oracledb.connect_async"}),
    pools=(
        Pool(("oracledb.create_pool", "oracledb.ConnectionPool", "oracledb.SessionPool"), takes="acquire"),
        Pool(("oracledb.create_pool_async", "oracledb.AsyncConnectionPool"), takes="acquire", is_async=True),
    ),
)
