"""`python -m bench study`: what users run, on nine projects: cold, with a cache, in a hook, after edits; and peers.

Each figure is the CPU time of the whole process in seconds, the median of several rounds; what is compared runs in
turn. flake8 and pylint run once, on some of a project's files, and are scaled by lines. mypy and semgrep run once.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.costs import cost, made_peers, ours
from bench.trees import PLACE, cloned, generated, lines_of, sampled, unpacked

_RULE = Path(__file__).parent / "semgrep.yml"
_SEED = 20
_FEW = 8  # files of a hook on a larger commit
_SAMPLES = {"flake8": 100_000, "pylint": 25_000}  # lines


class Subject(NamedTuple):
    """A project: a wheel, or a repository at a commit. `lines` is its size where it cannot be had."""

    name: str
    source: str
    commit: str = ""
    lines: int = 0

    def fetch(self) -> tuple[str, Path]:
        """Return the name and the directory; of a generated tree of the same size if the project cannot be had."""
        try:
            return self.name, cloned(self.source, self.commit) if self.commit else unpacked(self.source)
        except subprocess.CalledProcessError:
            return f"{self.name} (generated)", generated(self.lines)


_GITHUB = "https://github.com/"
SUBJECTS = (
    Subject("saleor", f"{_GITHUB}saleor/saleor", "723cd4eba87dfc72822ade45dc08a3caa548428d", 849_000),
    Subject("homeassistant", "homeassistant==2025.1.0", lines=1_095_000),
    Subject(
        "DefectDojo", f"{_GITHUB}DefectDojo/django-DefectDojo", "7cfa159a6767b0ac6e66f3b1597a997e607e7308", 253_000
    ),
    Subject("buildbot", f"{_GITHUB}buildbot/buildbot", "61f2f4118098dbbd22cf9212e2b470cea7c505ba", 245_000),
    Subject("sqlalchemy", "SQLAlchemy==2.0.50", lines=239_000),
    Subject("Django", "Django==5.2", lines=158_000),
    Subject("mindsdb", f"{_GITHUB}mindsdb/mindsdb", "37ccd07febc9c4a20bd5c1fcd4f677efac553dc9", 140_000),
    Subject("netbox", f"{_GITHUB}netbox-community/netbox", "43fe81f9e833228c9869f7ddadb67e6c5f145060", 112_000),
    Subject("redash", f"{_GITHUB}getredash/redash", "ca79fe988d81cdac9675b412f3dfcab107bc1fbc", 43_000),
)


def study(rounds: int, names: Iterable[str], peers: bool) -> None:
    """Print a table of what dbhygiene costs on each project and, with `peers`, one of other tools."""
    wanted = [each for each in SUBJECTS if each.name in set(names)]
    fetched = [subject.fetch() for subject in wanted]
    print(f"\ndbhygiene, CPU seconds, medians of {rounds}")
    columns = ("cold", "SIM115", "ratio", "full", "concise", "1 file", f"{_FEW} files", "edit", "touched")
    print(f"{'':24}{'files':>7}{'k lines':>9}" + "".join(f"{each:>9}" for each in columns))
    for name, directory in fetched:
        files = python_files(directory)
        figures = Runs(directory, files, rounds).figures()
        print(_row(name, files, figures), flush=True)
    if peers:
        print(f"\nother tools, CPU seconds, cold\n{'':24}{'ours':>9}" + "".join(f"{each:>9}" for each in _PEERS))
        for name, directory in fetched:
            first = statistics.median(cost([*_check(directory), "--no-cache", str(directory)]).cpu for _ in range(3))
            print(f"{name:24}{first:9.2f}", end="", flush=True)
            for measure in _PEERS.values():
                spent = measure(directory)
                print(f"{spent:9.2f}" if spent is not None else f"{'-':>9}", end="", flush=True)
            print()


def _row(name: str, files: Sequence[Path], figures: Sequence[float]) -> str:
    lines = sum(map(lines_of, files)) / 1000
    return f"{name:24}{len(files):7,}{lines:9,.0f}" + "".join(f"{each:9.2f}" for each in figures)


def python_files(directory: Path) -> list[Path]:
    """Return the project's Python files, sorted."""
    return sorted(path for path in directory.rglob("*.py") if path.is_file() and not path.is_symlink())


# -- dbhygiene --------------------------------------------------------------------------------------------


def _check(directory: Path, format: str = "concise") -> list[str]:
    """Return the command that checks a project of this directory, whatever files are named."""
    return [*ours(), "check", "--isolated", "-q", "-o", format, "-j", "1"]


