"""A file of the project that does not parse stops no analysis of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.project_check import check
from dbhygiene.checker.registry import all_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.project.project import Project
from tests.examples import examples
from tests.test_examples import HARD_CASES


@pytest.mark.parametrize("page", HARD_CASES, ids=lambda page: page.stem)
def test_a_broken_copy_of_a_program_stops_no_analysis(tmp_path: Path, page: Path) -> None:
    programs = [example.code for example in examples(page.read_text("utf-8"))]
    for number, program in enumerate(programs):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "setup.cfg").touch()
        (path := directory / "example.py").write_text(program, "utf-8")
        (directory / "copy.py").write_text(f"from example import *\n{program}\nbroken = ??\n", "utf-8")
        project = Project(directory, Settings(min_confidence=Confidence.POSSIBLE))
        found = [finding for finding in check(project, [path], all_rules()) if finding.code == "HYG000"]
        assert not found, (program, found)
