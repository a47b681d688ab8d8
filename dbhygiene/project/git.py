"""`EarlierProject`: an earlier state of a project, from git.

with earlier_projects(root, commit) as projects:     # copies of the projects below `root`, in a temporary directory
    ...
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from dbhygiene.config.errors import UsageError

_READ = ("*.py", "*.pyi", "*.ipynb", "*.toml", "*.cfg", "*.txt", "*.lock", "*Pipfile*")  # the files that a check reads


class EarlierProject(NamedTuple):
    """A project at an earlier commit: its root, and the current path of each file that was renamed since."""

    root: Path
    renamed: Mapping[str, str]


def merge_base(root: Path, revision: str) -> str:
    """Return the merge base of HEAD and a revision; raise UsageError if there is none."""
    _git(root, "rev-parse", "--git-dir", fails=f"--since: {root} is not in a git repository; use a baseline")
    name = f"{revision}^{{commit}}"
    is_shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == "true"
    more = "; this clone is shallow: fetch more history (actions/checkout: `fetch-depth: 0`)" * is_shallow
    unknown = f"--since: no commit `{revision}`{more}"
    commit = _git(root, "rev-parse", "--verify", "--quiet", name, fails=unknown).strip()
    alone = f"--since: `{revision}` and HEAD have no common ancestor{more}"
    return _git(root, "merge-base", commit, "HEAD", fails=alone).strip()


@contextmanager
def earlier_projects(root: Path, commit: str) -> Iterator[EarlierProject]:
    """Copy a project at a commit to a temporary directory, for the length of a `with` block.

    Raise UsageError if git fails. The index and the files of the repository stay as they are.
    """
    top = Path(_git(root, "rev-parse", "--show-toplevel").strip())
    with TemporaryDirectory(prefix="dbhygiene-") as directory:
        index = {"GIT_INDEX_FILE": os.path.join(directory, "index")}
        _git(top, "read-tree", commit, env=index)
        names = _git(top, "ls-files", "-z", "--", *_READ, env=index)
        tree = Path(directory, "tree")
        tree.mkdir()
        _git(top, "checkout-index", "-z", "--stdin", f"--prefix={tree}{os.sep}", env=index, given=names)
        below = Path(os.path.realpath(root)).relative_to(os.path.realpath(top))
        (tree / below).mkdir(parents=True, exist_ok=True)
        yield EarlierProject(tree / below, _find_renames(root, commit))


def _find_renames(root: Path, commit: str) -> dict[str, str]:
    words = _git(root, "diff", "-M", "-z", "--name-status", "--relative", "--diff-filter=R", commit).split("\0")
    return dict(zip(words[1::3], words[2::3], strict=False))


def _git(
    where: Path, *arguments: str, fails: str = "", env: Mapping[str, str] | None = None, given: str | None = None
) -> str:
    """Return the output of a git command; raise UsageError, with the text `fails` or that of git, if it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=where,
            env={**os.environ, **(env or {})},
            input=None if given is None else os.fsencode(given),
            capture_output=True,
        )
    except OSError as error:
        raise UsageError(f"--since: cannot run git: {error.strerror}; install git, or use a baseline") from None
    if done.returncode:
        words = os.fsdecode(done.stderr).strip().splitlines()
        raise UsageError(fails or f"--since: git {arguments[0]} failed: {words[0] if words else done.returncode}")
    return os.fsdecode(done.stdout)
