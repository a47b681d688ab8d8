"""A fix that closes what a test puts in place of a helper's connection is not safe."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Fix, Safety
from dbhygiene.project.project import Project

FILES = {
    "setup.cfg": "",
    "shop/__init__.py": "",
    "shop/database.py": """
import pymysql
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

Session = sessionmaker(create_engine("mysql+pymysql://db/shop", pool_pre_ping=True))

def connect():
    return pymysql.connect(host="db")

class Shop:
    def open(self):
        return connect()
""",
    "shop/jobs.py": """
import pymysql
from shop.database import connect as open_shop

def send(orders):
    db = open_shop()
    db.cursor().executemany("insert into sent values (%s)", orders)
    db.commit()
""",
    "shop/reports.py": """
from shop.database import Session, Shop
from sqlalchemy import text

def count():
    session = Session()
    print(session.execute(text("select count(*) from sent")).scalar())
""",
}


def safety(root: Path, name: str, test: str, others: dict[str, str] | None = None) -> Fix:
    """The fix of the only finding of a file, beside a test."""
    for path, text in {**FILES, **(others or {}), "tests/test_shop.py": test}.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
    rules = [rule for rule in all_rules() if rule.code in ("HYG101", "HYG209")]
    (found,) = check_file(Project(root).file(root / name), rules, least=Confidence.POSSIBLE)
    assert isinstance(found.fix, Fix), found.fix
    return found.fix


@pytest.mark.parametrize(
    "test",
    [
        '@patch("shop.jobs.open_shop")\ndef test(opened): ...\n',
        'def test(mocker):\n    mocker.patch("shop.jobs.open_shop", return_value=OWN)\n',
        'def test(monkeypatch):\n    monkeypatch.setattr(jobs, "open_shop", lambda: OWN)\n',
        'def test(monkeypatch):\n    monkeypatch.setattr("shop.jobs.open_shop", lambda: OWN)\n',
        'with patch.object(jobs, "open_shop", return_value=OWN):\n    jobs.send([])\n',
        'with patch.multiple("shop.jobs", open_shop=lambda: OWN):\n    jobs.send([])\n',
        'TARGET = "shop.jobs.open_shop"\n@patch(TARGET)\ndef test(opened): ...\n',
        'MODULE = "shop.jobs"\n@patch(f"{MODULE}.open_shop")\ndef test(opened): ...\n',
        "jobs.open_shop = lambda: OWN\n",
        '@patch("shop.database.pymysql.connect")\ndef test(opened): ...\n',
        '@patch("pymysql.connect")\ndef test(opened): ...\n',
    ],
)
def test_a_test_replaces_the_function_that_opens_the_connection(tmp_path: Path, test: str) -> None:
    found = safety(tmp_path, "shop/jobs.py", f"from unittest.mock import patch\nfrom shop import jobs\n\n{test}")
    assert found.safety is Safety.UNSAFE
    assert found.title.endswith(
        (
            "although a test (`test_shop.py`) replaces `open_shop`",
            "although a test (`test_shop.py`) replaces `connect`",
        )
    )


@pytest.mark.parametrize(
    "test",
    [
        "def test():\n    jobs.open_shop()\n",
        '@patch("shop.other.open_shop")\ndef test(opened): ...\n',
        '@patch("redis.connect")\ndef test(opened): ...\n',
        'with patch.object(other, "open_shop"):\n    jobs.send([])\n',
        "mock.open_shop = 1\n",
    ],
)
def test_a_test_replaces_something_else(tmp_path: Path, test: str) -> None:
    imports = "from unittest.mock import patch\nfrom shop import jobs, other\n\n"
    assert safety(tmp_path, "shop/jobs.py", f"{imports}{test}").safety is Safety.SAFE


HELPER_TEST = """
from unittest.mock import patch
from shop import database{}

@patch("shop.database.pymysql.connect")
def test_connect(connect):
    database.connect()
"""


def test_a_test_of_the_helper_alone_replaces_what_it_calls(tmp_path: Path) -> None:
    assert safety(tmp_path, "shop/jobs.py", HELPER_TEST.format("")).safety is Safety.SAFE


@pytest.mark.parametrize("imported", [", jobs", "\nfrom django.test import TestCase"])
def test_a_test_of_more_than_the_helper_replaces_what_it_calls(tmp_path: Path, imported: str) -> None:
    assert safety(tmp_path, "shop/jobs.py", HELPER_TEST.format(imported)).safety is Safety.UNSAFE


WRAPPER_TEST = """
from unittest.mock import patch
from shop import {}

@patch("shop.wrapper.pymysql.connect")
def test_wrapper(connect): ...
"""


@pytest.mark.parametrize(
    ("imported", "expected"),
    [
        ("wrapper", Safety.SAFE),
        ("jobs", Safety.UNSAFE),
        ("wrapper\nfrom shop import jobs as work", Safety.UNSAFE),
        ("wrapper\nimport importlib", Safety.UNSAFE),
    ],
)
def test_a_test_of_another_module_replaces_the_function_of_the_driver(
    tmp_path: Path, imported: str, expected: Safety
) -> None:
    jobs = FILES["shop/jobs.py"].replace("open_shop()", 'pymysql.connect(host="db")')
    others = {"shop/wrapper.py": "import pymysql\n", "shop/jobs.py": jobs}
    found = safety(tmp_path, "shop/jobs.py", WRAPPER_TEST.format(imported), others)
    assert found.safety is expected


def test_a_test_replaces_a_factory_of_sessions(tmp_path: Path) -> None:
    test = 'def test(monkeypatch):\n    monkeypatch.setattr(reports, "Session", lambda: OWN)\n'
    found = safety(tmp_path, "shop/reports.py", f"from shop import reports\n\n{test}")
    assert found.safety is Safety.UNSAFE


@pytest.mark.parametrize(
    ("imported", "made", "patched"),
    [
        ("from sqlalchemy import create_engine", "create_engine", '"shop.checks.create_engine"'),
        ("import sqlalchemy as sa", "sa.create_engine", '"sqlalchemy.create_engine"'),
    ],
)
def test_a_test_replaces_what_makes_the_engine_of_a_connection(
    tmp_path: Path, imported: str, made: str, patched: str
) -> None:
    checks = f"""
{imported}

def check(url):
    engine = {made}(url)
    engine.connect()
    return engine
"""
    test = f"""
from unittest.mock import patch
from shop import checks

@patch({patched})
def test_check(create_engine):
    create_engine().connect.return_value = True
    assert checks.check("mysql+pymysql://db/shop")
"""
    found = safety(tmp_path, "shop/checks.py", test, {"shop/checks.py": checks})
    assert found.safety is Safety.UNSAFE
