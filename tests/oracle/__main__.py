"""`python -m tests.oracle --programs N --seed S [--minutes M]`: hold the analysis against the judge for hours."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import Random

from .compare import Difference, Kind, compare
from .programs import program


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--programs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--show", type=int, default=3, help="how many differing programs to print")
    options = parser.parse_args()
    started = time.perf_counter()
    counts: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    shown: list[tuple[str, list[Difference]]] = []
    for number in range(options.programs):
        if time.perf_counter() - started > 60 * options.minutes:
            break
        source = program(Random(f"{options.seed}/{number}"))
        counts["generated"] += 1
        if (compared := compare(source)) is None:
            continue
        verdict, differences = compared
        counts["programs"] += 1
        counts["runs"] += verdict.runs
        counts["sites"] += len(verdict.bits)
        counts.update(f"{each.kind.value} bits" for each in differences)
        differing.update({f"{each.kind.value}: {each.question}" for each in differences})
        if any(each.kind in (Kind.MISSED, Kind.FALSE) for each in differences):
            counts["differing programs"] += 1
            shown.append((source, differences))
    seconds = time.perf_counter() - started
    for source, differences in sorted(shown, key=lambda each: len(each[0]))[: options.show]:
        print(source, *(f"# {each}" for each in differences), "", sep="\n")
    print(*(f"{count:>9} {name}" for name, count in counts.items()), sep="\n")
    print(f"{counts['runs'] / seconds:9.0f} runs a second, {seconds:.0f} s")
    print("programs by difference:", *(f"{count:>9} {name}" for name, count in differing.most_common()), sep="\n")
    return bool(counts["missed bits"] or counts["false bits"])


if __name__ == "__main__":
    sys.exit(main())
