"""The rows of docs/advice.md: each program meets its error, dbhygiene finds the fault, and the cure takes it away."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pymysql
import pytest
import yaml

from tests.test_delivery import bash, checked

from . import postgresql, test_server_errors
from .mariadb import AT_ONCE, Run, Server, dbhygiene
from .processes import HOST

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "fixtures" / "server_errors"
NEEDS = {"advice/copies/program.py": "django", "advice/mysqldb/program.py": "MySQLdb"}
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}


class Row(NamedTuple):
    """One row of the table."""

    advice: str
    program: str
    error: str
    rules: str
    cure: str
    then: str

    @property
    def path(self) -> Path:
        return Path(self.program)

    @property
    def codes(self) -> set[str]:
        return set(self.rules.split(", ")) - {""}


def rows() -> list[Row]:
    """The rows of the table, in its order."""
    lines = (ROOT / "docs" / "advice.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [Row(*each) for each in cells if len(each) == len(Row._fields)][2:]


OWN = [row for row in rows() if row.program.startswith("advice/")]
READY = [row for row in OWN if row.program not in NEEDS or find_spec(NEEDS[row.program]) is not None]


def copied(row: Row, directory: Path) -> Path:
    """A copy of a row's program and what lies beside it; returns the path of the program there."""
    shutil.copytree(PROGRAMS / row.path.parent, directory, dirs_exist_ok=True)
    return directory / row.path.name


def codes(path: Path, row: Row) -> set[str]:
    """The codes of a row's rules that a program has findings of."""
    known = () if (path.parent / "my.cnf").exists() else ("--config", "server-timeout=2")
    options = ("--isolated", *known, "--select", ",".join(row.codes), "--output-format", "json")
    return {each["code"] for each in json.loads(dbhygiene("check", *options, path.name, cwd=path.parent, leaves=True))}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[Row, Path]:
    """The programs as people write them."""
    return {row: copied(row, tmp_path_factory.mktemp("written")) for row in OWN}


@pytest.fixture(scope="module")
def cured(tmp_path_factory: pytest.TempPathFactory) -> dict[Row, Path]:
    """The programs after their cure: another one beside them, or what a command makes of them."""
    found = {}
    for row in OWN:
        path = copied(row, tmp_path_factory.mktemp("cured"))
        if row.cure.endswith(".py"):
            path = path.with_name(row.cure)
        elif row.cure:
            known = () if (path.parent / "my.cnf").exists() else ("--config", "server-timeout=2")
            dbhygiene(*row.cure.split(), "--isolated", *known, cwd=path.parent)
        found[row] = path
    return found


def run_all(server: Server, programs: dict[Row, Path]) -> dict[Row, Run]:
    """Run programs side by side on a server of small patience, each with its tables."""
    server.set(wait_timeout=2, max_allowed_packet=1 << 20)
    users = {row: server.user() for row in READY}
    for user in users.values():
        server.load(PROGRAMS / "schema.sql", user)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = pool.map(lambda row: server.run(programs[row], user=users[row]), READY)
        return dict(zip(READY, runs, strict=True))


def test_programs_meet_their_errors(server: Server, written: dict[Row, Path]) -> None:
    for row, run in run_all(server, written).items():
        if row.error:
            assert re.search(rf"\b(?:{row.error.replace(' or ', '|')})\b", run.output), f"{row.program}: {run.output}"
            assert last_line(run) != row.then


def test_cured_programs_meet_none(server: Server, cured: dict[Row, Path]) -> None:
    for row, run in run_all(server, cured).items():
        assert (run.status, last_line(run)) == (0, row.then), f"{row.program}: {run.output}"


def last_line(run: Run) -> str:
    return run.output.strip().rpartition("\n")[2]


@pytest.mark.parametrize("row", [row for row in OWN if row.codes], ids=lambda row: row.program)
def test_rules(written: dict[Row, Path], cured: dict[Row, Path], row: Row) -> None:
    assert codes(written[row], row) == row.codes
    assert codes(cured[row], row) == set()


