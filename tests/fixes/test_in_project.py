"""A fix is tried on a copy of the file, while the other files of the project still see the old text."""

from __future__ import annotations

from pathlib import Path

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence
from dbhygiene.fixes.apply import fix
from dbhygiene.project.project import Project

DATABASE = """
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from shop.models import Order

Session = sessionmaker(create_engine("mysql+pymysql://db/shop", pool_pre_ping=True))

class Orders:
    def find(self, number):
        session = Session()
        order = session.get(Order, number)
        session.close()
        return order

    def latest(self):
        session = Session()
        order = session.query(Order).first()
        session.close()
        return order
"""
VIEWS = """
from flask import Flask
from shop import database, reports
app = Flask(__name__)

@app.route("/<number>")
def show(number):
    orders = database.Orders()
    return str(orders.find(number))
"""
LEFT_OVER = """
from shop import database

def print_latest():
    orders = database.Orders()
    print(orders.latest())
"""


def test_how_often_code_runs_does_not_depend_on_the_text_that_others_see(tmp_path: Path) -> None:
    files = {"setup.cfg": "", "shop/__init__.py": "", "shop/models.py": "class Order: ...\n", "shop/views.py": VIEWS}
    files |= {"shop/database.py": DATABASE, "shop/reports.py": LEFT_OVER}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    file = Project(tmp_path).file(tmp_path / "shop/database.py")
    rules = [rule for rule in all_rules() if rule.code == "HYG209"]
    done = fix(file, lambda each: check_file(each, rules))
    assert [each.context for each in done.fixed] == ["Orders.find"]
    assert done.left == ()


TOOL = """
import psycopg2

def load():
    with psycopg2.connect("") as conn:
        conn.cursor().execute("select 1")

def main():
    load()

with psycopg2.connect("") as conn:
    conn.cursor().execute("select 2")
"""


def test_a_variable_that_other_modules_see_is_also_seen_in_the_text_after_a_fix(tmp_path: Path) -> None:
    files = {"setup.cfg": "", "tool.py": TOOL, "jobs.py": "import tool\n\ndef run():\n    tool.load()\n    tool.conn\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    file = Project(tmp_path).file(tmp_path / "tool.py")
    rules = [rule for rule in all_rules() if rule.code == "HYG103"]
    done = fix(file, lambda each: check_file(each, rules, least=Confidence.POSSIBLE))
    assert [each.context for each in done.fixed] == ["load"]
    assert done.left == ()
