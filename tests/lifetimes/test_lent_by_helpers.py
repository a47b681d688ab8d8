"""Connections of a pool that a helper of the project lends: no fix calls the pool's method on anything else."""

from pathlib import Path
from textwrap import dedent

import pytest

import dbhygiene
from dbhygiene.diagnostics.model import Fix, NoFix

_HELPERS = """
    from psycopg2 import pool

    lent = pool.SimpleConnectionPool(1, 10, dbname="shop")

    def take():
        if lent:
            return lent.getconn()

    class Shop:
        def __init__(self):
            self.pool = pool.SimpleConnectionPool(1, 10, dbname="shop")

        def getconn(self):
            return self.pool.getconn()
"""


@pytest.mark.parametrize(
    ("call", "is_fixed"),
    [
        ("take()", False),
        ("helpers.take()", False),
        ("shop.getconn()", False),
        ("helpers.lent.getconn()", True),
    ],
)
def test_only_the_pool_itself_takes_its_connection_back(tmp_path: Path, call: str, is_fixed: bool) -> None:
    (tmp_path / "helpers.py").write_text(dedent(_HELPERS))
    (tmp_path / "app.py").write_text(
        dedent(f"""
            import helpers
            from helpers import Shop, take

            def read(key, shop: Shop):
                conn = {call}
                cur = conn.cursor()
                cur.execute("select 1 where a = %s", (key,))
                return cur.fetchone()
        """)
    )
    (finding,) = dbhygiene.check(tmp_path)
    assert isinstance(finding.fix, Fix if is_fixed else NoFix)
