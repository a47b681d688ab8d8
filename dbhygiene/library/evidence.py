"""What a project says of its databases: in its settings, its dependencies, its imports and its other URLs."""

from __future__ import annotations

import re

from dbhygiene.flow.once import once
from dbhygiene.library.sqlalchemy import MYSQL, OTHERS, in_tests
from dbhygiene.library.words import words
from dbhygiene.source import File

_MYSQL_DISTRIBUTIONS = words(
    "pymysql mysqlclient mysql-connector-python mysql-connector mariadb aiomysql asyncmy cymysql mysql-python"
)
_OTHER_DISTRIBUTIONS = words(
    """psycopg2 psycopg2-binary psycopg psycopg-binary asyncpg pg8000 aiopg oracledb cx-oracle pyodbc aioodbc
    pymssql aiosqlite duckdb-engine snowflake-sqlalchemy sqlalchemy-redshift redshift-connector
    sqlalchemy-bigquery clickhouse-sqlalchemy databricks-sqlalchemy ibm-db-sa sqlalchemy-cockroachdb
    sqlalchemy-hana trino"""
)
_MYSQL_MODULES = words("pymysql MySQLdb mysql mariadb aiomysql asyncmy cymysql")
_OTHER_MODULES = words(
    """psycopg2 psycopg asyncpg pg8000 aiopg oracledb cx_Oracle pyodbc aioodbc pymssql aiosqlite sqlite3 duckdb
    snowflake redshift_connector clickhouse_sqlalchemy pgvector geoalchemy2"""
)
_OTHER_NAMES = re.compile(r"postgres|pg(?:vector|sql)|sqlite|oracle|mssql|redshift|snowflake|duckdb", re.IGNORECASE)
_MYSQL_NAMES = re.compile(r"mysql|mariadb", re.IGNORECASE)
_OTHER_URL = re.compile(
    rf"""["'](?:{"|".join(sorted(OTHERS))})(?:\+\w+)?(?:["']|:)|\bsqlalchemy\.dialects(?:\.| import )(?!mysql\b)\w""",
    re.IGNORECASE,
)
# The same in another file, where a word alone says nothing: a URL, or the import of a server's driver.
_ELSEWHERE = re.compile(
    rf"""["'](?:{"|".join(sorted(OTHERS))})(?:\+\w+)?://|^\s*(?:import|from)\s+(?:{
        "|".join(sorted(_OTHER_MODULES - {"sqlite3", "aiosqlite"}))
    })\b""",
    re.IGNORECASE | re.MULTILINE,
)
_MYSQL_ELSEWHERE = re.compile(
    rf"""["'](?:mysql|mariadb)(?:\+\w+)?://|^\s*(?:import|from)\s+(?:{"|".join(sorted(_MYSQL_MODULES))})\b""",
    re.IGNORECASE | re.MULTILINE,
)
# One of these stands in each of those files.
_WORDS = ("postgres", "psycopg", "asyncpg", "pg8000", "sqlite", "racle", "mssql", "pyodbc", "snowflake", "redshift")


@once
def speaks_for_mysql(file: File) -> bool:
    """Whether something in the project says that its database is MySQL or MariaDB."""
    project = file.project
    return (
        any(name.lower() in (MYSQL, "mariadb") for name in project.settings.databases)
        or bool(_imported(file) & _MYSQL_MODULES)
        or any(project.requires(name) for name in _MYSQL_DISTRIBUTIONS)
        or _said_elsewhere(file, ("mysql", "MySQLdb", "mariadb"), _MYSQL_ELSEWHERE)
    )


@once
def speaks_for_another(file: File) -> bool:
    """Whether something in the project says that it has another database than MySQL and MariaDB."""
    project = file.project
    if project.settings.databases:
        return any(name.lower() not in (MYSQL, "mariadb") for name in project.settings.databases)
    if (
        bool(_imported(file) & _OTHER_MODULES)
        or _OTHER_URL.search(file.text) is not None
        or _OTHER_NAMES.search(file.path.stem) is not None
    ):
        return True
    if _imported(file) & _MYSQL_MODULES or _MYSQL_NAMES.search(file.module):
        return False  # the part of the project for MySQL: others may be for other databases
    return any(project.requires(name) for name in _OTHER_DISTRIBUTIONS) or _said_elsewhere(file, _WORDS, _ELSEWHERE)


def _said_elsewhere(file: File, needles: tuple[str, ...], pattern: re.Pattern[str]) -> bool:
    """Whether another file of the project, tests apart, has such a URL, or imports such a driver."""
    others = (other for needle in needles for other in file.project.speaking(needle) if other.path != file.path)
    return any(_says(other, pattern) for other in others)


@once
def _says(file: File, pattern: re.Pattern[str]) -> bool:
    return pattern.search(file.text) is not None and not in_tests(file) and file.is_program


def _imported(file: File) -> frozenset[str]:
    """The first part of the name of each module that a file imports."""
    return frozenset(name.partition(".")[0] for scope in file.scopes for name in scope.imports.values())
