"""Which calls of the project are found for a function, and that unrelated files are not parsed for it."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from dbhygiene.program.callers import callers
from dbhygiene.project.project import Project
from dbhygiene.source.nodes import FUNCTION

SHOP = """
class Base:
    def __init__(self, conn):
        self.save(conn)

    def save(self, conn):
        conn.use()

class Order(Base):
    def save(self, conn):
        conn.use()

def save_all(conn):
    def save(order):
        order.use()
    save(conn)
"""


def found(root: Path, function: str, program: str, **others: str) -> set[str]:
    """Return the files and lines of the calls of a function of `shop.py`; `program` is another file."""
    for name, text in {"shop": SHOP, "program": textwrap.dedent(program), **others}.items():
        (root / f"{name}.py").write_text(text)
    file = Project(root).file(root / "shop.py")
    node = next(node for node, scope in file.functions.items() if scope.name == function)
    assert isinstance(node, FUNCTION)
    return {f"{other.path.stem}:{call.lineno}" for other, call, _ in callers(file, node)}


@pytest.mark.parametrize(
    ("function", "program", "others"),
    [
        ("save_all", "from shop import save_all\nsave_all(1)", {}),
        ("save_all", "import middle\nmiddle.save_all(1)", {"middle": "from shop import *\n"}),
        (
            "save_all",
            "from middle import store as save_all\nsave_all(1)",
            {"middle": "from shop import save_all as store"},
        ),
        ("Order.save", "from shop import Order\nOrder().save(1)", {}),
        ("Order.save", "from shop import Base\ndef f(base: Base): base.save(1)", {}),
        ("Order.save", "from middle import Sale\nSale().save(1)", {"middle": "from shop import Order as Sale"}),
        (
            "Order.save",
            "from middle import Late\nLate().save(1)",
            {"middle": "from shop import *\nclass Late(Order): ..."},
        ),
        ("Base.save", "import shop\nclass Mine(shop.Base):\n    def f(self): self.save(1)", {}),
        ("Base.__init__", "from shop import Base\nBase(1)", {}),
    ],
)
def test_a_call_is_found_however_its_file_knows_the_function(
    tmp_path: Path, function: str, program: str, others: dict[str, str]
) -> None:
    assert any(place.startswith("program:") for place in found(tmp_path, function, program, **others))


def test_a_method_of_a_base_class_calls_the_override(tmp_path: Path) -> None:
    assert found(tmp_path, "Order.save", "") == {"shop:4"}


def test_a_mixin_is_called_by_a_class_that_does_not_know_it(tmp_path: Path) -> None:
    shop = "class Saving:\n    def save(self, conn): ...\n"
    program = "class Runner:\n    def run(self): self.save(1)\n    def save(self, conn): ...\n"
    others = {"shop": shop, "both": "from shop import Saving\nfrom program import Runner\nclass B(Saving, Runner): ..."}
    assert found(tmp_path, "Saving.save", program, **others) == {"program:2"}


def test_only_its_own_file_calls_a_nested_function(tmp_path: Path) -> None:
    program = "from shop import save_all as save\nsave(1)"
    assert found(tmp_path, "save_all.<locals>.save", program) == {"shop:16"}


@pytest.mark.parametrize("function", ["save_all", "Order.save"])
def test_files_that_cannot_call_a_function_are_not_parsed(tmp_path: Path, function: str) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "other.py").write_text("import elsewhere\nelsewhere.save_all(1)\nelsewhere.row.save(1)\n")
    project = Project(tmp_path)
    file = project.file(tmp_path / "shop.py")
    node = next(node for node, scope in file.functions.items() if scope.name == function)
    assert isinstance(node, ast.FunctionDef)
    callers(file, node)
    assert "tree" not in vars(project.file(tmp_path / "other.py"))
