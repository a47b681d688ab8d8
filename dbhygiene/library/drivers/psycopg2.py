"""psycopg2: `with connection:` is a transaction, and leaves the connection open."""

from dbhygiene.library.resources import Driver, Leaving

DRIVER = Driver(
    name="psycopg2",
    package="psycopg2",
    distributions=("psycopg2", "psycopg2-binary"),
    opens=("psycopg2.connect", "psycopg2.extensions.connection"),
    leavings=(Leaving(closes=False, commits=True),),
    server="postgresql",
)
