"""Which statements return all rows of a table, and which tables grow: the questions of HYG414, one by one."""

from __future__ import annotations

import pytest

from dbhygiene.library.table_names import grows, stays_small
from dbhygiene.program.values import HOLE
from dbhygiene.recovery.unbounded_sql import table_read_whole


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM orders",
        "select id,total\n from orders ;\n",
        "SELECT id FROM `orders` ORDER BY id DESC",
        'SELECT id FROM "public"."orders"',
        "SELECT id FROM [dbo].[orders]",
        "SELECT id -- all of them\nFROM shop.orders /* LIMIT 5 */",
        "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id",
        "SELECT o.id FROM orders AS o, customers AS c",
        "SELECT id, total - discount AS sum FROM orders FOR UPDATE",
        "SELECT count, maximum FROM orders",
    ],
)
def test_statements_without_a_limit(sql: str) -> None:
    assert table_read_whole(sql) == "orders"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SHOW TABLES",
        "INSERT INTO orders SELECT * FROM imported",
        "WITH o AS (SELECT * FROM orders) SELECT * FROM o",
        "SELECT * FROM orders WHERE paid",
        "SELECT * FROM orders\nwhere paid",
        "SELECT * FROM orders LIMIT 5",
        "SELECT * FROM orders FETCH FIRST 5 ROWS ONLY",
        "SELECT TOP 5 * FROM orders",
        "SELECT COUNT (*) FROM orders",
        "SELECT state, MAX(id) FROM orders GROUP BY state",
        "SELECT DISTINCT state FROM orders",
        "SELECT id, (SELECT name FROM customers) FROM orders",
        "SELECT * FROM (SELECT * FROM orders) AS o",
        "SELECT * FROM orders UNION SELECT * FROM archive",
        "SELECT * FROM orders o JOIN items i ON i.order_id = o.id AND i.kind = 'book'",
        "SELECT * FROM orders o JOIN items i ON i.order_id = o.id AND i.kind = :kind",
        "SELECT * FROM generate_series(1, 5)",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM pg_stat_activity",
        f"SELECT * FROM {HOLE}",
        f"SELECT {HOLE} FROM orders",
        f"SELECT * FROM orders {HOLE}",
        f"SELECT * FROM orders{HOLE}",
    ],
)
def test_statements_that_are_limited_or_not_understood(sql: str) -> None:
    assert table_read_whole(sql) is None


@pytest.mark.parametrize(
    "name", ["orders", "Customer", "access_log", "userInfo", "tbl_users_new", "HTTPRequests", "news_2024"]
)
def test_names_of_tables_that_do_not_stay_small(name: str) -> None:
    assert not stays_small(name)


@pytest.mark.parametrize(
    "name", ["settings", "order_status", "SiteConfig", "alembic_version", "Countries", "tax_rates_old"]
)
def test_names_of_tables_that_stay_small(name: str) -> None:
    assert stays_small(name)
    assert not grows(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders", True),
        ("OrderItem", True),
        ("user_info", True),
        ("Shipments", True),
        ("news", False),
        ("Order_Kind", False),
    ],
)
def test_names_that_say_that_a_table_grows(name: str, expected: bool) -> None:
    assert grows(name) is expected
