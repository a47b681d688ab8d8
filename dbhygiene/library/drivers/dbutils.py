"""DBUtils, which pools the connections of any driver: `close` gives one back."""

from dbhygiene.library.resources import Driver, Pool

DRIVER = Driver(
    name="DBUtils",
    package="dbutils",
    distributions=("dbutils",),
    opens=(),
    pools=(
        Pool(("dbutils.pooled_db.PooledDB", "dbutils.pooled_pg.PooledPg"), takes="connection"),
        Pool(("DBUtils.PooledDB.PooledDB", "DBUtils.PooledPg.PooledPg"), takes="connection"),
        Pool(("dbutils.pooled_db.PooledDB", "DBUtils.PooledDB.PooledDB"), takes="dedicated_connection"),
    ),
)
