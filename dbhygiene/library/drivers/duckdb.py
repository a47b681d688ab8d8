"""DuckDB."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="duckdb",
    package="duckdb",
    distributions=("duckdb",),
    opens=("duckdb.connect",),
    server="duckdb",
    in_memory=r":memory:|",
    default_database=":memory:",
    autocommits=True,
    parts=frozenset({"cursor", "execute", "sql", "query", "table", "from_df"}),
)
