"""SARIF as a program of others reads it: nothing is lost, and nothing stands where it does not expect it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sarif_pydantic import Sarif

from tests.cli.test_cli import run
from tests.test_formats import APP, LEAK, told

PROGRAM = """\
import pymysql


def f(rows):
    conn = pymysql.connect()
    if not rows:
        return
    conn.close()


class A:
    def __init__(self):
        self.conn = pymysql.connect()
"""


def test_another_reader_gets_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(PROGRAM)
    text = run("check", "-o", "sarif")[1]
    log = Sarif.model_validate_json(text)
    (report,) = log.runs
    results = report.results or []
    assert [result.rule_id for result in results] == ["HYG101", "HYG106"]
    fixes = [len(fix.artifact_changes) for result in results for fix in result.fixes or []]
    assert fixes == [1]
    assert log.model_dump(mode="json", by_alias=True, exclude_unset=True) == json.loads(text)


def test_it_reads_what_is_not_ascii() -> None:
    text = told("sarif", LEAK._replace(path=APP))
    log = Sarif.model_validate_json(text)
    assert log.model_dump(mode="json", by_alias=True, exclude_unset=True) == json.loads(text)
