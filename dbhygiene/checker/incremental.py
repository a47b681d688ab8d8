"""Incremental checking: reuse the findings of files whose dependencies have not changed since the last run.

A file depends on its text, on the modules that were looked up for it, on the files in which a word was searched for
it, and on the dependencies of all of these. Some results depend on the whole project: the helpers, the packages that
are used, and the code that Django's processes reach. If one of these may have changed, the whole project is checked.
"""

from __future__ import annotations

import os
import sys
import time
from ast import literal_eval
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from dbhygiene import __version__
from dbhygiene.checker.own_findings import INTERNAL_ERROR
from dbhygiene.checker.plan import LARGE_PART, MANY, HelperUse, LoadedFiles
from dbhygiene.checker.store import FileRecord, FileTimes, Lookups, Store, StoredRun, code_version, format_dependencies
from dbhygiene.diagnostics.model import AnyRule, Finding
from dbhygiene.project.discovery import Files
from dbhygiene.project.project import Dependencies, Project
from dbhygiene.project.requirements import places
from dbhygiene.source.file import File
from dbhygiene.source.records import replace
from dbhygiene.source.regular_files import read_bytes

_LATELY = 2_000_000_000  # nanoseconds: a file changed so shortly before may change again without a new time
_UNKNOWN = -1  # in place of a time: compare the contents
_DISTRIBUTIONS = (".txt", ".toml", ".cfg", ".ini", ".flake8", ".lock", "Pipfile", "setup.py")


class Snapshot(NamedTuple):
    """The reusable part of an earlier run.

    `rows` are those of unchanged files, `used` the packages, `helpers` the functions that return connections, by file.
    """

    rows: Mapping[Path, FileRecord]
    used: frozenset[str]
    helper_use: HelperUse
    helpers: Mapping[Path, tuple[str, ...]]


