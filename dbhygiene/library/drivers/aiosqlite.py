"""aiosqlite."""

from dbhygiene.library.resources import SQLITE_IN_MEMORY, Driver

DRIVER = Driver(
    name="aiosqlite",
    package="aiosqlite",
    distributions=("aiosqlite",),
    opens=("aiosqlite.connect",),
    server="sqlite",
    in_memory=SQLITE_IN_MEMORY,
    is_async=True,
    awaits_close=True,
    parts=frozenset({"cursor", "execute"}),
)
