"""`dbhygiene doctor`: each remark, where it is made and where not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbhygiene.checker.doctor import NOTE, OK, PROBLEM, Remark, examine
from dbhygiene.config.settings import Settings
from dbhygiene.project.project import Project

from .test_cli import run


def remarks(root: Path, topic: str, settings: Settings | None = None) -> list[Remark]:
    return [remark for remark in examine(Project(root, settings)) if remark.topic == topic]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.py").write_text("import pymysql\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "state"),
    [
        ("setup.cfg", "[flake8]\nmax-line-length = 100\n", OK),
        ("setup.cfg", "[flake8]\nselect = E,W,F\n", PROBLEM),
        ("tox.ini", "[flake8]\nselect =\n    E  # style\n    HYG\n", OK),
        ("tox.ini", "[flake8]\nselect = E\nextend-select = HYG1\n", OK),
        (".flake8", "[flake8]\nselect = E,H\n", OK),
        (".flake8", "[flake8]\nextend-ignore = E203, H\n", PROBLEM),
        (".flake8", "[flake8]\nignore = HYG101\n", OK),
        (".flake8", "[flake8]\nselect = B,C,E,D,DBH\n", PROBLEM),
        ("setup.cfg", "[metadata]\nname = x\n", OK),
        ("setup.cfg", "no section\n", OK),
    ],
)
def test_flake8(project: Path, name: str, text: str, state: str) -> None:
    (project / name).write_text(text)
    (remark,) = remarks(project, "flake8")
    assert remark.state == state
    assert bool(remark.advice) == (state == PROBLEM)


def test_the_first_file_with_a_section_holds_for_flake8(project: Path) -> None:
    (project / "setup.cfg").write_text("[flake8]\n")
    (project / ".flake8").write_text("[flake8]\nselect = E\n")
    (remark,) = remarks(project, "flake8")
    assert (remark.state, remark.message) == (OK, "setup.cfg includes HYG")


@pytest.mark.parametrize(
    ("name", "text", "state"),
    [
        ("pyproject.toml", '[tool.ruff.lint]\nexternal = ["HYG"]\nselect = ["ALL"]\n', OK),
        ("pyproject.toml", '[tool.ruff.lint]\nexternal = ["V"]\nselect = ["E", "RUF"]\n', PROBLEM),
        ("ruff.toml", '[lint]\nextend-select = ["RUF100"]\n', PROBLEM),
        ("ruff.toml", 'select = ["ALL"]\nexternal = ["H"]\n', OK),
        (".ruff.toml", "line-length = 100\n", NOTE),
        ("pyproject.toml", "[tool.black]\n", OK),
    ],
)
def test_ruff(project: Path, name: str, text: str, state: str) -> None:
    (project / name).write_text(text)
    (remark,) = remarks(project, "ruff")
    assert remark.state == state


HOOKS = "repos:\n  - repo: https://example.org/x\n    rev: v1\n    hooks:\n      - id: {}\n"


@pytest.mark.parametrize(
    ("hook", "state"),
    [("dbhygiene", OK), ("dbhygiene-fix", OK), ("black", NOTE), ("dbhygiene-check", PROBLEM)],
)
def test_pre_commit(project: Path, hook: str, state: str) -> None:
    (project / ".pre-commit-config.yaml").write_text(HOOKS.format(hook))
    (remark,) = remarks(project, "pre-commit")
    assert remark.state == state


def test_the_hook_of_flake8_needs_the_plugin(project: Path) -> None:
    config = project / ".pre-commit-config.yaml"
    config.write_text(HOOKS.format("flake8"))
    assert [remark.state for remark in remarks(project, "flake8")] == [NOTE]
    config.write_text(HOOKS.format("flake8") + "        additional_dependencies: [dbhygiene]\n")
    assert [remark.state for remark in remarks(project, "flake8")] == []


def test_libraries_and_their_versions(project: Path) -> None:
    (remark,) = remarks(project, "libraries")
    assert (remark.state, "PyMySQL" in remark.message) == (NOTE, True)
    (project / "requirements.txt").write_text("pymysql==1.1.1\n")
    (remark,) = remarks(project, "libraries")
    assert (remark.state, remark.message) == (OK, "versions found: PyMySQL 1.1.1")
    (project / "app.py").write_text("import sqlite3\n")
    assert remarks(project, "libraries") == []
    (project / "app.py").write_text("print()\n")
    assert [remark.state for remark in remarks(project, "libraries")] == [NOTE]


def test_bare_comments_of_other_linters_are_counted(project: Path) -> None:
    assert remarks(project, "comments") == []
    (project / "db.py").write_text("import pymysql  # noqa\nx = 1  # NOQA # noqa: E1\ny = 1  # noqa: HYG101\n")
    (project / "other.py").write_text("import os  # noqa\n")
    (remark,) = remarks(project, "comments")
    assert remark.state == "note"
    assert remark.message.startswith("2 bare `# noqa`")
    assert "db.py" in remark.advice


def test_databases(project: Path) -> None:
    assert [remark.message for remark in remarks(project, "databases")] == ["mysql, inferred from the imported drivers"]
    settings = Settings(databases=("mariadb",))
    assert [remark.message for remark in remarks(project, "databases", settings)] == ["mariadb, set by `databases`"]
    (project / "app.py").write_text("from sqlalchemy import create_engine\n")
    assert [remark.state for remark in remarks(project, "databases")] == [NOTE]


def test_the_server_of_a_django_site_is_said_once(project: Path) -> None:
    (project / "app.py").write_text("from django.db import models\nimport psycopg2\n")
    for settings in (None, Settings(databases=("mysql",))):
        assert len(remarks(project, "django", settings)) == 1
        assert remarks(project, "databases", settings) == []


def test_the_timeout_of_the_server(project: Path) -> None:
    assert [remark.state for remark in remarks(project, "server-timeout")] == [NOTE]
    (remark,) = remarks(project, "server-timeout", Settings(server_timeout=60))
    assert (remark.state, remark.message) == (
        OK,
        "60 s: waits and pool lifetimes above it are reported; fixes set `pool_recycle=54`",
    )


def test_what_files_say_of_servers(project: Path) -> None:
    assert remarks(project, "servers") == []
    (project / "compose.yaml").write_text("services:\n  db:\n    image: mariadb:10.3\n")
    (project / "my.cnf").write_text("[client]\nwait_timeout = 60\n[mysqld]\nwait_timeout = 10m\n")
    said = [(remark.state, remark.message) for remark in remarks(project, "servers")]
    default = "the default of `mariadb:10.3`, compose.yaml:3"
    assert said == [
        (OK, f"MySQL `db` (compose.yaml:3): 600 s ({default}), 100 connections ({default})"),
        (OK, "MySQL (my.cnf:4): 10485760 s (`wait_timeout`, my.cnf:4)"),
        (NOTE, "my.cnf:2: `wait_timeout` stands under `[client]`, which no server reads"),
        (NOTE, "my.cnf:4: `wait_timeout = 10m` is 10485760 s: `m` stands for 1048576, not for minutes"),
    ]


def test_files(project: Path) -> None:
    (project / "broken.py").write_text("import pymysql\ndef f(:\n")
    (remark,) = remarks(project, "files")
    assert (remark.state, remark.message.startswith("not checked: broken.py:2 ")) == (PROBLEM, True)
    (remark,) = remarks(project, "files", Settings(extend_exclude=("broken.py",)))
    assert (remark.state, remark.message) == (OK, "Python files: 1; excluded by `extend-exclude`: 1")


def test_python(project: Path) -> None:
    (project / "pyproject.toml").write_text("[project]\nrequires-python = '>=3.99'\n")
    assert [remark.state for remark in remarks(project, "python")] == [PROBLEM]
    (project / "pyproject.toml").write_text("[project]\nrequires-python = '>=3.8'\n")
    assert [remark.state for remark in remarks(project, "python")] == [OK]


def test_two_files_of_settings(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\n")
    assert [remark.state for remark in remarks(project, "settings")] == [OK]
    (project / "dbhygiene.toml").write_text("")
    assert [remark.state for remark in remarks(project, "settings")] == [PROBLEM]


def test_the_command(project: Path) -> None:
    status, out, err = run("doctor")
    assert (status, err) == (0, "")
    assert out.splitlines()[0].startswith(f"ok       settings        root {project}; no settings -> ")
    (project / ".flake8").write_text("[flake8]\nselect = E\n")
    status, out, _ = run("doctor", "--output-format", "json", str(project))
    assert status == 1
    (remark,) = (each for each in json.loads(out) if each["topic"] == "flake8")
    assert remark == {
        "topic": "flake8",
        "state": "problem",
        "message": ".flake8: `select` does not include HYG",
        "advice": "add `extend-select = HYG`",
    }
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\nselct = []\n")
    status, out, _ = run("doctor")
    assert (status, out.split("  ")[0]) == (1, "problem")
    assert "pyproject.toml:2: unknown key `selct`" in out
    assert run("doctor", "nowhere")[2] == "dbhygiene: nowhere: no such file or directory\n"


def test_isolated_reads_no_settings(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\nserver-timeout = 60\n")
    assert "server-timeout (pyproject.toml" in run("doctor")[1]
    status, out, _ = run("doctor", "--isolated")
    assert status == 0
    assert out.splitlines()[0].startswith(f"ok       settings        root {project}; no settings -> ")
