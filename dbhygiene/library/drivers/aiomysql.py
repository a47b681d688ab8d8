"""aiomysql."""

from dbhygiene.library.resources import Driver, Loss, Ping, Pool

DRIVER = Driver(
    name="aiomysql",
    package="aiomysql",
    distributions=("aiomysql",),
    opens=("aiomysql.connect", "aiomysql.Connection"),
    server="mysql",
    reads_in_parts="conn.cursor(aiomysql.SSCursor)",
    closed_by=frozenset({"close", "ensure_closed"}),
    is_async=True,
    when_shared='"readexactly() called while another coroutine is already waiting", or rows of another query',
    pools=(
        Pool(
            ("aiomysql.create_pool", "aiomysql.pool.create_pool", "aiomysql.Pool", "aiomysql.pool.Pool"),
            takes="acquire",
            gives_back="release",
        ),
    ),
    loss=Loss(
        modules=("aiomysql",),
        first=frozenset({"OperationalError"}),
        later=frozenset({"InterfaceError"}),
        later_text="InterfaceError (0, 'Not connected')",
        shares=frozenset({"pymysql"}),
        pings=(Ping(reconnects=True),),
    ),
)
