"""Who is called: definitions through imports, re-exports and bases; and facts that depend on each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dbhygiene.program.callees import callee
from dbhygiene.project.project import Project

BASE = {
    "shop/__init__.py": "from .store import connect as open_it\nfrom shop.store import *\n",
    "shop/store.py": """
        __all__ = ["connect", "Store"]
        def connect(): ...
        def twice(): return connect()
        class Base:
            def open(self): ...
            @classmethod
            def make(cls): ...
        class Store(Base):
            def close(self): ...
        """,
    "shop/deep/__init__.py": "",
    "shop/deep/er.py": "from ..store import connect as inner, Store as Renamed\nfrom .. import store as st\n",
}


def written(root: Path, files: dict[str, str]) -> Project:
    import textwrap

    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return Project(root)


def called(root: Path, program: str, *, at: str = "main.py", files: dict[str, str] = BASE) -> str | None:
    """What the last call in a program calls."""
    file = written(root, {**files, at: program}).file(root / at)
    call = max(file.nodes(ast.Call), key=lambda node: (node.lineno, node.col_offset))
    here = next(
        (file.functions[node] for node in file.around(call) if isinstance(node, ast.FunctionDef)),
        file.scope,
    )
    found = callee(file, call, here)
    return found.dotted_name if found else None


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("from shop.store import connect\nconnect()", "shop.store.connect"),
        ("from shop.store import connect as c\nc()", "shop.store.connect"),
        ("import shop.store\nshop.store.connect()", "shop.store.connect"),
        ("import shop.store as s\ns.connect()", "shop.store.connect"),
        ("from shop import open_it\nopen_it()", "shop.store.connect"),
        ("from shop import connect\nconnect()", "shop.store.connect"),
        ("from shop.store import *\nconnect()", "shop.store.connect"),
        ("from shop.deep.er import inner\ninner()", "shop.store.connect"),
        ("import shop.deep.er\nshop.deep.er.st.connect()", "shop.store.connect"),
        ("from shop.store import connect\nalias = connect\nalias()", "shop.store.connect"),
        ("from shop import Store\nStore()", "shop.store.Store"),
        ("from shop import Store\nStore().open()", "shop.store.Base.open"),
        ("from shop import Store\nStore.make()", "shop.store.Base.make"),
        ("from shop import Store\nstore = Store()\nstore.close()", "shop.store.Store.close"),
        ("from shop.deep.er import Renamed as R\nclass A(R):\n def f(self):\n  self.open()", "shop.store.Base.open"),
        ("from shop import Store\nclass Mine(Store):\n def open(self):\n  super().open()", "shop.store.Base.open"),
        ("from shop import Store\ndef f(s: Store):\n s.close()", "shop.store.Store.close"),
        ("from shop import Store\ndef f(s: 'Store | None'):\n s.close()", None),
        ("from shop import Store\nclass A:\n def __init__(self):\n  self.s = Store()\n def f(self):\n  self.s.close()",
         "shop.store.Store.close"),
        ("from shop import Store\ns = Store()\ns = other\ns.close()", None),
        ("from shop.store import missing\nmissing()", None),
        ("import elsewhere\nelsewhere.connect()", None),
        ("connect = print\nconnect()", None),
        ("def f(connect):\n connect()", None),
    ],
)  # fmt: skip
def test_callee(tmp_path: Path, program: str, expected: str | None) -> None:
    assert called(tmp_path, program) == expected


def test_a_script_imports_what_lies_beside_it(tmp_path: Path) -> None:
    files = {"tools/helpers.py": "def connect(): ...\n"}
    program = "from helpers import connect\nconnect()"
    assert str(called(tmp_path, program, at="tools/run.py", files=files)).endswith("helpers.connect")


def test_a_src_layout(tmp_path: Path) -> None:
    files = {f"src/{name}": text for name, text in BASE.items()}
    program = "from shop import open_it\nopen_it()"
    assert called(tmp_path, program, at="tests/test_shop.py", files=files) == "shop.store.connect"


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    files = {"a.py": "from b import x\n", "b.py": "from a import x\n"}
    assert called(tmp_path, "from a import x\nx()", files=files) is None


def test_classes_that_derive_from_each_other_end(tmp_path: Path) -> None:
    program = "class A(B): ...\nclass B(A): ...\nA().missing()"
    assert called(tmp_path, program) is None
