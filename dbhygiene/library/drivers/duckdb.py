"""DuckDB."""

from dbhygiene.library.resources import Driver

DRIVER = Driver(
    name="duckdb",
    package="duckdb",
    distributions=("duckdb",),
    opens=("duckdb.connect",),
    server="duckdb",
    autocommits=True,
    parts=frozenset({"cursor", "execute", "sql", "query", "table", "from_df"}),
)
