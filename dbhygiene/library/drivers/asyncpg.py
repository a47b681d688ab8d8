"""asyncpg, whose connections have no `async with`."""

from dbhygiene.library.resources import Driver, Leaving, Pool

DRIVER = Driver(
    name="asyncpg",
    package="asyncpg",
    distributions=("asyncpg",),
    opens=("asyncpg.connect",),
    leavings=(Leaving(closes=False, exists=False),),
    server="postgresql",
    reads_in_parts="conn.cursor(statement)",
    autocommits=True,
    closed_by=frozenset({"close", "terminate"}),
    is_async=True,
    awaits_close=True,
    when_shared='InterfaceError "another operation is in progress"',
    pools=(
        Pool(
            ("asyncpg.create_pool", "asyncpg.pool.create_pool", "asyncpg.Pool", "asyncpg.pool.Pool"),
            takes="acquire",
            gives_back="release",
            leaving=Leaving(closes=True),
        ),
    ),
)
