"""psycopg2: `with connection:` is a transaction, and leaves the connection open."""

from dbhygiene.library.resources import Driver, Leaving, Loss, Pool

DRIVER = Driver(
    name="psycopg2",
    package="psycopg2",
    distributions=("psycopg2", "psycopg2-binary"),
    opens=("psycopg2.connect", "psycopg2.extensions.connection"),
    leavings=(Leaving(closes=False, commits=True),),
    server="postgresql",
    is_in_no_cycle=True,
    reads_in_parts='conn.cursor(name="rows")',
    pools=(
        Pool(
            (
                "psycopg2.pool.SimpleConnectionPool",
                "psycopg2.pool.ThreadedConnectionPool",
                "psycopg2.pool.PersistentConnectionPool",
                "psycopg2.pool.AbstractConnectionPool",
            ),
            takes="getconn",
            gives_back="putconn",
            counts_closed=True,
        ),
    ),
    loss=Loss(
        modules=("psycopg2", "psycopg2.errors", "psycopg2.extensions"),
        first=frozenset({"OperationalError"}),
        later=frozenset({"InterfaceError"}),
        later_text="InterfaceError: connection already closed",
        error_number="pgcode",
        asks_nothing=frozenset({"closed", "status", "isolation_level", "poll", "cursor"}),
    ),
)
