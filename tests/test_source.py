"""A file: its bytes, its positions, and what its names mean."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dbhygiene.source.file import File


def file(text: str, *, module: str = "app.main", path: str = "app/main.py") -> File:
    return File(Path(path), text, module=module)


def meaning(program: str, **where: str) -> str | None:
    """What the argument of the last `show(...)` stands for."""
    read = file(program, **where)
    shows = [c for c in read.nodes(ast.Call) if isinstance(c.func, ast.Name) and c.func.id == "show"]
    return read.resolve(max(shows, key=lambda call: call.lineno).args[0])


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import a.b\nshow(a.b.c)", "a.b.c"),
        ("import a.b as x\nshow(x.c)", "a.b.c"),
        ("from a import b as x\nshow(x.c)", "a.b.c"),
        ("from . import x\nshow(x)", "app.x"),
        ("from ..lib import x\nshow(x)", "lib.x"),
        ("from a import *\nshow(x)", "a.x"),
        ("from a import *\nshow(len)", "len"),
        ("def f(): ...\nshow(f)", "app.main.f"),
        ("class A:\n def m(self): show(self.x)", "app.main.A.x"),
        ("class A:\n @classmethod\n def m(cls): show(cls.x)", "app.main.A.x"),
        ("class A:\n @staticmethod\n def m(self): show(self.x)", None),
        ("class A:\n x = 1\n def m(self): show(x)", "x"),  # not seen from within the method
        ("def f():\n def g(): ...\n show(g)", "app.main.f.<locals>.g"),
        ("def f(): ...\nf = wrap(f)\nshow(f)", None),
        ("def f():\n def g(): ...\n g = lambda: 1\n show(g)", None),
        ("def f(x):\n if x:\n  def g(): ...\n else:\n  def g(): ...\n show(g)", None),
        ("def f():\n import a\n def g(): show(a.b)", "a.b"),
        ("import a\nx = a.b\nshow(x.c)", "a.b.c"),
        ("import a\nx = a.b\nx = a.c\nshow(x)", None),
        ("import a\nx = y = a\nshow(y)", "a"),
        ("x = x\nshow(x)", None),
        ("import a\nx, y = a, a\nshow(x)", None),
        ("import a\nx: object = a.b\nshow(x)", "a.b"),
        ("import a\nif (x := a.b): show(x)", "a.b"),
        ("import a\nfor a in b: show(a)", "a"),
        ("def f(a): show(a)", None),
        ("def f():\n global a\n a = 1\nshow(a)", None),
        ("import a\ndef f():\n global a\n show(a.b)", "a.b"),
        ("try:\n import a\nexcept ImportError:\n a = None\nshow(a.b)", "a.b"),
        ("try: ...\nexcept E as e: show(e)", None),
        ("import a\n[show(a) for a in b]", None),
        ("lambda a: show(a)", None),
        ("match x:\n case y: show(y)", None),
        ("show(print)", "print"),
        ("show(f().x)", None),
    ],
)
def test_resolve(program: str, expected: str | None) -> None:
    assert meaning(program) == expected


def test_a_package_imports_from_itself() -> None:
    assert meaning("from . import x\nshow(x)", module="app", path="app/__init__.py") == "app.x"


@pytest.mark.parametrize(
    "data",
    [
        b"x = 1\r\ny = 2\r\n",
        b"\xef\xbb\xbfx = 1\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        b"x = 1  # no line end",
        b"x = '\xc3\xa9'\n\x0c\ny = 1\n",
        b"",
    ],
)
def test_bytes_come_back_as_they_were(data: bytes) -> None:
    assert File.decode(Path("a.py"), data).encode() == data


@pytest.mark.parametrize("data", [b"x = '\xe9'\n", b"x = 1\n\0", b"# coding: nonsense\n"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises((SyntaxError, UnicodeError)):
        File.decode(Path("a.py"), data)


def test_warnings_of_the_parser_are_not_ours(recwarn: pytest.WarningsRecorder) -> None:
    text = r"x = '\d'"
    with pytest.warns((DeprecationWarning, SyntaxWarning)):
        ast.parse(text)
    recwarn.clear()
    assert file(text).tree.body
    assert not recwarn.list


def test_columns_count_characters() -> None:
    read = file("é = f('ü', x)\n")
    name = next(n for n in read.nodes(ast.Name) if n.id == "x")
    assert read.span(name) == (1, 11, 1, 12)
    assert read.segment(name) == "x"


def test_a_segment_of_several_lines() -> None:
    read = file("x = f(\n    'é',\n    b,\n)\n")
    assert read.segment(read.nodes(ast.Call)[0]) == "f(\n    'é',\n    b,\n)"


def test_around_goes_outward() -> None:
    read = file("def f():\n    if x:\n        show(y)\n")
    name = next(n for n in read.nodes(ast.Name) if n.id == "y")
    assert [type(node).__name__ for node in read.around(name)] == ["Call", "Expr", "If", "FunctionDef", "Module"]


def test_scopes_are_named_as_python_does() -> None:
    read = file("class A:\n def m(self):\n  def f(): lambda: 1\n  return [x for x in y]\n")
    assert [scope.name for scope in read.scopes] == [
        "",
        "A",
        "A.m",
        *sorted(["A.m.<locals>.<comprehension>", "A.m.<locals>.f"]),
        "A.m.<locals>.f.<locals>.<lambda>",
    ]
