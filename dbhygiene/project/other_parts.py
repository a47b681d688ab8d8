"""`OtherParts`: packages of a repository's other parts, which are installed side by side: workspaces, sibling packages.

`services/api/main.py` does `import common`, which is `libs/common/src/common/__init__.py`.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from dbhygiene.project.requirements import is_read, normal, requirement_files
from dbhygiene.source.regular_files import read_text

MARKERS = ("pyproject.toml", "setup.cfg", "setup.py")  # each marks a distribution: `import` looks beside it
_SITE = "manage.py"  # likewise
# Directories that are no part of the programs beside them: their packages are for what lies in the same directory.
_APART = frozenset(
    """tests test testing testdata test_data fixtures examples example samples docs doc templates template skeleton
    vendor vendored _vendor third_party thirdparty extern external site-packages node_modules""".split()
)
# Each part has its own, and none is installed.
_NEVER_SHARED = _APART | {"scripts", "script", "tools", "bin", "migrations", "conf", "setup", "conftest", "manage"}

# A dependency on another directory: of uv, poetry, pdm and pipenv; of pip; by a URL.
_PATH = r"""(?mx)
    \bpath\s*=\s*["']([^"'\n]+)["']
    | ^\s*(?:-e|--editable)[\s=]+["']?([^\s#"']+)
    | ^\s*(\.\.?/[^\s#;]*)
    | \bfile:(?:/{0,3}\$\{\w+\}/|//)?([^\s"'\#;]+)
"""
_OF_WORKSPACE = r"""(?m)^\s*["']?([\w.-]+)["']?(?:\.workspace\s*=\s*true|\s*=\s*\{[^}\n]*\bworkspace\s*=\s*true)"""
_NAME = r"""(?m)^\s*name\s*=\s*["']?([\w.-]+)|\bsetup\([^)]*?\bname\s*=\s*["']([\w.-]+)"""


class OtherParts:
    """The packages of all parts of a project, by name; paths within it are relative to its root.

    A name that two parts have, equally near, stands for neither.
    """

    def __init__(
        self, root: Path, files: Iterable[str], markers: Iterable[str], requires: Callable[[str, str], bool]
    ) -> None:
        """`files` are absolute, `markers` relative; `requires`: whether what a directory requires has this name."""
        self._root = str(root)
        self._files = files
        self._markers = markers
        self._requires = requires
        self._declared: dict[str, frozenset[str]] = {}
        self._named: dict[str, frozenset[str]] = {}

    def find(self, parts: list[str], directory: str) -> Path | None:
        """Return the file of a module, by the parts of its name, that a file in an absolute directory imports."""
        top = parts[0]
        if top in _NEVER_SHARED:
            return None
        packages, modules = self._by_name
        if top not in packages and top not in modules:
            return None
        here = self._inside(directory)
        bases = [base for base in packages.get(top, ()) if not _is_apart(base, here)]
        if self._requires(top, directory):  # the distribution of another project, unless a part has its name
            bases = [base for base in bases if normal(top) in self._names_of(base)]
        declared = self._declared_for(here) if len(bases) > 1 or top in modules else frozenset()
        bases += [base for base in modules.get(top, ()) if _around(base, declared)]
        for group in _groups(bases, here, declared):
            found = [path for base in group if (path := self._module(base, parts)) is not None]
            regular = sum(os.path.isfile(os.path.join(self._root, base, top, "__init__.py")) for base in group)
            if found or regular:  # of several regular packages, the program runs with one
                return found[0] if len(found) == 1 and regular <= 1 else None
        return None

    def _module(self, base: str, parts: list[str]) -> Path | None:
        stem = os.path.join(self._root, base, *parts)
        return next(
            (Path(path) for path in (os.path.join(stem, "__init__.py"), stem + ".py") if os.path.isfile(path)), None
        )

    def _inside(self, path: str) -> str:
        """Return an absolute path as one relative to the root; "" for the root."""
        return path[len(self._root) :].strip(os.sep) if f"{path}{os.sep}".startswith(self._root) else ""

    # -- packages -------------------------------------------------------------------------------------

    @cached_property
    def _by_name(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return the directories that hold a package of each name, and those that hold a module of it."""
        names: dict[str, set[str]] = defaultdict(set)  # directory -> names of its files
        for path in self._files:
            directory, name = os.path.split(self._inside(path))
            names[directory].add(name)
        regular = {directory for directory, files in names.items() if "__init__.py" in files}
        packages: dict[str, set[str]] = defaultdict(set)
        others = names.keys() - regular
        for directory in regular:
            base, top = os.path.split(directory)
            if base not in regular:
                packages[top].add(base)
                others.add(base)
        bases = {*self._distributions, *(each for each in names if each.rpartition(os.sep)[2] == "src")}
        bases |= {os.path.join(base, "src") for base in self._distributions}
        for directory in others:
            if (place := _first_below(bases, directory)) is not None and place[1].isidentifier():
                packages[place[1]].add(place[0])  # a namespace package, perhaps
        modules: dict[str, list[str]] = defaultdict(list)
        for base in bases - regular:
            for name in names.get(base, ()):
                modules[os.path.splitext(name)[0]].append(base)
        return {name: sorted(found) for name, found in packages.items()}, modules

    @cached_property
    def _distributions(self) -> frozenset[str]:
        """Return the directories of distributions and of Django sites."""
        marks = {*MARKERS, _SITE}
        found = {os.path.dirname(self._inside(path)) for path in self._files if os.path.basename(path) in marks}
        return frozenset(found | {os.path.dirname(path.replace("/", os.sep)) for path in self._markers})

    # -- what a part requires -------------------------------------------------------------------------

    def _names_of(self, base: str) -> frozenset[str]:
        """Return the names of the distribution around a directory: its own, and that of its directory."""
        place = next((each for each in _upwards(base) if each in self._distributions), "")
        if place not in self._named:
            texts = [text for name in MARKERS for text in self._read(os.path.join(self._root, place, name))]
            found = [match[1] or match[2] for text in texts if (match := re.search(_NAME, text))]
            self._named[place] = frozenset(map(normal, filter(None, [*found, os.path.basename(place)])))
        return self._named[place]

    def _declared_for(self, here: str) -> frozenset[str]:
        """Return the directories that the part around a directory depends on, directly or indirectly."""
        found: set[str] = set()
        todo = [each for place in _upwards(here) for each in self._dependencies(place)]
        while todo:
            if (place := todo.pop()) not in found:
                found.add(place)
                todo += self._dependencies(place)
        return frozenset(found)

    def _dependencies(self, place: str) -> frozenset[str]:
        """Return the directories in the project that the files of a directory name as dependencies."""
        if place not in self._declared:
            found: set[str] = set()
            directory = os.path.join(self._root, place)
            for path, _ in requirement_files(Path(directory)) if is_read(place) else ():
                for text in self._read(str(path)):
                    for match in re.finditer(_PATH, text):
                        target = next(filter(None, match.groups())).partition("[")[0]
                        found.add(os.path.normpath(os.path.join(place, target)))
                    names = {normal(name) for name in re.findall(_OF_WORKSPACE, text)}
                    found |= {each for each in self._distributions if names and names & self._names_of(each)}
            self._declared[place] = frozenset(found - {place, "."})
        return self._declared[place]

    def _read(self, path: str) -> Iterator[str]:
        if is_read(os.path.dirname(self._inside(path))):
            with suppress(OSError):
                yield read_text(Path(path), "replace")


def _groups(bases: list[str], here: str, declared: frozenset[str]) -> Iterator[list[str]]:
    """Yield the declared ones of these directories, then the nearest, and so on."""
    first = [base for base in bases if _around(base, declared)]
    yield first
    rest: dict[int, list[str]] = defaultdict(list)
    for base in bases:
        if base not in first:
            rest[_common_length(base, here)].append(base)
    for depth in sorted(rest, reverse=True):
        yield rest[depth]


def _common_length(one: str, other: str) -> int:
    """Return how many leading directories two paths share."""
    pairs = zip(one.split(os.sep), other.split(os.sep), strict=False)
    return next((depth for depth, (a, b) in enumerate(pairs) if a != b), min(one.count(os.sep), other.count(os.sep)))


def _is_apart(base: str, here: str) -> bool:
    """Whether a directory is part of tests, examples or copies of libraries that another is no part of."""
    parts, own = base.split(os.sep), here.split(os.sep)
    return any(part in _APART and own[: depth + 1] != parts[: depth + 1] for depth, part in enumerate(parts))


def _around(base: str, places: frozenset[str]) -> bool:
    return any(each in places for each in _upwards(base))


def _upwards(path: str) -> Iterator[str]:
    """Yield a relative path, and those of the directories above it, up to the root: ""."""
    while path:
        yield path
        path = os.path.dirname(path)
    yield ""


def _first_below(bases: set[str], directory: str) -> tuple[str, str] | None:
    """Return the nearest of these directories above another one, and the name of the directory on the way to it."""
    while directory:
        directory, _, name = directory.rpartition(os.sep)
        if directory in bases:
            return directory, name
    return None
