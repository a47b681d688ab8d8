"""What is looked at: examples, fixtures, generated programs, projects; in units that can be compared one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from random import Random

from dbhygiene.checker import project_check
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.checker.selection import selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.config.loading import load_settings
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project.project import Project
from dbhygiene.source.file import File, NoProject
from dbhygiene.source.records import replace
from tests.examples import examples

from .projects import PINS
from .story import story

HERE = Path(__file__).parent
FIXTURES = HERE.parents[1] / "fixtures"
PROGRAMS = HERE / "programs.txt"
NUMBER = 2_000  # of programs
LONGEST = 30  # lines of a program, that it can be read together with what is found in it
TOGETHER = 100  # programs in a unit
EVERYTHING = Settings(min_confidence=Confidence.POSSIBLE)

Blocks = dict[str, list[str]]  # a file's key -> what is said of it


def names() -> list[str]:
    """All units, in the order of the file; also those of projects that are not here."""
    pages = [f"examples/{rule.name}" for rule in all_rules()]
    pages += [f"hard_cases/{page.stem}" for page in FIXTURES.glob("hard_cases/*.md")]
    programs = [f"programs/{first:04}" for first in range(0, NUMBER, TOGETHER)]
    projects = [f"projects/{pin.name}" for pin in PINS]
    return sorted([*pages, "fixtures/demo", "fixtures/server_errors", *programs, *projects])


def is_here(unit: str) -> bool:
    return not unit.startswith("projects/") or any(unit == f"projects/{p.name}" and p.directory.is_dir() for p in PINS)


def look(unit: str) -> Blocks:
    """What is found in the files of a unit, and what fixes make of them; files without findings are left out."""
    kind, _, name = unit.partition("/")
    if kind == "fixtures":
        found = dict(_project(FIXTURES / name, is_foreign=False))
    elif kind == "projects":
        found = dict(_project(next(pin.directory for pin in PINS if pin.name == name), is_foreign=True))
    else:
        found = {key: _alone(text) for key, text in texts(unit).items()}
    return {key: lines for key, lines in found.items() if lines}


def texts(unit: str) -> Mapping[str, str]:
    """The examples or programs of a unit, by their keys; empty for projects and fixtures."""
    kind, _, name = unit.partition("/")
    if kind == "programs":
        return {key: text for key, text in _programs().items() if int(key) // TOGETHER * TOGETHER == int(name)}
    if kind == "examples":
        page = next(rule.doc for rule in all_rules() if rule.name == name)
    elif kind == "hard_cases":
        page = (FIXTURES / unit).with_suffix(".md").read_text("utf-8")
    else:
        return {}
    return {sha256(each.code.encode()).hexdigest()[:8]: each.code for each in examples(page)}


# -- programs ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _programs() -> dict[str, str]:
    parts = re.split(r"^# program (\d+)\n", PROGRAMS.read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def generate() -> str:
    """The programs, made anew by the oracle's generator."""
    from tests.oracle.programs import program

    numbers = iter(range(100 * NUMBER))
    short = (text for number in numbers if (text := program(Random(f"golden/{number}"))).count("\n") <= LONGEST)
    return "".join(f"# program {number:04}\n{text.rstrip()}\n" for number, text in zip(range(NUMBER), short))  # noqa: B905


# -- files ------------------------------------------------------------------------------------------------


def _alone(text: str) -> list[str]:
    file = File(Path("example.py"), text, project=NoProject(EVERYTHING))
    return story(file, _found(text), lambda changed: _found(changed.text), str)


@lru_cache(maxsize=8)  # each text is asked about by the report, by safe and by unsafe fixes
def _found(text: str) -> list[Finding]:
    return check_file(File(Path("example.py"), text, project=NoProject(EVERYTHING)), all_rules())


def _project(root: Path, *, is_foreign: bool) -> Iterator[tuple[str, list[str]]]:
    settings = EVERYTHING if is_foreign else replace(load_settings(root), min_confidence=Confidence.POSSIBLE)
    project = Project(root, settings)
    rules, analyses = selected_rules(settings), Analyses(project)
    findings = list(project_check.check(project, project.discover([root]).files, rules, analyses=analyses))

    def shown(path: Path) -> str:
        return path.relative_to(root).as_posix()

    def check(file: File) -> list[Finding]:
        return check_file(file, rules, analyses)

    findings.sort(key=lambda finding: shown(finding.path))
    for path, group in groupby(findings, key=lambda finding: finding.path):
        yield shown(path), story(project.file(path), list(group), check, shown, is_foreign=is_foreign)
