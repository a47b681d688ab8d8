"""aiosqlite."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="aiosqlite",
    package="aiosqlite",
    distributions=("aiosqlite",),
    opens=("aiosqlite.connect",),
    server="sqlite",
    is_async=True,
    awaits_close=True,
    parts=frozenset({"cursor", "execute"}),
)
