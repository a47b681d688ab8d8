"""`suggests_mysql`: evidence of a project's databases, in settings, dependencies, imports and other URLs.

import pymysql                       # `servers_by_imports`: mysql
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain

from dbhygiene.library.test_files import is_test_file
from dbhygiene.library.words import words
from dbhygiene.pools.sqlalchemy import MYSQL, OTHERS, UNKNOWN_DATABASE
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.queries import query

# The distributions that are installed for a server, by their names in an index: drivers and packages based on them.
_DISTRIBUTIONS = {
    MYSQL: words(
        """pymysql mysqlclient mysql-connector-python mysql-connector mariadb aiomysql asyncmy cymysql mysql-python
        django-mysql mysql-connector-repackaged flask-mysql flask-mysqldb"""
    ),
    "postgresql": words(
        """psycopg2 psycopg2-binary psycopg psycopg-binary psycopg-c psycopg-pool psycopg2cffi asyncpg pg8000 aiopg
        django-postgres-extra sqlalchemy-cockroachdb django-cockroachdb sqlalchemy-redshift redshift-connector"""
    ),
    "oracle": words("oracledb cx-oracle"),
    "mssql": words("pymssql mssql-django django-mssql-backend"),
    "odbc": words("pyodbc aioodbc"),
    "snowflake": words("snowflake-sqlalchemy snowflake-connector-python"),
    "sqlite": words("aiosqlite"),
    "other": words(
        """duckdb-engine sqlalchemy-bigquery clickhouse-sqlalchemy databricks-sqlalchemy ibm-db-sa sqlalchemy-hana
        trino"""
    ),
}
_MYSQL_DISTRIBUTIONS = _DISTRIBUTIONS[MYSQL]
_OTHER_DISTRIBUTIONS = frozenset().union(*(names for server, names in _DISTRIBUTIONS.items() if server != MYSQL))
MAY_BE_ANY = words("dj-database-url")  # reads a URL that only the environment knows
# The names of a server in settings: in an `ENGINE`, a URL, or a setting of dbhygiene.
_NAMES = {
    MYSQL: lazy_pattern(r"mysql|mariadb", re.IGNORECASE),
    "postgresql": lazy_pattern(r"postg(?:res|is)|psycopg|\bpg?sql\b|timescale|cockroach|redshift", re.IGNORECASE),
    "sqlite": lazy_pattern(r"sqlite|spatialite", re.IGNORECASE),
    "oracle": lazy_pattern(r"oracle", re.IGNORECASE),
    "mssql": lazy_pattern(r"mssql|sql_server", re.IGNORECASE),
}
_VENDOR = lazy_pattern(r"\bvendor\s*(?:[!=]=|in\b)[^\n]*[\"']mysql[\"']")
_ANY_URL = lazy_pattern(r"database_url", re.IGNORECASE)
_MYSQL_MODULES = words("pymysql MySQLdb mysql mariadb aiomysql asyncmy cymysql")
_OTHER_MODULES = words(
    """psycopg2 psycopg asyncpg pg8000 aiopg oracledb cx_Oracle pyodbc aioodbc pymssql aiosqlite sqlite3 duckdb
    snowflake redshift_connector clickhouse_sqlalchemy pgvector geoalchemy2"""
)
_OTHER_NAMES = lazy_pattern(r"postgres|pg(?:vector|sql)|sqlite|oracle|mssql|redshift|snowflake|duckdb", re.IGNORECASE)
_MYSQL_NAMES = lazy_pattern(r"mysql|mariadb", re.IGNORECASE)
_OTHER_URL = lazy_pattern(
    rf"""["'](?:{"|".join(sorted(OTHERS))})(?:\+\w+)?(?:["']|:)|\bsqlalchemy\.dialects(?:\.| import )(?!mysql\b)\w""",
    re.IGNORECASE,
)
# The names in another file, where a word alone is no evidence: in a URL, or the import of a server's driver.
_ELSEWHERE = lazy_pattern(
    rf"""["'](?:{"|".join(sorted(OTHERS))})(?:\+\w+)?://|^\s*(?:import|from)\s+(?:{
        "|".join(sorted(_OTHER_MODULES - {"sqlite3", "aiosqlite"}))
    })\b""",
    re.IGNORECASE | re.MULTILINE,
)
_MYSQL_ELSEWHERE = lazy_pattern(
    rf"""["'](?:mysql|mariadb)(?:\+\w+)?://|^\s*(?:import|from)\s+(?:{"|".join(sorted(_MYSQL_MODULES))})\b""",
    re.IGNORECASE | re.MULTILINE,
)
_IMPORTS = {
    MYSQL: (
        ("mysql", "MySQLdb"),
        lazy_pattern(
            r"^\s*(?:import|from)\s+(?:pymysql|MySQLdb|django_mysql|flaskext\.mysql|flask_mysqldb)\b", re.MULTILINE
        ),
    ),
    "postgresql": (
        ("psycopg", "contrib.postgres"),
        # not indented: a package for several servers imports these where it has found PostgreSQL
        lazy_pattern(r"^(?:import|from)\s+(?:psycopg2?|django\.contrib\.postgres)\b", re.MULTILINE),
    ),
}
# Each of those files contains one of these words.
_WORDS = ("postgres", "psycopg", "asyncpg", "pg8000", "sqlite", "racle", "mssql", "pyodbc", "snowflake", "redshift")


