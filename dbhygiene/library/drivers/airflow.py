"""Airflow's hooks: each `get_conn()` opens a new connection of a driver, which the task must close."""

from dbhygiene.library.resources import Driver, Pool

# The hook for PostgreSQL takes psycopg 3 if that is installed, from version 6.3 of its provider on.
_PREFERRED = {"PostgresHook": "psycopg"}

# The class of each hook, its module from Airflow 2 on, its module before, and the package of its driver.
_HOOKS = (
    ("PostgresHook", "postgres.hooks.postgres", "postgres_hook", "psycopg2"),
    ("MySqlHook", "mysql.hooks.mysql", "mysql_hook", "MySQLdb"),
    ("MsSqlHook", "microsoft.mssql.hooks.mssql", "mssql_hook", "pymssql"),
    ("OracleHook", "oracle.hooks.oracle", "oracle_hook", "oracledb"),
    ("SqliteHook", "sqlite.hooks.sqlite", "sqlite_hook", "sqlite3"),
    ("OdbcHook", "odbc.hooks.odbc", "odbc_hook", "pyodbc"),
    ("SnowflakeHook", "snowflake.hooks.snowflake", "snowflake_hook", "snowflake"),
)

DRIVER = Driver(
    name="Airflow",
    package="airflow",
    distributions=("apache-airflow",),
    opens=(),
    pools=tuple(
        Pool(
            (
                f"airflow.providers.{module}.{name}",
                f"airflow.hooks.{before}.{name}",
                f"airflow.contrib.hooks.{before}.{name}",
            ),
            takes="get_conn",
            opens=package,
            prefers=_PREFERRED.get(name, ""),
        )
        for name, module, before, package in _HOOKS
    ),
)
