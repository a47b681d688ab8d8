"""`python -m tests.oracle --programs N --seed S [--minutes M] [--fixes]`: hold the analysis, or the fixes, against the
judge, for hours."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from random import Random

from .compare import Kind, compare
from .fixes import LEAKS, judge_fix
from .programs import program

PROGRESS = 1_000  # programs between two lines about how far it is
_PLACE = re.compile(r" \(line \d+\)| by `\w+`")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--programs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--show", type=int, default=3, help="how many of the smallest failing programs to print")
    parser.add_argument("--fixes", action="store_true", help="judge the fixes instead of the analysis")
    options = parser.parse_args()
    started = time.perf_counter()
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for number, source in enumerate(_programs(options.seed, options.programs, later=options.fixes)):
        if time.perf_counter() - started > 60 * options.minutes:
            break
        counts["generated"] += 1
        failure = _fix(source, counts) if options.fixes else _analysis(source, counts)
        if failure:
            counts["failing programs"] += 1
            failures.append(failure)
        if number % PROGRESS == PROGRESS - 1:
            print(f"{number + 1} programs, {len(failures)} failures", file=sys.stderr, flush=True)
    print(*sorted(failures, key=len)[: options.show], sep="\n\n")
    print(*(f"{count:>9} {name}" for name, count in sorted(counts.items())), sep="\n")
    seconds = time.perf_counter() - started
    print(f"{seconds:.0f} s, {counts['generated'] / seconds:.0f} programs a second")
    return bool(failures)


def _programs(seed: int, count: int, *, later: bool) -> Iterator[str]:
    """Every other one may use what is read later, where that is wanted."""
    for number in range(count):
        yield program(Random(f"{seed}/{number}"), later=later and number % 2 == 1)


def _analysis(source: str, counts: Counter[str]) -> str:
    """The program and the bits that the analysis gets wrong; empty where there are none."""
    if (compared := compare(source)) is None:
        return ""
    verdict, differences = compared
    counts["programs"] += 1
    counts["runs"] += verdict.runs
    counts["sites"] += len(verdict.bits)
    counts.update({f"programs with {each.kind.value}: {each.question}" for each in differences})
    wrong = [str(each) for each in differences if each.kind in (Kind.MISSED, Kind.FALSE)]
    return "\n# ".join([source, *wrong]) if wrong else ""


def _fix(source: str, counts: Counter[str]) -> str:
    """The program, its fix and what is wrong with that; empty where nothing is."""
    if (judged := judge_fix(source)) is None:
        return ""
    counts["programs with findings"] += 1
    counts["programs changed"] += judged.fixed.text != source
    counts["findings"] += judged.found
    counts["findings fixed"] += len(judged.fixed.fixed)
    counts.update(
        f"findings left: {_PLACE.sub('', each.reason)}" for each in judged.fixed.left if each.finding.code in LEAKS
    )
    if not judged.complaints:
        return ""
    return "\n# ".join([f"{source}\n# is fixed to\n\n{judged.fixed.text}", *judged.complaints])


if __name__ == "__main__":
    sys.exit(main())
