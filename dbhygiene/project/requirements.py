"""`Requirements`: the required distributions of a project and their versions: lock files, then pins and bounds."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from dbhygiene.config.loading import toml
from dbhygiene.config.settings import EXCLUDED
from dbhygiene.source.nodes import parse
from dbhygiene.source.records import Row
from dbhygiene.source.regular_files import read_text

Version = tuple[int, ...]
Needs = Iterator[tuple[str, "Bounds | None"]]

_LEVELS = 2  # `services/shop/requirements.txt`; `requirements/*.txt` of each are looked at, too
# Compiled when a file asks for them: most projects have few of these.
_REQUIREMENT = r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?P<bounds>[^;#@]*)"
_BOUND = r"(?P<kind>===?|~=|>=|>|\^|~)?\s*v?(?P<version>\d+(?:\.\d+)*)"
_LIMIT = r"(?P<kind><=?|===?|~=|\^|~)?\s*v?(?P<version>\d+(?:\.\d+)*)"
# Lock files are long and written by programs: `tomllib` takes 25 times as long.
_LOCKED = r'(?m)^name = "([^"]+)"\s*^version = "([^"]+)"'


class Bounds(Row):
    """The lowest version that a requirement allows, and the one that it stays below, if it has such a limit."""

    lowest: Version
    below: Version | None = None


class Requirements:
    """The requirements of one project, read at the first use.

    A repository may have several parts, each with requirements of its own: those beside a file, or in a
    directory above it, apply to it. If these are empty, the requirements of all parts apply.
    """

    def __init__(self, root: Path) -> None:
        self._parts = {str(place): known for place in places(root) if (known := read_requirements(place))}
        self._root = self._parts.get(str(root), {})

    def bounds_of(self, distribution: str) -> Bounds | None:
        """Return the versions that the root names; else those of the parts, if they agree."""
        name = normal(distribution)
        if name in self._root:
            return self._root[name]
        found = {part[name] for part in self._parts.values() if name in part}
        return found.pop() if len(found) == 1 else None

    def names(self, distribution: str, directory: str) -> bool:
        """Whether the requirements for a directory name a distribution."""
        around = [part for place, part in self._parts.items() if f"{directory}/".startswith(f"{place.rstrip('/')}/")]
        return any(normal(distribution) in part for part in around or self._parts.values())


def places(root: Path) -> list[Path]:
    """Return the directories with requirements: the root, and two levels below it."""
    found, level = [root], [root]
    for _ in range(_LEVELS):
        level = [below for directory in level for below in _directories(directory)]
        found += level
    return found


def is_read(place: str) -> bool:
    """Whether the requirements of a directory are read, by its path relative to the root of the project."""
    return not place or place.count(os.sep) < _LEVELS


def _directories(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as entries:
            names = [each.name for each in entries if each.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [directory / name for name in sorted(names) if not (name in EXCLUDED or name.startswith("."))]


def normal(distribution: str) -> str:
    """Return the normalised name of a distribution."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def read_requirements(root: Path) -> Mapping[str, Bounds | None]:
    """Return the distributions that the files of a directory name, with the pinned version or the bounds."""
    found: dict[str, Bounds | None] = {}
    for path, read in requirement_files(root):
        try:
            text = read_text(path, "replace")
        except OSError:
            continue
        for name, version in read(text):
            if found.get(normal(name)) is None:  # the first file that gives a version counts
                found[normal(name)] = version
    return found


def requirement_files(directory: Path) -> Iterator[tuple[Path, Callable[[str], Needs]]]:
    """Yield the files of a directory that name distributions, each with the function that reads it."""
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for pattern, read in _SOURCES:
        beside = pattern.partition("/")[0]
        if beside in names or ("*" in beside and any(fnmatchcase(name, beside) for name in names)):
            yield from ((path, read) for path in sorted(directory.glob(pattern)))


# What a project installs as programs: a table of `pyproject.toml`, a section of `setup.cfg`, a list in `setup.py`.
_PROGRAMS = {
    "pyproject.toml": r"(?ms)^\[(?:project|tool\.poetry)\.(?:gui-)?scripts\]\s*$(.*?)(?=^\[|\Z)",
    "setup.cfg": r"(?m)^(?:console|gui)_scripts *=(.*(?:\n[ \t]+.*)*)",
    "setup.py": r"""(?s)["']?(?:console|gui)_scripts\b["']?\s*[:=]\s*([\[({].*?[\])}]|"[^"]*"|'[^']*')""",
}
_PROGRAM = r"""=\s*["']?\s*([\w.]+:\w+)"""
_NAMED_TABLE = r"""["'](?:console|gui)_scripts["']\s*:\s*([A-Za-z_]\w*)"""  # of `setup.py`, too
_INI_TABLE = r"(?m)^[ \t]*\[(?:console|gui)_scripts\][ \t]*\n((?:[ \t]*[\w.-]+[ \t]*=.*\n?)*)"  # a text of `setup.py`
_SCRIPTS = r"""(?s)(?<![\w"'])scripts\s*=\s*(\[[^\]]*\]|\w+)"""  # of `setup.py`: files that are programs as they are


def programs(root: Path) -> frozenset[str]:
    """Return the programs that a project installs: functions, as `module:function`, and files."""
    found: set[str] = set()
    for name, table in _PROGRAMS.items():
        with suppress(OSError):
            text = (root / name).read_text("utf-8", "replace")
            found.update(each for part in re.findall(table, text) for each in re.findall(_PROGRAM, part))
            if name == "setup.py":
                tables = re.findall(_INI_TABLE, text)
                found.update(each for part in tables for each in re.findall(_PROGRAM, part))
                for variable in re.findall(_NAMED_TABLE, text):
                    tables = re.findall(rf"(?ms)^{variable}\s*=\s*\[(.*?)\]", text)
                    found.update(each for part in tables for each in re.findall(_PROGRAM, part))
                found.update(each for part in re.findall(_SCRIPTS, text) for each in re.findall(r"[\w./-]+", part))
    return frozenset(found)


