"""`Files` and `Listing`: the Python files and notebooks of a project: those that git tracks or would track.

Without git, they are those that no `.gitignore` excludes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, overload

from dbhygiene.config.settings import EXCLUDED
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.regular_files import read_text

if TYPE_CHECKING:
    import subprocess

ENDINGS = (".py", ".pyi", ".ipynb")
MARKS_DISTRIBUTION = ("pyproject.toml", "setup.cfg")
_AT_ONCE = 8  # processes of git
_SETS_UP = "gunicorn"  # in the name of a Python file that says how a server runs
_NAME = lazy_pattern(r"[\w.-]+")  # a pattern that is matched without `pathspec`

Matches = Callable[[str], bool]


class Files(Sequence[Path]):
    """Files by name. Paths are created on demand: creating one takes longer than reading the times of its file."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(names)

    @cached_property
    def _paths(self) -> tuple[Path, ...]:
        return tuple(map(Path, self.names))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    @overload
    def __getitem__(self, place: int) -> Path: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Path, ...]: ...

    def __getitem__(self, place: int | slice) -> Path | tuple[Path, ...]:
        return self._paths[place]

    def __eq__(self, other: object) -> bool:
        return self.names == other.names if isinstance(other, Files) else list(self) == other

    __hash__ = None  # type: ignore[assignment]


class DiscoveredFiles:
    """Files, in order, and the paths that could not be read, with the reason."""

    def __init__(self) -> None:
        self.files = Files()
        self.unlisted: list[tuple[Path, str]] = []
        self.listed: Collection[str] | None = None  # by git, relative to the root
        # Files that may be about servers or distributions; relative to their directory, with slashes, in no order.
        self.others: list[str] = []


class Listing:
    """The Python files and notebooks below some paths, each once, sorted.

    Git is started at once, and read when the files are needed.

    A path that is given is included even if it is excluded, unless `force` is set. Patterns of
    `exclude` are written as in `.gitignore`, and relative to `root`. `is_all`: these are all files below the root.
    """

    def __init__(
        self, paths: Iterable[Path], root: Path, exclude: Iterable[str] = EXCLUDED, *, force: bool = False
    ) -> None:
        paths, patterns = list(paths), tuple(exclude)
        self._root = root
        self.is_all = paths == [root] and not force
        self._names = frozenset(pattern for pattern in patterns if _NAME.fullmatch(pattern))
        self._excluded = _matcher(tuple(pattern for pattern in patterns if pattern not in self._names), root)
        meant = [path for path in dict.fromkeys(paths) if not (force and self._is_excluded(path, root))]
        self.directories = [path for path in meant if path.is_dir()]
        self._files = [str(path) for path in meant if not path.is_dir()]
        self._asked = {path: _git(path) for path in self.directories[:_AT_ONCE]}

    def _is_excluded(self, path: Path, root: Path) -> bool:
        return self._excluded(str(path)) or not self._names.isdisjoint(_parts(path, root))

    def collect(self, there: Collection[str] = ()) -> DiscoveredFiles:
        """Return the files, and the paths that could not be read. Those in `there` exist, and are no links."""
        found = DiscoveredFiles()
        files = dict.fromkeys(self._files)
        for directory in self.directories:
            git = self._asked.pop(directory, None) or _git(directory)
            below = _by_git(directory, git, self._names, there, found) or _by_walk(directory, self._names, found)
            kept = below if self._excluded is _match_nothing else (file for file in below if not self._excluded(file))
            files.update(dict.fromkeys(kept))
        found.files = Files(self._without_duplicates(sorted(files), there))
        found.unlisted = [each for each in found.unlisted if not self._is_excluded(each[0] / "x", self._root)]
        return found

    def _without_duplicates(self, files: list[str], there: Collection[str]) -> list[str]:
        """Return these files without links to others of them."""
        given = [*self._files, *map(str, self.directories)]
        is_twisted = len(given) > 1 and any(os.path.realpath(path) != path for path in given)
        links = {file for file in files if file not in there and os.path.islink(file)}
        if not links and not is_twisted:
            return files
        kept: dict[str, str] = {}
        for file in sorted(files, key=lambda file: (file in links, file)):  # the file itself before links to it
            kept.setdefault(os.path.realpath(file), file)
        return sorted(kept.values())


def _parts(path: Path, root: Path) -> tuple[str, ...]:
    try:
        return path.relative_to(root).parts
    except ValueError:
        return ()


def work_tree(directory: Path) -> Path | None:
    """Return the top of the work tree of git that a directory is in; None if there is none above it."""
    return next((above for above in (directory, *directory.parents) if (above / ".git").exists()), None)