class IncrementalCheck:
    """The stored results of one project, during one run."""

    def __init__(self, project: Project, rules: Sequence[AnyRule], directory: Path) -> None:
        self._project = project
        self._started = time.time_ns()
        settings = replace(project.settings, sources={}, output_format="")
        codes = [rule.code for rule in rules]
        cache_key = (
            __version__,
            code_version(),
            sys.version,
            str(project.root),
            codes,
            settings,
            _requirements(project.root),
        )
        self._cache = Store(directory, repr(cache_key))
        self._times: dict[str, tuple[int, int]] = {}
        self._seen: dict[Path, str] = {}  # files that other processes read, and their digests
        self._true: dict[str, FileRecord] = {}  # rows whose file has not changed
        self._looked_up: set[tuple[str, str]] = set()  # modules, and from where

    @property
    def warning(self) -> str:
        return self._cache.warning

    @cached_property
    def _last_run(self) -> StoredRun:
        return self._cache.read()

    # -- results of the last run ------------------------------------------------------------------------

    def unchanged_files(self, directories: Collection[Path]) -> Collection[str]:
        """Return the files that have not changed since the last run, by their times."""
        starts = tuple(os.path.join(directory, "") for directory in directories)
        asked = sum(path.startswith(starts) for path, _, _ in self._previous_times.files)
        return self._unchanged_times if asked > MANY or asked * LARGE_PART >= len(self._previous_times.files) else ()

    @cached_property
    def _previous_times(self) -> FileTimes:
        return self._cache.times()

    @cached_property
    def _unchanged_times(self) -> dict[str, tuple[int, int]]:
        """Return the files that have not changed, with their times."""
        return {
            path: (mtime, size) for path, mtime, size in self._previous_times.files if _times(path) == (mtime, size)
        }

    def unchanged_findings(self, wanted: Files, named: Collection[Path]) -> list[Finding] | None:
        """Return the findings in these files if nothing in the project has changed, None if something may have.

        Most runs end here: they compare times of files, and read only the findings that they report.
        """
        before, own = self._previous_times, set(wanted.names)
        if before.facts.get("listed") != _describe_request(self._project.everything, named):
            return None
        if not own.isdisjoint(literal_eval(before.facts["unchecked"])):
            return None
        if len(self._unchanged_times) < len(before.files):
            return None
        if _times_of(path for path, _ in literal_eval(before.facts["places"])) != before.facts["places"]:
            return None
        if self._has_new_deployment(before.facts):
            return None
        found = self._cache.findings(before)
        return None if found is None else [finding for path in sorted(own & found.keys()) for finding in found[path]]

    def _has_new_deployment(self, facts: Mapping[str, str]) -> bool:
        """Whether the files that say how servers run have changed, and a finding may depend on them."""
        return facts["deployment"] != "" and facts["deployment"] != self._deployment_times

    @cached_property
    def _deployment_times(self) -> str:
        files = self._project.deployment_files
        return repr([(name, self._state(os.path.join(files.root, name))) for name in files.names])

    def _state(self, path: str) -> tuple[int, int] | str | None:
        """The time and size of a file; if it has just been written, the digest of its bytes."""
        times = _times(path)
        if times is None or times[0] < self._started - _LATELY:
            return times
        with suppress(OSError):
            return _digest(read_bytes(path))
        return None

    def reusable(self, paths: Sequence[Path], wanted: Collection[Path], named: Collection[Path]) -> Snapshot | None:
        """Return the reusable part of the last run, or None. A file that was never checked counts as new."""
        self._project.asked = Dependencies()
        rows, same = self._last_run.rows, self._unchanged_times
        listed = {str(path) for path in paths}
        self._times = {path: times for path in listed | rows.keys() if (times := same.get(path) or _times(path))}
        if not rows:
            return None
        changed = {path for path in listed | rows.keys() if not self._is_same(path)}
        changed |= {path for path, row in rows.items() if row.listed} ^ listed
        stale = self._stale(changed)
        if stale is None:
            self.reset()
            return None
        stale |= {str(path) for path in wanted} & self._without_findings
        self._true = {path: row for path, row in self._true.items() if path not in stale}
        kept = {path: row for path in paths if (row := self._true.get(str(path))) and row.named == (path in named)}
        handed = {Path(path): row.helpers for path, row in rows.items() if row.helpers}
        facts = self._last_run.facts
        return Snapshot(kept, frozenset(literal_eval(facts["used"])), HelperUse(facts["help"]), handed)

    @property
    def _without_findings(self) -> set[str]:
        """Return the files of which no run has reported findings so far."""
        return set(literal_eval(self._last_run.facts.get("unchecked", "()")))

    def reset(self) -> None:
        """Discard everything that was reusable."""
        self._true.clear()

    @property
    def is_current(self) -> bool:
        """Whether the stored run is up to date, so that nothing needs to be written."""
        before = self._last_run.rows
        return (
            bool(before)
            and len(self._true) == len(before)
            and all(row is before[path] for path, row in self._true.items())
        )

    def _is_same(self, path: str) -> bool:
        """Whether a file has not changed; if so, keep its row."""
        row, times = self._last_run.rows.get(path), self._times.get(path)
        if row is None or times is None:
            return False
        if (row.mtime, row.size) != times:
            if not row.digest or row.size != times[1] or row.digest != _digest(self._bytes(path)):
                return False
            row = row._replace(mtime=self._stable_time(times[0]))
        self._true[path] = row
        return True

    def _stale(self, changed: set[str]) -> set[str] | None:
        """Return the files that depend on a changed file or on a module that has moved; None: all files."""
        rows, facts = self._last_run.rows, self._last_run.facts
        moved = _times_of(path for path, _ in literal_eval(facts["places"])) != facts["places"]
        deployed = self._has_new_deployment(facts)
        if not changed and not moved and not deployed:
            return set()
        rests = {path: row.read() for path, row in rows.items() if row.dependencies}
        elsewhere = {path for path, (lookups, _) in rests.items() if self._lies_elsewhere(lookups)} if moved else set()
        asked_deployment = set(literal_eval(facts["deployment_askers"])) if deployed else set()
        if "" in asked_deployment:
            return None
        if not changed and not elsewhere and not asked_deployment:
            return set()
        texts = [data for path in changed if (data := self._bytes(path))]
        words = dict(literal_eval(facts["asked"]))  # on behalf of the project as a whole
        used = literal_eval(facts["used"])
        if _may_differ(words.items(), changed, texts) or (used and any(self._was_read(path) for path in changed)):
            return None
        asking = {path for path, (_, asked) in rests.items() if _may_differ(asked.items(), changed, texts)}
        dirty = changed | elsewhere | asking | asked_deployment
        resting_on: dict[str, set[str]] = {}
        for path, (lookups, asked) in rests.items():
            for other in chain(lookups.values(), *asked.values()):
                resting_on.setdefault(other, set()).add(path)
        todo = list(dirty)
        while todo:
            fresh = resting_on.get(todo.pop(), set()) - dirty
            dirty |= fresh
            todo += fresh
        return dirty

    def _was_read(self, path: str) -> bool:
        """Whether a file was read beyond a search for words; False for a new file, of which this is unknown."""
        row = self._last_run.rows.get(path)
        return row is None or bool(row.digest)

    def _lies_elsewhere(self, lookups: Lookups) -> bool:
        find = self._project.search_module
        return any(str(find(*key) or "") != path for key, path in lookups.items())

    def _bytes(self, path: str) -> bytes:
        try:
            return self._project.read(Path(path)) if path in self._times else b""
        except OSError:
            return b""

    def _stable_time(self, mtime: int) -> int:
        return mtime if mtime < self._started - _LATELY else _UNKNOWN

    def add(self, asked: tuple[Any, Any, Any], read: Mapping[Path, str]) -> None:
        """Add the lookups and reads of another process."""
        lookups, words, deployment = asked
        assert self._project.asked is not None
        self._project.asked.deployment.update(deployment)
        for asker, found in lookups.items():
            self._project.asked.lookups[asker].update(found)
        for asker, answers in words.items():
            for word, paths in answers.items():
                self._project.asked.note(asker, word, paths)
        self._seen.update(read)

    # -- for the next run -----------------------------------------------------------------------------

    def save(
        self,
        loaded: LoadedFiles,
        checked: Mapping[Path, Sequence[Finding]],
        named: Collection[Path],
        handed: Mapping[Path, tuple[str, ...]],
        used: Collection[str],
        help: HelperUse,
    ) -> None:
        """Store the results of this run; the stored ones of files that are not in `loaded` are still valid."""
        asked, before = self._project.asked or Dependencies(), self._last_run.rows
        read = {**digests(self._project), **self._seen}
        rows: dict[str, FileRecord] = {}
        for path in {**loaded, **read, **{Path(path): None for path in self._true}}:
            digest, known = read.get(path), self._true.get(str(path)) if loaded.get(path) is None else None
            found = known.findings if known and known.named == (path in named) else checked.get(path)
            rows[str(path)] = self._row(path, digest, asked, known)._replace(
                helpers=handed.get(path), named=path in named, listed=path in loaded, findings=_tuple(found)
            )
            if _has_failures(loaded.get(path), found):
                rows[str(path)] = FileRecord(_UNKNOWN, _UNKNOWN)
        self._cache.prepare()  # otherwise creating it would change the listing beside the first modules
        facts = {
            "used": repr(sorted(used)),
            "help": help.value,
            "listed": _describe_request(Files(map(str, loaded)), named),
        }
        words = {**dict(literal_eval(self._last_run.facts.get("asked", "()"))), **asked.words[""]}
        facts["asked"] = repr(sorted(words.items()))
        kept = {"", *self._true}  # what was asked on their behalf still counts
        left = {str(path) for path, file in loaded.items() if file is not None} | (
            self._without_findings & self._true.keys()
        )
        facts["unchecked"] = repr(sorted(left - {str(path) for path in checked}))
        askers = asked.deployment | (set(literal_eval(self._last_run.facts.get("deployment_askers", "()"))) & kept)
        facts["deployment_askers"] = repr(sorted(askers))
        facts["deployment"] = self._deployment_times if askers else ""
        facts["places"] = _times_of(sorted(self._places(self._looked_up)))
        new = {path: row for path, row in rows.items() if before.get(path) != row}
        gone = [path for path in before if path not in rows]
        if new or gone or {**self._last_run.facts, **facts} != self._last_run.facts:
            self._cache.write(facts, new, gone, self._last_run.writes)

    def _row(self, path: Path, digest: str | None, asked: Dependencies, known: FileRecord | None) -> FileRecord:
        """Return the row of a file: its digest, and the lookups on its behalf, in this run and before."""
        name = str(path)
        mtime, size = self._times.get(name) or _times(name) or (_UNKNOWN, _UNKNOWN)
        if digest is None and (known is None or not known.digest):
            return FileRecord(self._stable_time(mtime), size)
        lookups, words = known.read() if known else ({}, {})
        lookups, words = {**lookups, **asked.lookups.get(name, {})}, {**words, **asked.words.get(name, {})}
        self._looked_up.update(lookups)
        digest = known.digest if known and known.digest else digest or ""
        return FileRecord(self._stable_time(mtime), size, digest, format_dependencies(lookups, words))

    def _places(self, names: Collection[tuple[str, str]]) -> set[str]:
        """Return the directories in which a module that was looked up could appear."""
        tops = {(name.partition(".")[0], directory) for name, directory in names}
        bases = {directory: tuple(self._project.bases(directory)) for _, directory in names}
        found = {base for each in bases.values() for base in each}
        there = {(base, top) for top, directory in tops for base in bases[directory]}
        packages = {each for each in there if os.path.isdir(os.path.join(*each))}
        for name, directory in names:
            for base in bases[directory]:
                if (base, name.partition(".")[0]) in packages:
                    here = base
                    for part in name.split("."):
                        here = os.path.join(here, part)
                        if here not in found:
                            if not os.path.isdir(here):
                                break
                            found.add(here)
        return found


