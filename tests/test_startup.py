"""What `check` of one small file does not need, it does not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"libcst", "pygls", "lsprotocol", "asyncio", "importlib.metadata", "multiprocessing", "difflib", "json"}
SLOW = {"dataclasses", "inspect", "pkgutil", "tokenize", "copy", "tomllib", "dbhygiene.config.schema"}
ANALYSES = {"dbhygiene.lifetimes", "dbhygiene.gaps", "dbhygiene.dataflow"}
FOR_FINDINGS = {
    "dbhygiene.diagnostics.edits",
    "dbhygiene.fixes",
    "dbhygiene.diagnostics.suppressions",
    "dbhygiene.project.requirements",
}
if sys.version_info >= (3, 11):  # before, `uuid` imports it, and click imports that
    FOR_FINDINGS.add("subprocess")

UNNEEDED_FOR_A_LEAK = {  # of a connection of sqlite3 in a function that nothing calls, outside of git's work trees
    "subprocess",
    "dbhygiene.fixes.folding",
    "dbhygiene.lifetimes.loaded_objects",
    "dbhygiene.lifetimes.swallowed",
    "dbhygiene.pools.engines",
    "dbhygiene.pools.sessions",
    "dbhygiene.program.chosen",
    "dbhygiene.program.types",
}

PLAIN = "import sys\n\nprint(sys.argv)\n"
DRIVER = (
    "import pymysql\n\n\ndef f():\n    with pymysql.connect() as conn, conn.cursor() as cur:\n        cur.execute('')\n"
)
PING = "import pymysql\n\n\ndef f():\n    conn = pymysql.connect()\n    conn.ping()\n    conn.close()\n"
ENGINE = "from sqlalchemy import create_engine\n\nengine = create_engine('mysql://db/app', pool_pre_ping=True)\n"
COMMAND = "from django.core.management.base import BaseCommand\n\n\nclass Command(BaseCommand):\n    pass\n"


def imported(tmp_path: Path, text: str, settings: str = "") -> set[str]:
    """The modules that a run over one file imports."""
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "app.py").write_text(text)
    code = "import sys; from dbhygiene.cli import main; main(['check', 'app.py']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("text", [PLAIN, DRIVER, ENGINE, COMMAND], ids=["plain", "driver", "engine", "command"])
def test_nothing_heavy_is_imported(tmp_path: Path, text: str) -> None:
    assert not (HEAVY | SLOW) & imported(tmp_path, text)


def test_settings_of_other_tools_need_no_parser(tmp_path: Path) -> None:
    other = '[project]\nname = "app"\n[dependency-groups]\ndev = ["dbhygiene>=0.1"]\n[tool.ruff]\nline-length = 100\n'
    assert "tomllib" not in imported(tmp_path, PLAIN, other)


@pytest.mark.parametrize(
    ("text", "unneeded"), [(DRIVER, "dbhygiene.gaps"), (PING, "dbhygiene.gaps"), (COMMAND, "dbhygiene.lifetimes")]
)
def test_an_analysis_is_imported_for_files_that_speak_of_its_matter(tmp_path: Path, text: str, unneeded: str) -> None:
    modules = imported(tmp_path, text)
    assert len(ANALYSES & modules) == 2
    assert unneeded not in modules


def test_a_finding_without_a_fix_and_formats_without_edits_import_no_libcst(tmp_path: Path) -> None:
    kept = "import pymysql\n\n\nclass A:\n    def __init__(self):\n        self.conn = pymysql.connect()\n"
    modules = imported(tmp_path, kept)
    assert "dbhygiene.reports.full" in modules
    assert "libcst" not in modules
    code = (
        "import sys; from dbhygiene.cli import main; main(['check', '-o', 'github', 'app.py']);"
        "print('libcst' in sys.modules)"
    )
    (tmp_path / "app.py").write_text("import pymysql\n\ndef f():\n    conn = pymysql.connect()\n    conn.ping()\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "(HYG101)" in done.stdout
    assert done.stdout.endswith("False\n")


def test_a_simple_fix_is_shown_without_libcst(tmp_path: Path) -> None:
    leak = "import pymysql\n\n\ndef f():\n    conn = pymysql.connect()\n    conn.ping()\n"
    modules = imported(tmp_path, leak)
    assert "dbhygiene.fixes.plain" in modules
    assert "libcst" not in modules


def test_a_plain_leak_needs_neither_sessions_nor_types_nor_git(tmp_path: Path) -> None:
    leak = "import sqlite3\n\n\ndef f(x):\n    conn = sqlite3.connect(x)\n    return conn.execute('').fetchone()\n"
    modules = imported(tmp_path, leak)
    assert "dbhygiene.reports.full" in modules
    assert not UNNEEDED_FOR_A_LEAK & modules


def test_a_driver_is_imported_for_files_that_use_it(tmp_path: Path) -> None:
    drivers = {name for name in imported(tmp_path, DRIVER) if name.startswith("dbhygiene.library.drivers.")}
    assert drivers == {"dbhygiene.library.drivers.pymysql"}


def test_a_file_that_speaks_of_no_library_imports_no_rule(tmp_path: Path) -> None:
    modules = imported(tmp_path, PLAIN)
    assert not (ANALYSES | FOR_FINDINGS) & modules
    assert not [name for name in modules if name.startswith(("dbhygiene.rules.", "dbhygiene.library.drivers."))]
    assert len([name for name in modules if name.startswith("dbhygiene")]) < 44


def test_the_version_is_told_without_click() -> None:
    code = "import sys; from dbhygiene.cli import main; main(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = done.stdout.splitlines()
    assert version.startswith("dbhygiene ")
    assert not {"click", "ast", "re"} & set(modules.split())


def test_an_everyday_check_is_done_without_click(tmp_path: Path) -> None:
    assert not {"click", "uuid", "datetime", "gettext"} & imported(tmp_path, PLAIN)


def test_a_project_without_files_about_servers_needs_no_yaml(tmp_path: Path) -> None:
    pool = "from sqlalchemy import create_engine\n\nengine = create_engine('mysql://db/app', pool_recycle=3600)\n"
    modules = imported(tmp_path, pool)
    assert not {"yaml", "dbhygiene.gaps", "dbhygiene.servers.reader"} & modules
    (tmp_path / "compose.yaml").write_text("services:\n  db:\n    image: mariadb:10.3\n")
    assert "yaml" in imported(tmp_path, pool)
    assert "yaml" not in imported(tmp_path, PLAIN)


def test_what_reads_a_kind_of_file_about_servers_is_imported_for_such_a_file(tmp_path: Path) -> None:
    (tmp_path / "my.cnf").write_text("[mysqld]\nwait_timeout = 600\n")
    (tmp_path / "compose.yaml").write_text("services:\n  db:\n    image: mysql:8\n")
    modules = imported(tmp_path, ENGINE.replace("pool_pre_ping=True", "pool_recycle=60"))
    assert {"yaml", "dbhygiene.servers.compose", "dbhygiene.servers.option_files"} <= modules
    others = {f"dbhygiene.servers.{name}" for name in ("helm", "kubernetes", "terraform", "docker", "poolers")}
    assert not others & modules


def test_the_language_server_starts_without_an_analysis_and_without_libcst() -> None:
    code = "import sys, dbhygiene.lsp.server; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not ({"libcst", "click"} | ANALYSES - {"dbhygiene.dataflow"}) & set(done.stdout.split())


@pytest.mark.parametrize("command", [["check", "-j", "2"], ["check", "-o", "json"], ["fix", "--diff"], ["doctor"]])
def test_modules_of_the_project_are_not_imported(tmp_path: Path, command: list[str]) -> None:
    """`python -m` puts the current directory before the standard library."""
    for name in ("threading", "json", "ast", "difflib", "random", "subprocess", "queue", "click", "libcst"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the code of the project ran')\n")
    leak = "import pymysql\n\n\ndef f():\n    conn = pymysql.connect()\n    return conn.cursor().execute('')\n"
    (tmp_path / "app.py").write_text(leak)
    run = [sys.executable, "-m", "dbhygiene", *command]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert "ran" not in done.stderr
    assert "app.py" in done.stdout or command == ["doctor"]


def test_a_deleted_current_directory_is_one_line(tmp_path: Path) -> None:
    code = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = [sys.executable, "-c", code, "-m", "dbhygiene", "check", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
