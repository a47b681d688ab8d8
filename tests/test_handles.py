"""A parameter is a connection or session if the calls of its function pass one, and it is used as one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dbhygiene.project.project import Project
from dbhygiene.recovery.handles import handle_of

PROGRAM = """
import pymysql
from sqlalchemy.orm import Session

def work(given):
    given.{member}

def run():
    work({made})
"""


@pytest.mark.parametrize(
    ("made", "member", "kind"),
    [
        ("Session()", "bulk_insert_mappings(Order, rows)", "session"),
        ("Session()", "reset()", "session"),
        ("pymysql.connect()", "show_warnings()", "connection"),
        ("pymysql.connect()", "open", "connection"),
        ("pymysql.connect()", "settings.name", None),
    ],
)
def test_a_parameter(made: str, member: str, kind: str | None, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(made=made, member=member))
    file = Project(tmp_path).file(path)
    given = next(
        node.value
        for node in file.nodes(ast.Attribute)
        if isinstance(node.value, ast.Name) and node.value.id == "given"
    )
    found = handle_of(file, given)
    assert (found and found.kind) == kind