def _requirement(line: str) -> Needs:
    if (match := re.match(_REQUIREMENT, line)) and match["name"]:
        yield match["name"], _bounds(match["bounds"])


def _bounds(text: str) -> Bounds | None:
    """Return the bounds of a text such as `>=1.4,<2`, `==2.0.1` or `^1.2`; None if it has no lower one."""
    parts = [part.strip() for part in text.strip("() ").split(",")]
    lowest = next((_version(match["version"]) for part in parts if (match := re.match(_BOUND, part))), None)
    limits = [
        _below(match["kind"] or "==", _version(match["version"])) for part in parts if (match := re.match(_LIMIT, part))
    ]
    return Bounds(lowest, min(limits, default=None)) if lowest is not None else None


def _below(kind: str, version: Version) -> Version:
    """Return the version that a limit such as `<2`, `~=1.4` or `^1.2` stays below."""
    if kind == "<":
        return version
    if kind == "^":  # up to the first part that is not zero
        kept = next((place for place, part in enumerate(version, 1) if part), len(version))
    elif kind == "~=":
        kept = max(len(version) - 1, 1)
    else:
        kept = min(len(version), 2) if kind == "~" else len(version)
    return (*version[: kept - 1], version[kept - 1] + 1)


def _version(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:4])


def _lines(text: str) -> Needs:
    for line in text.splitlines():
        if not line.lstrip().startswith(("#", "-")):
            yield from _requirement(line)


def _lock(text: str) -> Needs:
    for name, version in re.findall(_LOCKED, text):
        yield name, _bounds(version)


def _pipfile_lock(text: str) -> Needs:
    import json

    try:
        sections = json.loads(text)
    except ValueError:
        return
    for section in ("default", "develop"):
        packages = sections.get(section, {}) if isinstance(sections, dict) else {}
        for name, details in packages.items():
            yield name, _bounds(str(details.get("version", ""))) if isinstance(details, dict) else None


def _pyproject(text: str) -> Needs:
    """Yield what the standards, poetry, uv and pdm read. Groups include only others of the file, and all are read."""
    if "depend" not in text:  # part of the name of each of these tables: the others need no parser
        return
    table = _toml(text)
    project, poetry = _table(table, "project"), _table(table, "tool", "poetry")
    yield from _parse_list(project.get("dependencies"))
    for key in (("project", "optional-dependencies"), ("dependency-groups",), ("tool", "pdm", "dev-dependencies")):
        for group in _table(table, *key).values():
            yield from _parse_list(group)
    yield from _parse_list(_table(table, "tool", "uv").get("dev-dependencies"))
    for name in ("dependencies", "dev-dependencies"):
        yield from _parse_table(_table(poetry, name))
    for group in _table(poetry, "group"):
        yield from _parse_table(_table(poetry, "group", group, "dependencies"))


def _pipfile(text: str) -> Needs:
    table = _toml(text)
    for name in ("packages", "dev-packages"):
        yield from _parse_table(_table(table, name))


def _toml(text: str) -> Mapping[str, object]:
    """Return the tables of a file; none if it is invalid."""
    try:
        table = toml(text)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, Mapping) else {}


def _table(table: object, *keys: str) -> Mapping[str, object]:
    """Return a table by its dotted name; an empty one if it does not exist."""
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table if isinstance(table, Mapping) else {}


def _parse_list(requirements: object) -> Needs:
    """Yield the requirements of `["PyMySQL>=1.1", {include-group = "test"}]`."""
    for each in requirements if isinstance(requirements, list) else ():
        if isinstance(each, str):
            yield from _requirement(each)


def _parse_table(table: Mapping[str, object]) -> Needs:
    """Yield those of `pymysql = "^1.1"`, `{version = "^1.1"}`, or a list of these: one for each platform or Python."""
    for name, constraints in table.items():
        each = constraints if isinstance(constraints, list) else [constraints]
        found = [_bounds(str(one.get("version", "") if isinstance(one, Mapping) else one)) for one in each]
        known = [bounds for bounds in found if bounds is not None]
        yield name, _widest(known) if known and len(known) == len(found) else None


def _widest(bounds: list[Bounds]) -> Bounds:
    limits = [each.below for each in bounds if each.below is not None]
    return Bounds(min(each.lowest for each in bounds), max(limits) if len(limits) == len(bounds) else None)


def _setup_cfg(text: str) -> Needs:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    yield from _lines(parser.get("options", "install_requires", fallback=""))
    if parser.has_section("options.extras_require"):
        for _, lines in parser.items("options.extras_require"):
            yield from _lines(lines)


def _setup_py(text: str) -> Needs:
    """Return the strings in `install_requires` and `extras_require`."""
    try:
        tree = parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("install_requires", "extras_require"):
            for part in ast.walk(node.value):
                if isinstance(part, (ast.List, ast.Tuple)):
                    for item in part.elts:
                        if isinstance(item, ast.Constant) and isinstance(item.value, str):
                            yield from _requirement(item.value)


_SOURCES: tuple[tuple[str, Callable[[str], Needs]], ...] = (
    ("uv.lock", _lock),
    ("poetry.lock", _lock),
    ("pdm.lock", _lock),
    ("Pipfile.lock", _pipfile_lock),
    ("*requirements*.txt", _lines),
    ("requirements/*.txt", _lines),
    ("constraints*.txt", _lines),
    ("pyproject.toml", _pyproject),
    ("Pipfile", _pipfile),
    ("setup.cfg", _setup_cfg),
    ("setup.py", _setup_py),
)
