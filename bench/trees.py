"""Trees to check: wheels, repositories at a commit, and generated ones; all are kept below `build/bench/`."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

PLACE = Path(__file__).parent.parent / "build" / "bench"

PLAIN = '''

def step_{0}(values, scale={0}):
    """Scale what is given, and leave out what is too small."""
    result = []
    for value in values:
        if value * scale > {0}:
            result.append(value * scale)
        elif value < 0:
            raise ValueError(value)
    return result
'''
DATABASE = """

def query_{0}(host, name):
    conn = pymysql.connect(host=host)
    try:
        with conn.cursor() as cursor:
            cursor.execute("SELECT total FROM sales_{0} WHERE name = %s", (name,))
            return cursor.fetchone()
    finally:
        conn.close()
"""


def unpacked(wheel: str) -> Path:
    """The directory in which a wheel is unpacked."""
    directory = PLACE / wheel
    if not (directory / "pyproject.toml").exists():  # which is made last: else the tree is not whole
        wheels = PLACE / "wheels" / wheel
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "--python-version", "3.13", "-d", str(wheels), wheel], check=True)
        for each in wheels.glob("*.whl"):
            zipfile.ZipFile(each).extractall(directory)
        for command in (["init", "-q"], ["add", "--all"]):
            subprocess.run(["git", "-C", str(directory), *command], check=True)
        (directory / "pyproject.toml").touch()  # a project of its own, though it lies in this one
    return directory


def generated(lines: int) -> Path:
    """A tree of so many lines: files of 1,000, one in a hundred of which speaks to a database."""
    directory = PLACE / f"generated-{lines}"
    if not (directory / "pyproject.toml").exists():
        for number in range(lines // 1000):
            part = directory / f"part_{number // 100}"
            part.mkdir(parents=True, exist_ok=True)
            text = "import pymysql" + "".join(DATABASE.format(n) for n in range(91)) if number % 100 == 7 else ""
            (part / f"module_{number}.py").write_text(text or "".join(PLAIN.format(n) for n in range(84)))
        (directory / "pyproject.toml").touch()
    return directory


def sampled(directories: Sequence[str], lines: int) -> list[str]:
    """Files from all over some trees that have about so many lines together."""
    files = [path for directory in directories for path in sorted(Path(directory).rglob("*.py"))]
    step = max(1, sum(map(lines_of, files)) // lines)
    return [str(path) for path in files[step // 2 :: step]]


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def sized(directory: str, lines: int) -> list[str]:
    """Some files of a tree that have so many lines together."""
    found, count = [], 0
    for path in sorted(Path(directory).rglob("*.py")):
        if count < lines:
            count += lines_of(path)
            found.append(str(path))
    return found


def cloned(address: str, commit: str) -> Path:
    """Return the directory with a repository at a commit, without its history."""
    directory = PLACE / address.rpartition("/")[2]
    git = ["git", "-C", str(directory)]
    if not directory.exists() or commit_of(directory) != commit:
        directory.mkdir(parents=True, exist_ok=True)
        for command in (["init", "-q"], ["fetch", "-q", "--depth", "1", address, commit]):
            subprocess.run([*git, *command], check=True)
        subprocess.run([*git, "checkout", "-q", "--force", "FETCH_HEAD"], check=True)
    return directory


def commit_of(directory: Path) -> str:
    """Return the commit that a directory has; "" if it has none."""
    command = ["git", "-C", str(directory), "rev-parse", "--verify", "-q", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
