"""Which files are a project's Python files: what git would commit, or what `.gitignore` files do not exclude."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

from dbhygiene.settings import EXCLUDED

ENDINGS = (".py", ".pyi")
_NAME = re.compile(r"[\w.-]+")  # a pattern that is matched without `pathspec`

Matches = Callable[[str], bool]


class Files(Sequence[Path]):
    """Files by their names; paths are made of these when somebody asks, since each costs more than its file's times."""

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


class Found:
    """Files, in order, and what could not be looked into, with the reason."""

    def __init__(self) -> None:
        self.files = Files()
        self.unlisted: list[tuple[Path, str]] = []


def discover(
    paths: Iterable[Path],
    root: Path,
    exclude: Iterable[str] = EXCLUDED,
    *,
    force: bool = False,
    meanwhile: Callable[[], Collection[str]] = tuple,
) -> Found:
    """The Python files below `paths`, each once, sorted.

    A path that is given is taken, whatever excludes say, unless they are to be `force`d on it. Patterns of
    `exclude` are written as in `.gitignore`, and relative to `root`. While git goes through the directories, there is
    time to do something else `meanwhile`; it gives files that are known to be there.
    """
    patterns = tuple(exclude)
    names = frozenset(pattern for pattern in patterns if _NAME.fullmatch(pattern))
    excluded = _matcher(tuple(pattern for pattern in patterns if pattern not in names), root)
    found = Found()
    files: set[str] = set()
    for path in paths:
        if force and (excluded(str(path)) or not names.isdisjoint(_parts(path, root))):
            continue
        if path.is_dir():
            below = _by_git(path, names, meanwhile) or _by_walk(path, names, found)
            files.update(below if excluded is _nothing else (file for file in below if not excluded(file)))
        else:
            files.add(str(path))
    found.files = Files(sorted(files))
    return found


def _parts(path: Path, root: Path) -> tuple[str, ...]:
    try:
        return path.relative_to(root).parts
    except ValueError:
        return ()


def _by_git(directory: Path, excluded: frozenset[str], meanwhile: Callable[[], Collection[str]]) -> list[str]:
    """What git tracks or would track; nothing where it cannot say."""
    import subprocess

    command = ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", "*.py", "*.pyi"]
    try:
        git = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return []
    with git:
        there = meanwhile()
        listed, _ = git.communicate()
    if git.returncode:
        return []
    names = dict.fromkeys(os.fsdecode(listed).split("\0")[:-1])
    if any(os.fsencode(word) in listed for word in excluded):
        names = dict.fromkeys(name for name in names if excluded.isdisjoint(name.split("/")))
    base = os.path.join(directory, "")
    paths = [base + name for name in names]
    return [path for path in paths if path in there or os.path.isfile(path)]  # git lists what was removed, too


def _by_walk(directory: Path, excluded: frozenset[str], found: Found) -> Iterator[str]:
    """Files below a directory; directories that are links are not entered, so that there is no way round."""
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
            if entry.is_dir(follow_symlinks=False):
                if not _any(ignored, entry.path + "/"):
                    todo.append((entry.path, ignored))
            elif name.endswith(ENDINGS) and _is_file(entry) and not _any(ignored, entry.path):
                yield entry.path


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _any(matchers: tuple[Matches, ...], path: str) -> bool:
    return bool(matchers) and any(matches(path) for matches in matchers)


def _gitignore(directory: str) -> Matches:
    try:
        lines = Path(directory, ".gitignore").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    return _matcher(tuple(lines), Path(directory))


def _nothing(path: str) -> bool:
    return False


def _matcher(patterns: tuple[str, ...], base: Path) -> Matches:
    """Whether an absolute path matches one of these patterns, as `.gitignore` in `base` would."""
    if not patterns:
        return _nothing
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(patterns)
    prefix = str(base).rstrip(os.sep) + os.sep

    def matches(path: str) -> bool:
        return path.startswith(prefix) and spec.match_file(path[len(prefix) :])

    return matches
