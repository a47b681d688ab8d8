"""aiopg."""

from dbhygiene.library.resources import Driver, Pool

DRIVER = Driver(
    name="aiopg",
    package="aiopg",
    distributions=("aiopg",),
    opens=("aiopg.connect",),
    server="postgresql",
    autocommits=True,
    is_async=True,
    when_shared='RuntimeError "cursor.execute() called while another coroutine is already waiting"',
    pools=(
        Pool(
            ("aiopg.create_pool", "aiopg.pool.create_pool", "aiopg.Pool", "aiopg.pool.Pool"),
            takes="acquire",
            gives_back="release",
        ),
    ),
)
