"""psycopg 3."""

from dbhygiene.library.resources import Driver, Leaving, Loss

DRIVER = Driver(
    name="psycopg",
    package="psycopg",
    distributions=("psycopg", "psycopg-binary"),
    opens=("psycopg.connect", "psycopg.Connection.connect", "psycopg.AsyncConnection.connect"),
    leavings=(Leaving(closes=True, commits=True),),
    server="postgresql",
    is_in_no_cycle=True,
    reads_in_parts='conn.cursor(name="rows")',
    parts=frozenset({"cursor", "execute"}),
    opens_async=frozenset({"psycopg.AsyncConnection.connect"}),
    loss=Loss(
        modules=("psycopg", "psycopg.errors"),
        first=frozenset({"OperationalError"}),
        later=frozenset({"OperationalError"}),
        later_text="OperationalError: the connection is closed",
        asks_nothing=frozenset({"closed", "broken", "info", "cursor"}),
    ),
)
