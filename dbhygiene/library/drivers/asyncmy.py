"""asyncmy."""

from dbhygiene.library.resources import Driver, Loss, Ping, Pool

DRIVER = Driver(
    name="asyncmy",
    package="asyncmy",
    distributions=("asyncmy",),
    opens=("asyncmy.connect", "asyncmy.Connection"),
    server="mysql",
    reads_in_parts="conn.cursor(asyncmy.cursors.SSCursor)",
    closed_by=frozenset({"close", "ensure_closed"}),
    is_async=True,
    when_shared="rows of another query, or no answer at all",
    pools=(
        Pool(
            ("asyncmy.create_pool", "asyncmy.pool.create_pool", "asyncmy.Pool", "asyncmy.pool.Pool"),
            takes="acquire",
            gives_back="release",
        ),
    ),
    loss=Loss(
        modules=("asyncmy", "asyncmy.errors"),
        first=frozenset({"OperationalError"}),
        later=frozenset({"InterfaceError"}),
        later_text="InterfaceError (0, 'Not connected')",
        pings=(Ping(reconnects=True),),
    ),
)
