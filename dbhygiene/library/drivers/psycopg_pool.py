"""psycopg_pool: leaving `with connection:` ends the transaction, and does not give a pool's connection back.

Source: `Connection.__exit__` of psycopg 3, which closes only what belongs to no pool.
"""

from dbhygiene.library.resources import Driver, Leaving, Pool

_TRANSACTION = Leaving(closes=False, commits=True)

DRIVER = Driver(
    name="psycopg",
    package="psycopg_pool",
    distributions=("psycopg-pool",),
    opens=(),
    server="postgresql",
    parts=frozenset({"cursor", "execute"}),
    pools=(
        Pool(
            ("psycopg_pool.ConnectionPool", "psycopg_pool.NullConnectionPool"),
            takes="getconn",
            gives_back="putconn",
            leaving=_TRANSACTION,
        ),
        Pool(
            ("psycopg_pool.AsyncConnectionPool", "psycopg_pool.AsyncNullConnectionPool"),
            takes="getconn",
            gives_back="putconn",
            leaving=_TRANSACTION,
            is_async=True,
        ),
    ),
)
