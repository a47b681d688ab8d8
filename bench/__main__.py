"""`make bench`: dbhygiene beside its peers, on the same trees, in turn, several times; medians, and ratios to ruff.

The trees are the wheels of homeassistant, Django and SQLAlchemy, 1.5 million lines, fetched by pip, each tracked by
git as a project is, and generated ones of 1 and of 10 million lines, of which 1 % speak to a database. Everything is
kept below `build/bench/`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path

from bench.costs import Cost, cost, made_peers, ours
from bench.growth import SHAPES, written
from bench.study import SUBJECTS, study
from bench.trees import DATABASE, PLACE, generated, lines_of, sampled, sized, unpacked

WHEELS = ("homeassistant==2025.1.0", "Django==5.2", "SQLAlchemy==2.0.50")
CLEAR = "--isolated"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=["start", "tree", "large"], help="start, tree, large, growth, study"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="of trees, for `growth`")
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES), help="likewise: " + ", ".join(SHAPES))
    parser.add_argument("--projects", nargs="*", default=[each.name for each in SUBJECTS], help="of `study`")
    parser.add_argument("--alone", action="store_true", help="in `study`, without other tools, which take many minutes")
    options = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    for part in options.parts:
        if part == "growth":
            growth(options.shapes, options.sizes)
        elif part == "study":
            study(options.rounds, options.projects, peers=not options.alone)
        else:
            {"start": start, "tree": tree, "large": large}[part](options.rounds)


# -- what is measured -----------------------------------------------------------------------------------


def start(rounds: int) -> None:
    """A process that does next to nothing."""
    small = PLACE / "small"
    small.mkdir(exist_ok=True)
    (small / "pyproject.toml").touch()
    (small / "app.py").write_text("import pymysql" + DATABASE.format(1))
    table(
        "one small file",
        {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import click'": [sys.executable, "-c", "import click"],
            "dbhygiene --version": [*ours(), "--version"],
            "dbhygiene check app.py": [*ours(), "check", "--no-cache", CLEAR, str(small / "app.py")],
        },
        rounds,
    )


def tree(rounds: int) -> None:
    """Real projects, 1.5 million lines."""
    trees = [str(unpacked(wheel)) for wheel in WHEELS]
    peers = made_peers()
    ruff = [str(peers / "ruff"), "check", CLEAR, "--quiet", "--select", "SIM115"]
    check = [*ours(), "check", CLEAR, "-q", "-o", "concise"]
    table("cold", {"ruff": [*ruff, "--no-cache", *trees], "dbhygiene": [*check, "--no-cache", *trees]}, rounds)
    kept = ["--cache-dir", str(PLACE / "cache")]
    table(
        "warm",
        {"ruff": [*ruff, "--cache-dir", str(PLACE / "ruff"), *trees], "dbhygiene": [*check, *kept, *trees]},
        rounds,
        before=1,
    )
    pylint = [str(peers / "pylint"), "--disable=all", "--enable=R1732", "--jobs=0", "--score=n"]
    django = next(each for each in trees if "Django" in each)
    few = sampled(trees, 20_000)
    speeds(
        "lines a second, cold",
        {"dbhygiene, all three trees": (trees, [*check, "--no-cache"]), "pylint, some of their files": (few, pylint)},
    )
    some = sized(django, 50_000)
    table(
        "flake8, 50,000 lines",
        {"without": [str(peers / "flake8"), *some], "with": [sys.executable, "-m", "flake8", *some]},
        rounds,
    )


def large(rounds: int) -> None:
    """A generated tree, whose lines are 99 % plain."""
    check = [*ours(), "check", CLEAR, "-q", "--no-cache"]
    trees = {f"{lines // 10**6} million lines": [*check, str(generated(lines))] for lines in (10**6, 10**7)}
    table("generated", trees, min(rounds, 3))


def growth(shapes: Sequence[str], sizes: Sequence[int]) -> None:
    """Trees of one shape in several sizes: the exponent of what a check costs, 1.0 where it grows as they do."""
    check = [*ours(), "check", CLEAR, "-q", "--no-cache", "-j", "1"]
    print(f"\ngrowth, cpu s by number of functions\n{'':22}{''.join(f'{size:>10,}{chr(32) * 7}' for size in sizes)}")
    for shape in shapes:
        print(f"{shape:22}", end="", flush=True)
        before: tuple[int, float] | None = None
        for size in sizes:
            spent = cost([*check, str(written(shape, size, PLACE / "growth"))]).cpu
            slope = f"n^{log(spent / before[1], size / before[0]):.1f}" if before is not None else ""
            print(f"{spent:>10.1f}{slope:>7}", end="", flush=True)
            before = size, spent
        print()


# -- tables ---------------------------------------------------------------------------------------------


def table(title: str, commands: Mapping[str, Sequence[str]], rounds: int, before: int = 0) -> None:
    """Run the commands in turn, and print medians; ratios are to the first."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(before + rounds):
        for name, command in commands.items():
            spent = cost(command)
            if number >= before:
                costs[name].append(spent)
    print(f"\n{title}, {rounds} round{'s' * (rounds > 1)}")
    print(f"{'':28}{'wall s':>9}{'ratio':>8}{'cpu s':>9}{'ratio':>8}{'MiB':>8}")
    first: Cost | None = None
    for name, spent in costs.items():
        wall, cpu, memory = (statistics.median(each[index] for each in spent) for index in range(3))
        middle = Cost(wall, cpu, memory)
        first = first or middle
        ratios = middle.wall / first.wall, middle.cpu / first.cpu
        print(f"{name:28}{middle.wall:9.3f}{ratios[0]:8.2f}{middle.cpu:9.3f}{ratios[1]:8.2f}{middle.memory:8.0f}")


def speeds(title: str, commands: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> None:
    """Run each command once on its files, and print how many of their lines it goes through in a second."""
    print(f"\n{title}\n{'':28}{'lines':>10}{'wall s':>9}{'lines/s':>10}{'ratio':>9}")
    slowest = None
    for name, (paths, command) in reversed(commands.items()):
        files = [file for path in map(Path, paths) for file in (path.rglob("*.py") if path.is_dir() else (path,))]
        lines, spent = sum(map(lines_of, files)), cost([*command, *paths])
        speed = lines / spent.wall
        slowest = slowest or speed
        print(f"{name:28}{lines:10,}{spent.wall:9.3f}{speed:10,.0f}{speed / slowest:9.1f}")


if __name__ == "__main__":
    main()
