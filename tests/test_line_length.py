"""The project's own limit for lines, and fixes that keep to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.diagnostics.edits import AddName
from dbhygiene.fixes.apply import fix
from dbhygiene.fixes.editor import Editor
from dbhygiene.project.project import Project
from dbhygiene.source.nodes import Span

CONFIGURED = [
    ("pyproject.toml", "[tool.ruff]\nline-length = 99\n", 99),
    ("pyproject.toml", "[tool.ruff.lint]\nselect = []\n", 88),
    ("pyproject.toml", "[tool.black]\nline-length = 100\n[tool.ruff]\nline-length = 90\n", 90),
    ("pyproject.toml", "[tool.flake8]\nmax-line-length = 70\n", 70),
    ("pyproject.toml", "[tool.pycodestyle]\nmax_line_length = 71\n", 71),
    ("pyproject.toml", "[tool.mypy]\nstrict = true\n", None),
    ("pyproject.toml", "[tool.ruff\n", None),
    ("ruff.toml", "line-length = 60\n", 60),
    (".ruff.toml", "", 88),
    ("setup.cfg", "[flake8]\nmax-line-length = 101  # wide\n", 101),
    ("setup.cfg", "[metadata]\nname = x\n", None),
    ("tox.ini", "[pycodestyle]\nmax_line_length=77\n", 77),
    (".flake8", "[flake8]\nignore = E203\n", 79),
    (".flake8", "[flake8]\nmax-line-length = wide\n", 79),
]


@pytest.mark.parametrize(("name", "text", "length"), CONFIGURED)
def test_what_tools_say(tmp_path: Path, name: str, text: str, length: int | None) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "shop" / "orders").mkdir(parents=True)
    project = Project(tmp_path)
    for path in (tmp_path / "x.py", tmp_path / "shop" / "orders" / "x.py"):
        assert project.line_length(project.file(path, b"")) == length


def test_the_nearest_directory_decides(tmp_path: Path) -> None:
    (tmp_path / ".flake8").write_text("[flake8]\nmax-line-length = 100\n")
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "ruff.toml").write_text("line-length = 80\n")
    project = Project(tmp_path)
    assert project.line_length(project.file(tmp_path / "part" / "x.py", b"")) == 80
    assert project.line_length(project.file(tmp_path / "x.py", b"")) == 100


LEAK = (
    "from contextlib import closing\n\nimport pymysql\n\n\ndef f(g):\n"
    '    conn = pymysql.connect(host="database", user="shop")\n    g(conn.cursor().fetchall())\n'
)


@pytest.mark.parametrize(("length", "head"), [(72, "with closing("), (71, "try:"), (0, "with closing(")])
def test_a_head_keeps_to_the_limit(tmp_path: Path, length: int, head: str) -> None:
    if length:
        (tmp_path / "ruff.toml").write_text(f"line-length = {length}\n")
    file = Project(tmp_path).file(tmp_path / "x.py", LEAK.encode())
    rules = [rule for rule in all_rules() if rule.code == "HYG101"]
    text = fix(file, lambda changed: check_file(changed, rules)).text
    assert f"\n    {head}" in text
    assert not length or all(len(line) <= length for line in text.splitlines())


def test_an_import_keeps_to_the_limit() -> None:
    text = "from contextlib import ExitStack, suppress\n"
    edit = AddName(Span(1, 0, 1, 42), "closing")
    assert Editor(text, 51).edit([edit]) == "from contextlib import ExitStack, closing, suppress\n"
    assert Editor(text, 50).edit([edit]) == (
        "from contextlib import (\n    ExitStack,\n    closing,\n    suppress,\n)\n"
    )
