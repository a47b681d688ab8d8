"""`watch`: run `dbhygiene check --watch`: check again after each change of a file."""

from __future__ import annotations

import gc
import os
import re
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from dbhygiene.cli.run import Run, printable_path
from dbhygiene.config.errors import UsageError
from dbhygiene.library.deployment import is_deployment_file
from dbhygiene.project.discovery import ENDINGS
from dbhygiene.source.regular_files import change_mark

PAUSE = 0.5  # seconds between two looks at the files: a look at 5,000 takes some 20 ms
# A file that a check may read; a report that the shell writes beside the programs, as `check.txt`, is none.
_READ = (*ENDINGS, ".toml", ".cfg", ".ini", ".conf", ".lock", ".in", ".yml", ".yaml", "Pipfile")
_REQUIREMENTS = re.compile(r"(?:require|constraint)[^/\\]*[/\\]?[^/\\]*\.txt\Z")
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"

Snapshot: TypeAlias = "dict[str, tuple[int, int]]"  # path -> time of the last change, in ns, and size


def watch(paths: tuple[str, ...], **options: Any) -> NoReturn:
    """Check, wait for a change, and check again, until the process is interrupted.

    A change is a new, changed or removed file that a check may read, in a directory of the checked files.

    Raises:
        UsageError: the first check cannot run. Later, the reason is printed, and the next change awaited.
    """
    gc.enable()  # each check leaves cycles behind
    directories, before = _check(paths, options)
    while True:
        changed, before = _next_change(directories, before)
        if sys.stdout.isatty():
            sys.stdout.write(_CLEAR)
        _say(f"changed: {', '.join(printable_path(Path(name)) for name in changed)}")
        try:
            directories, before = _check(paths, options)
        except UsageError as error:
            sys.stdout.flush()
            sys.stderr.write(f"dbhygiene: {error}\n")
        gc.collect()


def _check(paths: tuple[str, ...], options: dict[str, Any]) -> tuple[set[str], Snapshot]:
    """Check once; return the directories to watch, and their files as they were before their check."""
    run = Run(**options, only_reports=True)
    parts = list(run.parts(paths))
    directories = {str(part.project.root) for part in parts}
    directories |= {str(path.parent) for part in parts for path in part.files}
    before = _snapshot(directories)
    for part in parts:
        run.report_new(part.project, part.findings)
    run.close()
    after = _snapshot(directories)
    written = set(_output_paths(run))  # a check is no reason for the next one
    before = {name: seen for name, seen in before.items() if name not in written}
    before.update((name, after[name]) for name in written & after.keys())
    _say("watching for changes; Ctrl+C ends it")
    return directories, before


def _output_paths(run: Run) -> Iterator[str]:
    """Yield the files that a check writes, and their directories."""
    options = run.options
    for path in (options.output_file, options.cache_dir, *(target.file for target in options.asked)):
        if path is not None:
            yield os.path.abspath(path)
            yield os.path.dirname(os.path.abspath(path))


def _next_change(directories: Collection[str], before: Snapshot) -> tuple[list[str], Snapshot]:
    """Wait until files differ, and then until they no longer change; return their names, and the last look."""
    while (now := _snapshot(directories)) == before:
        time.sleep(PAUSE)
    while True:
        time.sleep(PAUSE / 5)  # an editor may write a file in several steps, and `git switch` many files
        if (latest := _snapshot(directories)) == now:
            return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name)), now
        now = latest


def _snapshot(directories: Collection[str]) -> Snapshot:
    return {name: seen for directory in directories for name, seen in _entries(directory)}


def _entries(directory: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the directories and files of a directory that a check may read; dbhygiene's cache is hidden."""
    try:
        with os.scandir(directory) as entries:
            names = [entry.path for entry in entries if _may_be_read(entry)]
    except OSError:  # it is removed
        return
    for name in names:
        if (seen := change_mark(name)) is not None:
            yield name, seen


def _may_be_read(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    if name.startswith((".", "__pycache__")):
        return False
    is_read = name.endswith(_READ) or is_deployment_file(name) or _REQUIREMENTS.search(entry.path) is not None
    return is_read or entry.is_dir()


def _say(words: str) -> None:
    sys.stdout.flush()
    print(f"[{time.strftime('%H:%M:%S')}] {words}", file=sys.stderr, flush=True)
