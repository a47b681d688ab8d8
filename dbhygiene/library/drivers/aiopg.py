"""aiopg."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="aiopg",
    package="aiopg",
    distributions=("aiopg",),
    opens=("aiopg.connect",),
    server="postgresql",
    autocommits=True,
    is_async=True,
)