def test_the_other_rows_are_those_of_the_page_of_errors() -> None:
    known = {(row.program, row.error, row.rule, row.after) for row in test_server_errors.rows()}
    others = [row for row in rows() if row not in OWN]
    assert others
    assert {(row.program, row.error, row.rules, row.then) for row in others} <= known


def test_each_program_has_a_row() -> None:
    found = {path.parent.relative_to(PROGRAMS).as_posix() for path in PROGRAMS.glob("advice/*/*.py")}
    assert found == {row.path.parent.as_posix() for row in OWN}


# -- the application, cured by the hook, and checked by the action ----------------------------------------


def visited(server: Server, app: Path) -> Run:
    """The outcome of two visits, with a pause in between that is longer than the server waits."""
    server.set(wait_timeout=2)
    user = server.user()
    server.load(PROGRAMS / "schema.sql", user)
    return server.run(app, user=user)


@bash
def test_the_hook_cures_the_application_and_the_action_is_satisfied(server: Server, tmp_path: Path) -> None:
    (row,) = (row for row in OWN if row.program == "advice/match/app.py")
    app = copied(row, tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "dbhygiene.toml").write_text("server-timeout = 2\n")
    failed = checked(tmp_path, PATHS=".")
    assert failed.returncode == 1
    assert re.search(r"::error title=.*HYG206\),file=app\.py,line=10,", failed.stdout)
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*.py")]
    assert hook("dbhygiene-fix", tmp_path, files) == 1  # so that the commit is repeated, with the cure
    assert hook("dbhygiene-fix", tmp_path, files) == hook("dbhygiene", tmp_path, files) == 0
    assert checked(tmp_path, PATHS=".").returncode == 0
    run = visited(server, app)
    assert (run.status, last_line(run)) == (0, row.then)


def hook(name: str, directory: Path, files: list[str]) -> int:
    """The exit status of a hook for the files of a commit, as pre-commit runs it."""
    entry = [sys.executable, "-m", *HOOKS[name]["entry"].split()]
    return subprocess.run([*entry, *files], cwd=directory, capture_output=True).returncode


# -- monitoring -------------------------------------------------------------------------------------------


def statements() -> dict[str, list[str]]:
    """The statements of the page on servers, by the server that they are for."""
    text = (ROOT / "docs" / "servers.md").read_text("utf-8").partition("\n## Monitoring\n")[2]
    (block,) = re.findall(r"(?s)```sql\n(.*?)```", text.partition("\n## ")[0])
    mysql, _, postgres = block.partition("-- PostgreSQL\n")
    return {
        name: [each.strip() for each in part.split(";\n")][:-1] for name, part in (("mysql", mysql), ("pg", postgres))
    }


def test_statements_show_who_is_idle(server: Server) -> None:
    user = server.user()
    who, limits = statements()["mysql"]
    with closing(pymysql.connect(host=HOST, port=server.port, user=user)):
        until = time.monotonic() + 10
        while True:
            (row,) = (row for row in server.execute(who) if row[0] == user)
            if row[3] or time.monotonic() > until:  # on a busy machine, the server has not finished the greeting yet
                break
        assert row[1:4] == (HOST, 1, 1)
    assert len(server.execute(limits)[0]) == 3


def test_a_program_that_does_not_close_is_an_aborted_client(server: Server) -> None:
    user = server.user()
    before = aborted(server)
    code = "import os, pymysql; conn = pymysql.connect(host=os.environ['DB_HOST'], port=int(os.environ['DB_PORT']), "
    code += "user=os.environ['DB_USER']); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], env=server.environment(user), check=True)
    while server.connections(user):
        pass
    assert aborted(server) == before + 1


def aborted(server: Server) -> int:
    ((_, number),) = server.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
    return int(number)


@pytest.fixture
def postgres() -> Iterator[Any]:
    if name := postgresql.missing("initdb", "postgres"):
        pytest.skip(f"{name} is not installed")
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-") as directory,
        postgresql.started(Path(directory)) as server,
    ):
        yield server


def test_statements_for_postgresql(postgres: postgresql.Server) -> None:
    (who,) = statements()["pg"]
    with closing(postgres.connect()) as connection:
        rows = connection.execute(who).fetchall()
    assert ("boss", "active", 1) in {(row[0], row[2], row[3]) for row in rows}
