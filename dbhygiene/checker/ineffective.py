"""`ineffective`: the settings without effect: directories that are not there, and patterns that match nothing.

Most of them are misspelt. A pattern is compared with the files that git lists, and only if the whole project is
checked: otherwise its matches are unknown, as are those among files that a build creates and git ignores.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Collection, Iterator
from glob import iglob
from pathlib import Path

from dbhygiene.checker.selection import matches
from dbhygiene.config.settings import EXCLUDED
from dbhygiene.project.discovery import matcher
from dbhygiene.project.project import Project

PATTERNS = ("exclude", "extend-exclude", "per-file-ignores")


def ineffective(project: Project, listed: Collection[str] | None) -> Iterator[str]:
    """Yield a line for each setting of a project that has no effect.

    Arguments:
        listed: the Python files that git lists, excluded ones too, relative to the root; None if unknown.
    """
    settings, root = project.settings, project.root
    for each in settings.src:
        directory = os.path.normpath(os.path.join(root, each))
        if not Path(directory).is_relative_to(root):
            yield f"{settings.place('src')}`src`: `{each}` lies outside of the project, and no import is found there"
        elif not os.path.isdir(directory):
            yield f"{settings.place('src')}`src`: there is no directory `{each}`"
    if listed is None:
        return
    for key in (key for key in PATTERNS if key in settings.sources):
        for pattern in getattr(settings, key.replace("-", "_")):
            match = matches if key == "per-file-ignores" else _excludes
            if not (any(match(pattern, root / name, root) for name in listed) or _may_match(pattern, match, root)):
                yield f"{settings.place(key)}`{key}`: `{pattern}` matches no file"


def _excludes(pattern: str, path: Path, root: Path) -> bool:
    return matcher(pattern, root)(str(path))


def _may_match(pattern: str, match: Callable[[str, Path, Path], bool], root: Path) -> bool:
    """Whether anything but a Python file has this name, or may have it later."""
    name = pattern.strip("/")
    if not name or pattern.startswith(("!", "#")) or name in EXCLUDED:
        return True
    if any(iglob(name, root_dir=root)) or _git(root, "check-ignore", "-q", "--", pattern.lstrip("/")) is not None:
        return True
    names = os.fsdecode(_git(root, "ls-files", "-co", "--exclude-standard", "-z") or b"").split("\0")
    return any(match(pattern, root / each, root) for each in names)


def _git(root: Path, *words: str) -> bytes | None:
    """Return the output of git; None if it fails."""
    done = subprocess.run(["git", *words], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return None if done.returncode else done.stdout
