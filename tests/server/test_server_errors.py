"""Programs that a server ends with an error, and that run through once they are fixed: the rows of the table in
docs/server-errors.md."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from .mariadb import AT_ONCE, Run, Server, dbhygiene

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "fixtures" / "server_errors"


class Row(NamedTuple):
    """One row of the table."""

    error: str
    program: str
    what: str
    rule: str
    before: str
    after: str


def rows() -> list[Row]:
    lines = (ROOT / "docs" / "server-errors.md").read_text("utf-8").splitlines()
    return [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines if re.match(r"\| \d", line)]


def groups() -> dict[str, list[Row]]:
    """The rows whose programs run side by side, since they need the same of the server."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows():
        found["2006" if row.error == "2006" else f"{row.error} {row.rule}"].append(row)
    return found


each_group = pytest.mark.parametrize("group", groups().values(), ids=groups().keys())


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the programs, after `dbhygiene fix`."""
    others = shutil.ignore_patterns("advice")
    copy = Path(shutil.copytree(PROGRAMS, tmp_path_factory.mktemp("fixed"), ignore=others, dirs_exist_ok=True))
    dbhygiene("fix", cwd=copy)
    return copy


def run(server: Server, group: list[Row], directory: Path) -> dict[Row, Run]:
    """Run programs on a server of small patience, each with its tables."""
    error, rule = group[0].error, group[0].rule
    users = {row: server.user(max_connections=3 if error == "1226" else 0) for row in group}
    for user in users.values():
        server.load(PROGRAMS / "schema.sql", user)
    match error, rule:
        case "1040", _:
            server.set(max_connections=10)
        case "2006", _:
            server.set(wait_timeout=2)
        case "2013", "HYG108":
            server.set(net_write_timeout=1)
        case "2013", _:
            Thread(target=cut, args=(server, users[group[0]]), daemon=True).start()

    def outcome(row: Row) -> Run:
        program, *arguments = row.program.split()
        return server.run(directory / program, *arguments, user=users[row])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(group, pool.map(outcome, group), strict=True))


def cut(server: Server, user: str) -> None:
    """Do to a user's connections what a restart does, once there is one that rests."""
    while not server.connections(user):
        time.sleep(0.1)
    time.sleep(0.3)
    server.execute(f"KILL USER {user}")


@each_group
def test_before(server: Server, group: list[Row]) -> None:
    for row, outcome in run(server, group, PROGRAMS).items():
        assert outcome.errors == {int(row.error)}, outcome.output
        assert row.before in outcome.output


@each_group
def test_after(server: Server, group: list[Row], fixed: Path) -> None:
    for row, outcome in run(server, group, fixed).items():
        assert (outcome.status, outcome.errors) == (0, set()), f"{row.program}: {outcome.output}"
        assert outcome.output.strip().rpartition("\n")[2] == row.after


def test_rules() -> None:
    """The table names the rule that each program's fix comes from, and has every program but those of the advice."""
    found: dict[str, set[str]] = {}
    for finding in json.loads(dbhygiene("check", "--output-format", "json", cwd=PROGRAMS, leaves=True)):
        if finding["fix"] and finding["fix"]["applicability"] == "safe":
            name = Path(finding["filename"]).relative_to(PROGRAMS).as_posix()
            name = re.sub(r"shop/management/commands/(\w+)\.py", r"manage.py \1", name)
            if not name.startswith("advice/"):
                found.setdefault(name, set()).add(finding["code"])
    assert found == {row.program: {row.rule} for row in rows()}
