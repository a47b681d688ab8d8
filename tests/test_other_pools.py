"""Pools and wrappers of other libraries: those that look after their connections, and those that are SQLAlchemy's."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.project_check import check
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.project.project import Project

SILENT = {
    "databases": """
from databases import Database

database = Database("mysql+aiomysql://shop@db/shop", min_size=1, max_size=5)

async def count():
    return await database.fetch_val("select count(*) from orders")
""",
    "DBUtils": """
import time
import pymysql
from dbutils.pooled_db import PooledDB

pool = PooledDB(pymysql, maxconnections=5, host="db", user="shop")

def watch():
    conn = pool.connection()
    try:
        while True:
            with conn.cursor() as cursor:
                cursor.execute("select count(*) from orders")
            time.sleep(3600)  # it reconnects by itself
    finally:
        conn.close()
""",
    "peewee": """
from peewee import Model
from playhouse.pool import PooledMySQLDatabase

db = PooledMySQLDatabase("shop", host="db", stale_timeout=None)

class Order(Model):
    class Meta:
        database = db

def count():
    with db.connection_context():
        return Order.select().count()
""",
    "dj_database_url": """
import dj_database_url

DATABASES = {"default": dj_database_url.parse("postgres://shop@db/shop", conn_max_age=600)}
""",
    "aiomysql": """
import aiomysql

async def count():
    pool = await aiomysql.create_pool(host="db", user="shop")
    async with pool.acquire() as conn, conn.cursor() as cursor:
        await cursor.execute("select count(*) from orders")
    pool.close()
    await pool.wait_closed()
""",
    "asyncmy": """
import asyncmy

async def count():
    async with asyncmy.create_pool(host="db", user="shop") as pool:
        async with pool.acquire() as conn:
            async with conn.cursor() as cursor:
                await cursor.execute("select count(*) from orders")
""",
    "mysql.connector": """
from mysql.connector.pooling import MySQLConnectionPool

pool = MySQLConnectionPool(pool_name="shop", pool_size=5, host="db", user="shop")

def count():
    conn = pool.get_connection()
    try:
        cursor = conn.cursor()
        cursor.execute("select count(*) from orders")
        return cursor.fetchone()
    finally:
        conn.close()
""",
    "oslo.db": """
from oslo_db.sqlalchemy.engines import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop")
""",
    "aiopg": """
from aiopg.sa import create_engine

async def connect():
    return await create_engine("mysql://db/shop")
""",
}

UNPROTECTED = {
    "sqlmodel": """
from sqlmodel import create_engine

engine = create_engine("mysql+pymysql://shop@db/shop"OPTION)
""",
    "engine_from_config": """
from sqlalchemy import engine_from_config

engine = engine_from_config({"sqlalchemy.url": "mysql+pymysql://shop@db/shop"}OPTION)
""",
    "async_engine_from_config": """
from sqlalchemy.ext.asyncio import async_engine_from_config

engine = async_engine_from_config({"db.url": "mysql+asyncmy://shop@db/shop"}, "db."OPTION)
""",
}


def codes(directory: Path, program: str) -> list[str]:
    """The codes of every finding, however sure, that the rules on by default have."""
    (directory / "app.py").write_text(program)
    project = Project(directory, Settings(min_confidence=Confidence.POSSIBLE))
    rules = [rule for rule in all_rules() if rule.default]
    return [finding.code for finding in check(project, [directory / "app.py"], rules)]


@pytest.mark.parametrize("program", [pytest.param(program, id=name) for name, program in SILENT.items()])
def test_nothing_is_said_of_pools_that_look_after_themselves(tmp_path: Path, program: str) -> None:
    assert codes(tmp_path, program) == []


@pytest.mark.parametrize("program", [pytest.param(program, id=name) for name, program in UNPROTECTED.items()])
def test_other_makers_of_sqlalchemys_engines(tmp_path: Path, program: str) -> None:
    assert codes(tmp_path, program.replace("OPTION", "")) == ["HYG201"]
    assert codes(tmp_path, program.replace("OPTION", ", pool_recycle=280")) == []
    assert codes(tmp_path, program.replace("OPTION", ", pool_pre_ping=True")) == []


def test_a_key_without_its_prefix_is_not_read(tmp_path: Path) -> None:
    program = UNPROTECTED["async_engine_from_config"]
    assert codes(tmp_path, program.replace("OPTION", "").replace('shop"}', 'shop", "pool_recycle": "280"}')) == [
        "HYG201"
    ]
    assert codes(tmp_path, program.replace("OPTION", "").replace('shop"}', 'shop", "db.pool_recycle": "280"}')) == []


@pytest.mark.parametrize(
    ("requirements", "found"), [("psycopg[binary]==3.3.4\n", ["HYG101"]), ("", ["HYG103", "HYG101"])]
)
def test_the_hook_of_airflow_prefers_psycopg_3_whose_with_closes(
    tmp_path: Path, requirements: str, found: list[str]
) -> None:
    (tmp_path / "requirements.txt").write_text("apache-airflow[postgres]==3.2.2\n" + requirements)
    program = """
from airflow.providers.postgres.hooks.postgres import PostgresHook

def load(**context):
    with PostgresHook("shop").get_conn() as conn:
        conn.cursor().execute("update orders set seen = true")

def leave(**context):
    conn = PostgresHook("shop").get_conn()
    conn.cursor().execute("update orders set seen = true")
    conn.commit()
"""
    assert codes(tmp_path, program) == found