def _git(directory: Path) -> subprocess.Popen[bytes] | None:
    """Start git to list all files that it tracks or would track: patterns would take it longer.

    Outside of a work tree it is not started: to import `subprocess`, and to run git, takes a tenth of a small check.
    """
    if "GIT_DIR" not in os.environ and work_tree(Path(os.path.realpath(directory))) is None:
        return None
    import subprocess

    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    english = {**os.environ, "LC_ALL": "C"}  # the warnings of git are read
    try:
        return subprocess.Popen(
            command,
            cwd=directory,
            env=english,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
    except OSError:
        return None


def _by_git(
    directory: Path,
    git: subprocess.Popen[bytes] | None,
    excluded: frozenset[str],
    there: Collection[str],
    found: DiscoveredFiles,
) -> list[str]:
    """Return what git lists; nothing if it fails."""
    if git is None:
        return []
    with git:
        listed, warnings = git.communicate()
    if git.returncode:
        return []
    every = set(os.fsdecode(listed).split("\0")[:-1])
    names = found.listed = {name for name in every if name.endswith(ENDINGS)}
    if b"could not open directory" in warnings:
        found.unlisted += _unreadable(directory, os.fsdecode(warnings))
    if any(os.fsencode(word) in listed for word in excluded):
        every = {name for name in every if excluded.isdisjoint(name.split("/"))}
        names = names & every
    found.others += [name for name in every if name not in found.listed or _SETS_UP in name]
    base = os.path.join(directory, "")
    paths = [base + name for name in sorted(names)]
    return [path for path in paths if path in there or os.path.isfile(path)]  # git lists what was removed, too


def _unreadable(directory: Path, warnings: str) -> Iterator[tuple[Path, str]]:
    """Return the directories that git could not list; git names them relative to the top of its work tree."""
    top = work_tree(directory) or directory
    for name, reason in re.findall(r"could not open directory '(.*)/': (.*)", warnings):
        yield top / name, reason


def _by_walk(directory: Path, excluded: frozenset[str], found: DiscoveredFiles) -> Iterator[str]:
    """Return the files below a directory. Links to directories are not followed, so that there is no cycle."""
    from dbhygiene.library.deployment import describes_tests, is_deployment_file  # most projects are listed by git

    length = len(os.path.join(directory, ""))
    todo: list[tuple[str, tuple[Matches, ...]]] = [(str(directory), ())]
    while todo:
        here, ignored = todo.pop()
        try:
            with os.scandir(here) as listing:
                entries = list(listing)
        except OSError as error:
            found.unlisted.append((Path(here), error.strerror or str(error)))
            continue
        if ".gitignore" in {entry.name for entry in entries}:
            ignored = (*ignored, _gitignore(here))
        for entry in entries:
            name = entry.name
            if name in excluded:
                continue
            inside = entry.path[length:].replace(os.sep, "/")
            if entry.is_dir(follow_symlinks=False):
                if not _any(ignored, entry.path + "/"):
                    todo.append((entry.path, ignored))
            elif name.endswith(ENDINGS) and _is_file(entry) and not _any(ignored, entry.path):
                yield entry.path
                if _SETS_UP in name:
                    found.others.append(inside)
            elif (
                (name in MARKS_DISTRIBUTION or "." not in name or is_deployment_file(inside) or describes_tests(inside))
                and _is_file(entry)
                and not _any(ignored, entry.path)
            ):
                found.others.append(inside)


def is_python_script(path: str) -> bool:
    """Whether a file begins with the line by which a shell runs it with Python."""
    try:
        with open(path, "rb") as file:
            return re.match(rb"#![^\n]*\bpython", file.read(80)) is not None
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _any(matchers: tuple[Matches, ...], path: str) -> bool:
    return bool(matchers) and any(matches(path) for matches in matchers)


def _gitignore(directory: str) -> Matches:
    try:
        lines = read_text(os.path.join(directory, ".gitignore"), "replace").splitlines()
    except OSError:
        lines = []
    return _matcher(tuple(lines), Path(directory))


def _match_nothing(path: str) -> bool:
    return False


@lru_cache
def matcher(pattern: str, base: Path) -> Matches:
    """Return a predicate: does an absolute path match the pattern? A plain name needs no `pathspec`, a slow import."""
    if not _NAME.fullmatch(pattern):
        return _matcher((pattern,), base)
    return lambda path: pattern in _parts(Path(path), base)


def _matcher(patterns: tuple[str, ...], base: Path) -> Matches:
    """Return a predicate: does an absolute path match one of these patterns of a `.gitignore` in `base`?"""
    if not patterns:
        return _match_nothing
    from pathspec import GitIgnoreSpec

    try:
        spec = GitIgnoreSpec.from_lines(patterns)
    except ValueError:  # to git, `!` and a backslash at the end match nothing
        spec = GitIgnoreSpec.from_lines(filter(_is_valid, patterns))
    prefix = str(base).rstrip(os.sep) + os.sep

    def matches(path: str) -> bool:
        return path.startswith(prefix) and spec.match_file(path[len(prefix) :])

    return matches


def _is_valid(pattern: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        return bool(GitIgnoreSpec.from_lines((pattern,)))
    except ValueError:
        return False