class Runs:
    """The runs on one project. All files are left as they were."""

    def __init__(self, directory: Path, files: Sequence[Path], rounds: int) -> None:
        self._directory, self._files, self._rounds = directory, files, rounds
        self._cache = PLACE / "caches" / directory.name
        self._chance = random.Random(_SEED)

    def figures(self) -> list[float]:
        """Return the medians, as in the columns of the table."""
        ruff = [str(made_peers() / "ruff"), "check", "--isolated", "-q", "--no-cache", "--select", "SIM115"]
        cold, peer = self._in_turn(
            lambda: cost([*_check(self._directory), "--no-cache", str(self._directory)]).cpu,
            lambda: cost([*ruff, str(self._directory)]).cpu,
        )
        shutil.rmtree(self._cache, ignore_errors=True)
        self._warm()
        full, concise = self._in_turn(lambda: self._all("full"), self._all)
        one, few = self._in_turn(lambda: self._hook(1), lambda: self._hook(_FEW))
        edited = statistics.median(self._edit() for _ in range(self._rounds))
        touched = statistics.median(self._touch() for _ in range(self._rounds))
        return [cold, peer, cold / peer, full, concise, one, few, edited, touched]

    def _in_turn(self, *measures: Callable[[], float]) -> list[float]:
        """Return the median of each measure, after a round that does not count."""
        rounds = [[measure() for measure in measures] for _ in range(self._rounds + 1)]
        return [statistics.median(each) for each in zip(*rounds[1:], strict=True)]

    def _all(self, format: str = "concise", paths: Sequence[Path] = ()) -> float:
        """Check the project, or these files of it, with a cache."""
        names = map(str, paths or [self._directory])
        return cost([*_check(self._directory, format), "--cache-dir", str(self._cache), *names]).cpu

    def _warm(self) -> None:
        self._all("full")  # the second run finds the times of files that the first could not trust
        self._all("full")

    def _hook(self, count: int) -> float:
        """Check some changed files, as a pre-commit hook does."""
        return self._changed(count, lambda paths: self._all("full", paths))

    def _edit(self) -> float:
        """Check the project after a change of one file."""
        return self._changed(1, lambda _: self._all())

    def _changed(self, count: int, measure: Callable[[Sequence[Path]], float]) -> float:
        paths = self._chance.sample(self._files, min(count, len(self._files)))
        texts = {path: path.read_bytes() for path in paths}
        try:
            for path, text in texts.items():
                path.write_bytes(text + b"\n# an edit\n")
            return measure(paths)
        finally:
            for path, text in texts.items():
                path.write_bytes(text)
            self._warm()

    def _touch(self) -> float:
        """Check the project after a checkout that gave all files a new time."""
        for path in self._directory.rglob("*"):
            if path.is_file() and ".git" not in path.parts:
                os.utime(path)
        return self._all()


# -- other tools ------------------------------------------------------------------------------------------


def _ruff(directory: Path) -> float | None:
    return cost([_peer("ruff"), "check", "--isolated", "-q", "--no-cache", "--select", "ALL", str(directory)]).cpu


def _semgrep(directory: Path) -> float | None:
    options = ["--metrics", "off", "--disable-version-check", "--quiet", "--jobs", "1", "--config", str(_RULE)]
    return cost([_peer("semgrep"), "scan", *options, str(directory)]).cpu


def _mypy(directory: Path) -> float | None:
    """Return None where mypy stops at an error, as that of a syntax."""
    options = ["--ignore-missing-imports", "--no-incremental", "--cache-dir", os.devnull, "--config-file", os.devnull]
    try:
        return cost([_peer("mypy"), *options, str(directory)]).cpu
    except SystemExit:
        return None


def _flake8(directory: Path) -> float | None:
    return _scaled("flake8", directory, [_peer("flake8"), "--isolated", "--jobs", "1"])


def _pylint(directory: Path) -> float | None:
    return _scaled("pylint", directory, [_peer("pylint"), "--disable=all", "--enable=R1732", "--score=n"])


def _scaled(name: str, directory: Path, command: Sequence[str]) -> float:
    """Run a slow tool on an even sample of the files; return its time for all of the lines."""
    some = sampled([str(directory)], _SAMPLES[name])
    lines, all_lines = (sum(lines_of(Path(each)) for each in files) for files in (some, python_files(directory)))
    return cost([*command, *some]).cpu * all_lines / lines


def _peer(name: str) -> str:
    return str(made_peers() / name)


_PEERS: dict[str, Callable[[Path], float | None]] = {
    "ruff ALL": _ruff,
    "semgrep": _semgrep,
    "mypy": _mypy,
    "flake8": _flake8,
    "pylint": _pylint,
}
