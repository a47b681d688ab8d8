"""Snowflake's connector."""

from dbhygiene.library.resources import Driver, Leaving

DRIVER = Driver(
    name="snowflake",
    package="snowflake.connector",
    distributions=("snowflake-connector-python",),
    opens=("snowflake.connector.connect", "snowflake.connector.SnowflakeConnection"),
    leavings=(Leaving(closes=True, commits=True),),
    server="snowflake",
    parts=frozenset({"cursor", "execute"}),
)
