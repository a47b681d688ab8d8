"""aiomysql."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="aiomysql",
    package="aiomysql",
    distributions=("aiomysql",),
    opens=("aiomysql.connect", "aiomysql.Connection"),
    server="mysql",
    closed_by=frozenset({"close", "ensure_closed"}),
    is_async=True,
)