@query
def suggests_mysql(file: File) -> bool:
    """Whether any evidence in the project shows that its database is MySQL or MariaDB."""
    project = file.project
    return (
        any(name.lower() in (MYSQL, "mariadb") for name in project.settings.databases)
        or bool(file.is_program and file.imported_packages & _MYSQL_MODULES)
        or any(project.requires(name, file) for name in _MYSQL_DISTRIBUTIONS)
        or _mentions_elsewhere(file, ("mysql", "MySQLdb", "mariadb"), _MYSQL_ELSEWHERE)
    )


@query
def supports_mysql(file: File) -> bool:
    """Whether a program of the project asks whether Django's database is MySQL: `connection.vendor == "mysql"`."""
    return _mentions_elsewhere(file, (".vendor",), _VENDOR) or _says(file, _VENDOR)


def is_mysql_in_production(databases: Collection[str], file: File) -> bool:
    """Whether a URL of the environment, with SQLite by default, is MySQL's, by the drivers that are required."""
    return set(databases) == {"sqlite", UNKNOWN_DATABASE} and _requires_mysql_alone(file)


@query
def _requires_mysql_alone(file: File) -> bool:
    """Whether the requirements that apply to a file name drivers of servers, and all of these are MySQL's."""
    requires = file.project.requires
    others = _OTHER_DISTRIBUTIONS - _DISTRIBUTIONS["sqlite"]
    return any(requires(name, file) for name in _MYSQL_DISTRIBUTIONS) and not any(requires(o, file) for o in others)


@query
def suggests_another(file: File) -> bool:
    """Whether any evidence in the project shows that it has a database other than MySQL and MariaDB."""
    project = file.project
    if project.settings.databases:
        return any(name.lower() not in (MYSQL, "mariadb") for name in project.settings.databases)
    if (
        bool(file.imported_packages & _OTHER_MODULES)
        or _OTHER_URL.search(file.text) is not None
        or _OTHER_NAMES.search(file.path.stem) is not None
    ):
        return True
    if file.imported_packages & _MYSQL_MODULES or _MYSQL_NAMES.search(file.module):
        return False  # the part of the project for MySQL: others may be for other databases
    return any(project.requires(name, file) for name in _OTHER_DISTRIBUTIONS) or _mentions_elsewhere(
        file, _WORDS, _ELSEWHERE
    )


def _mentions_elsewhere(file: File, needles: tuple[str, ...], pattern: re.Pattern[str]) -> bool:
    """Whether another file of the project, tests apart, has such a URL, or imports such a driver."""
    others = (other for needle in needles for other in file.project.files_containing(needle) if other.path != file.path)
    return any(_says(other, pattern) for other in others)


@query
def _says(file: File, pattern: re.Pattern[str]) -> bool:
    return pattern.search(file.text) is not None and not is_test_file(file) and file.is_program


# -- servers ----------------------------------------------------------------------------------------------


def named_server(name: str) -> str:
    """Return the server that a setting, an `ENGINE` or the scheme of a URL names; the name itself if it is another."""
    return next((server for server, pattern in _NAMES.items() if pattern.search(name)), name.lower())


def mentioned_servers(settings: File) -> frozenset[str]:
    """Return the servers that settings mention anywhere, comments included; `"?"` for one that is read elsewhere."""
    found = {server for server, pattern in _NAMES.items() if server != "sqlite" and pattern.search(settings.text)}
    return frozenset(found | ({UNKNOWN_DATABASE} if _ANY_URL.search(settings.text) else set()))


@query
def servers_in_deployment(files: Deployment) -> dict[str, str]:
    """Return the servers that compose files, Dockerfiles and the like mention, each with the name of such a file.

    Files that describe how tests run count, too: a project is tested with the servers that it supports.
    """
    found: dict[str, str] = {}
    for name in (*files.names, *files.for_tests):
        text = files.text(name)
        for server, pattern in _NAMES.items():
            if server not in found and server != "sqlite" and pattern.search(text):
                found[server] = name
    return found


@query
def servers_by_requirements(file: File) -> dict[str, str]:
    """Return the servers whose drivers a project requires, each with the evidence."""
    found: dict[str, str] = {}
    for server, names in _DISTRIBUTIONS.items():
        for name in sorted(names) if server not in ("odbc", "other") else ():
            if file.project.requires(name, file):
                found.setdefault(server, f"`{name}` is required")
    return found


@query
def servers_by_imports(file: File) -> dict[str, str]:
    """Return the servers for which the project imports something, tests apart, each with the evidence."""
    found: dict[str, str] = {}
    for server, (needles, pattern) in _IMPORTS.items():
        others = (other for needle in needles for other in file.project.files_containing(needle))
        if (importer := next((each for each in chain([file], others) if _says(each, pattern)), None)) is not None:
            found[server] = f"{importer.path.name} imports its driver"
    return found
