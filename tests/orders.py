"""`python -m tests.orders [--seed S] [--splits N] DIRECTORY...`: check each project in several orders and splits.

The findings must be the same whatever file is looked at first, with one process or two, and if only a part of the files
is checked. Says what differs; exit status 1 where anything does.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from dbhygiene.checker.project_check import RunOptions, check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project.project import Project

SETTINGS = Settings(min_confidence=Confidence.POSSIBLE)


def found(root: Path, files: Sequence[Path], jobs: int = 1) -> Counter[Finding]:
    """The findings of a fresh check of these files of a project."""
    rules = selected_rules(SETTINGS)
    return Counter(check(Project(root, SETTINGS), files, rules, how=RunOptions(jobs=jobs)))


def differences(root: Path, dice: Random, splits: int) -> Iterator[str]:
    """Yield what differs from a check of all files in the order of their names."""
    files = list(Project(root, SETTINGS).discover([root]).files)
    expected = found(root, files)
    shuffled = dice.sample(files, len(files))
    yield from _compare("in another order", expected, found(root, shuffled))
    yield from _compare("in two processes", expected, found(root, shuffled, jobs=2))
    for number in range(splits):
        parts: list[list[Path]] = [[] for _ in range(dice.randint(2, 4))]
        for path in dice.sample(files, len(files)):
            dice.choice(parts).append(path)
        together = sum((found(root, part) for part in parts), Counter[Finding]())
        yield from _compare(f"in {len(parts)} parts ({number})", expected, together)
    holding = sorted({finding.path for finding in expected})
    for path in dice.sample(holding, min(splits, len(holding))):
        own = Counter({finding: n for finding, n in expected.items() if finding.path == path})
        yield from _compare(f"{path.name} alone", own, found(root, [path]))


def _compare(how: str, expected: Counter[Finding], seen: Counter[Finding]) -> Iterator[str]:
    for sign, more in (("-", expected - seen), ("+", seen - expected)):
        yield from (
            f"{how}: {sign} {each.path}:{each.span.line} {each.code} {each.confidence} {each.message}" for each in more
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.orders", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--splits", type=int, default=3)
    options = parser.parse_args()
    differs = False
    for root in options.directories:
        lines = list(differences(root.resolve(), Random(options.seed), options.splits))
        print(f"{root}: {'the same' if not lines else f'{len(lines)} differences'}", flush=True)
        for line in lines:
            print(f"  {line}")
        differs |= bool(lines)
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