def _describe_request(paths: Files, named: Collection[Path]) -> str:
    """Return a digest of the request: all files, and those that were named, which get more findings."""
    own = set(paths.names)
    words = (*paths.names, "", *sorted(name for name in map(str, named) if name in own))
    return _digest("\0".join(words).encode(errors="surrogateescape"))


def _tuple(found: Sequence[Finding] | None) -> tuple[Finding, ...] | None:
    return None if found is None else tuple(found)


def _has_failures(loaded: File | Finding | None, found: Sequence[Finding] | None) -> bool:
    """Whether another run may have another result although no file has changed."""
    return isinstance(loaded, Finding) or any(each.code == INTERNAL_ERROR for each in found or ())


def _may_differ(
    asked: Iterable[tuple[str, tuple[str, ...]]], changed: Collection[str], texts: Collection[bytes]
) -> bool:
    """Whether a changed file contains, or contained, one of these words."""
    for word, paths in asked:
        needle = word.encode()
        if any(path in changed for path in paths) or any(needle in text for text in texts):
            return True
    return False


def _times(path: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _times_of(paths: Iterable[str]) -> str:
    return repr([(path, (_times(path) or (_UNKNOWN,))[0]) for path in paths])


def digests(project: Project) -> dict[Path, str]:
    """Return the files that were read as Python, or for their imports, and the digests of their bytes."""
    found = {file.path: _digest(file.encode()) for file in project.files_in_use()}
    for path in map(Path, project.asked.lookups if project.asked is not None else ()):
        if path not in found:
            with suppress(OSError):  # the check of the file itself reports it
                found[path] = _digest(project.read(path))
    return found


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _requirements(root: Path) -> list[tuple[str, tuple[int, int] | None]]:
    """Return the files that list the requirements of a project, and their times."""
    found = []
    for directory in (each for place in places(root) for each in (place, place / "requirements")):
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        found += [str(directory / name) for name in names if name.endswith(_DISTRIBUTIONS)]
    return [(path, _times(path)) for path in sorted(found)]
