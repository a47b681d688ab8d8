"""`python -m tests.slowest [--count N] DIRECTORY...`: check each directory as a project of its own, file by file.

Says how fast that is, which files take longest, and which internal errors there are; exit status 1 where there is an
error, or a file that takes longer than LIMIT.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path
from typing import NamedTuple

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.own_findings import INTERNAL_ERROR
from dbhygiene.checker.project_check import load
from dbhygiene.checker.selection import selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.config.settings import Settings
from dbhygiene.project.project import Project
from dbhygiene.source.nodes import NOT_PYTHON

LIMIT = 5.0  # seconds of CPU time for one file


class Timed(NamedTuple):
    """One file: how long it took, how many lines it has, and what went wrong."""

    seconds: float
    path: Path
    lines: int
    errors: tuple[str, ...]


def timed(root: Path) -> tuple[int, list[Timed]]:
    """The number of files below a directory, and those of them that were worth a look, with their times."""
    project = Project(root, Settings())
    analyses = Analyses(project)
    paths, rules = list(project.discover([root]).files), selected_rules(project.settings)
    load(project, paths, rules, analyses)
    found: list[Timed] = []
    for path in paths:
        try:
            file = project.file(path)
        except (OSError, *NOT_PYTHON):
            continue
        started = time.process_time()  # whatever else the machine does
        errors = [each.message for each in check_file(file, rules, analyses) if each.code == INTERNAL_ERROR]
        seconds = time.process_time() - started
        if "_index" in vars(file):
            found.append(Timed(seconds, path, file.text.count("\n"), tuple(errors)))
    return len(paths), found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.slowest", description=__doc__)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=10, help="how many files to name")
    options = parser.parse_args()
    gc.disable()  # as the command line does
    started = time.perf_counter()
    files, found = 0, list[Timed]()
    for directory in options.directories:
        count, some = timed(directory.resolve())
        files += count
        found += some
    seconds, lines = time.perf_counter() - started, sum(each.lines for each in found)
    for each in sorted(found, reverse=True)[: options.count]:
        print(f"{each.seconds:>7.2f} s {each.lines:>7} lines {each.path}")
    errors = [f"{each.path}: {error}" for each in found for error in each.errors]
    print(*errors, sep="\n")
    busy = sum(each.seconds for each in found)
    print(f"{files} files, {len(found)} looked into: {lines} lines, {lines / max(busy, 0.001):.0f} a second")
    print(f"{seconds:.0f} s in all, {len(errors)} internal errors")
    return bool(errors) or any(each.seconds > LIMIT for each in found)


if __name__ == "__main__":
    sys.exit(main())
