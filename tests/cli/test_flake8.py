"""The plugin in a real run of flake8."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from dbhygiene.flake8 import Plugin

ENGINE = 'from sqlalchemy import create_engine\n\nname = "\u65e5\u672c"; engine = create_engine("mysql://db/app"){}\n'


def flake8(directory: Path, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "flake8", "--isolated", "-j1", "--select", "HYG", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, encoding="utf-8")
    assert not done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'app'\n")
    (tmp_path / "app.py").write_text(ENGINE.format(""), "utf-8")
    return tmp_path


def test_findings_are_those_of_the_command(project: Path) -> None:
    (line,) = flake8(project)
    assert line.startswith("./app.py:3:27: HYG201 engine has neither")  # columns in UTF-8 bytes
    command = [sys.executable, "-m", "dbhygiene", "check", "--output-format=concise", "app.py"]
    own = subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8").stdout
    assert own.partition("[*] ")[2].strip() == line.partition("HYG201 ")[2]


@pytest.mark.parametrize("comment", ["  # noqa: HYG201", "  # dbhygiene: ignore[engine-without-protection] tested"])
def test_comments_silence(project: Path, comment: str) -> None:
    (project / "app.py").write_text(ENGINE.format(comment), "utf-8")
    assert flake8(project) == []


def test_settings_are_read(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\nignore = ['HYG2']\n")
    assert flake8(project) == []


def test_a_mistake_in_the_settings_is_a_problem_not_the_end(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\nignor = ['HYG2']\n")
    (line,) = flake8(project)
    assert "HYG000" in line
    assert "unknown key `ignor` (did you mean `ignore`?)" in line


def test_an_error_of_ours_is_a_problem_not_the_end(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LookupError("two\nlines")

    monkeypatch.setattr("dbhygiene.flake8.check_file", fail)
    text = ENGINE.format("")
    (problem,) = Plugin(ast.parse(text), str(project / "app.py"), text.splitlines(keepends=True)).run()
    assert problem[:3] == (1, 0, "HYG000 internal error: LookupError: two lines")


def test_neither_libcst_nor_click_is_imported() -> None:
    code = "import sys, dbhygiene.flake8, dbhygiene.checker.registry as c; [rule.doc for rule in c.all_rules()];"
    code += "print({'libcst', 'click', 'asyncio'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
