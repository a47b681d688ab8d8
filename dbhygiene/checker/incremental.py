"""Incremental checking: reuse the findings of files whose dependencies have not changed since the last run.

A file depends on its text, on the modules that were looked up for it, on the files in which a word was searched for
it, and on the dependencies of all of these. Some results depend on the whole project: the helpers, the packages that
are used, and the code that Django's processes reach. If one of these may have changed, the whole project is checked.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from dbhygiene.checker.cache_key import cache_key, content_digest
from dbhygiene.checker.own_findings import INTERNAL_ERROR
from dbhygiene.checker.plan import LARGE_PART, MANY, HelperUse, LoadedFiles
from dbhygiene.checker.store import (
    FileRecord,
    FileTimes,
    FixOutcomes,
    Lookups,
    RelativePaths,
    Store,
    StoredRun,
    Words,
    format_dependencies,
)
from dbhygiene.diagnostics.model import AnyRule, Finding
from dbhygiene.project.discovery import Files
from dbhygiene.project.project import Dependencies, Project
from dbhygiene.source.file import File
from dbhygiene.source.regular_files import change_mark, read_bytes

_LATELY = 2_000_000_000  # nanoseconds: a file changed so shortly before may change again without a new time
_UNKNOWN = -1  # in place of a time: compare the contents


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
        self._paths = RelativePaths(project.root)
        self._cache = Store(directory, cache_key(project, rules, directory), self._paths)
        self._moved = False  # whether a directory in which modules are looked up has changed
        self._times: dict[str, tuple[int, int]] = {}
        self._seen: dict[Path, str] = {}  # files that other processes read, and their digests
        self._true: dict[str, FileRecord] = {}  # rows whose file has not changed
        self._looked_up: set[tuple[str, str]] = set()  # modules, and from where
        self._is_unchanged = False  # whether all findings are those of the last run
        self._tried: FixOutcomes = {}  # fixes, in this run

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
            path: (mtime, size)
            for path, mtime, size in self._previous_times.files
            if change_mark(path) == (mtime, size)
        }

    def unchanged_findings(self, wanted: Files, named: Collection[Path]) -> list[Finding] | None:
        """Return the findings in these files if nothing in the project has changed, None if something may have.

        Most runs end here: they compare times of files, and read only the findings that they report.
        """
        before, own = self._previous_times, set(wanted.names)
        if before.facts.get("listed") != self._describe_request(self._project.everything, named):
            return None
        if not own.isdisjoint(self._known_paths(before.facts, "unchecked")):
            return None
        if len(self._unchanged_times) < len(before.files):
            return None
        if self._has_new_places(before.facts) or before.facts.get("markers") != self._describe_markers():
            return None
        if self._has_new_deployment(before.facts):
            return None
        found = self._cache.findings(before)
        self._is_unchanged = found is not None
        return None if found is None else [finding for path in sorted(own & found.keys()) for finding in found[path]]

    def _describe_markers(self) -> str:
        """Return a digest of where the distributions of the project lie; the key of the cache covers their texts."""
        return content_digest("\0".join(self._project.markers).encode(errors="surrogateescape"))

    def _known_paths(self, facts: Mapping[str, str], name: str) -> set[str]:
        """Return the paths of a fact."""
        return set(map(self._paths.to_absolute, json.loads(facts.get(name, "[]"))))

    def _has_new_places(self, facts: Mapping[str, str]) -> bool:
        """Whether something has come to a directory in which modules are looked up, or has left it."""
        return any(_time(self._paths.to_absolute(path)) != time for path, time in json.loads(facts["places"]))

    def _has_new_deployment(self, facts: Mapping[str, str]) -> bool:
        """Whether the files that say how servers run have changed, and a finding may depend on them."""
        if not facts["deployment"]:
            return False
        known = {name: (mtime, size, digest) for name, mtime, size, digest in json.loads(facts["deployment"])}
        files = self._project.deployment_files
        return known.keys() != set(files.names) or not all(
            self._is_same_content(os.path.join(files.root, name), *state) for name, state in known.items()
        )

    def _is_same_content(self, path: str, mtime: int, size: int, digest: str) -> bool:
        """Whether a file has the time and size of the last run, or else its content."""
        times = change_mark(path) or (_UNKNOWN, _UNKNOWN)
        return times == (mtime, size) or (times[1] == size and _digest_of(path) == digest)

    def _deployment_states(self) -> str:
        """Return the times, sizes and digests of the files that say how servers run."""
        files, states = self._project.deployment_files, []
        for name in files.names:
            path = os.path.join(files.root, name)
            mtime, size = change_mark(path) or (_UNKNOWN, _UNKNOWN)
            states.append((name, self._stable_time(mtime), size, _digest_of(path)))
        return json.dumps(states)

    def reusable(self, paths: Sequence[Path], wanted: Collection[Path], named: Collection[Path]) -> Snapshot | None:
        """Return the reusable part of the last run, or None. A file that was never checked counts as new."""
        self._project.asked = Dependencies()
        rows, same = self._last_run.rows, self._unchanged_times
        listed = {str(path) for path in paths}
        self._times = {path: times for path in listed | rows.keys() if (times := same.get(path) or change_mark(path))}
        if not rows:
            return None
        changed = {path for path in listed | rows.keys() if not self._is_same(path)}
        come_or_gone = {path for path, row in rows.items() if row.listed} ^ listed
        stale = self._stale(changed | come_or_gone, is_listed_anew=bool(come_or_gone))
        if stale is None:
            self.reset()
            return None
        stale |= {str(path) for path in wanted} & self._without_findings
        self._true = {path: row for path, row in self._true.items() if path not in stale}
        kept = {path: row for path in paths if (row := self._true.get(str(path))) and row.named == (path in named)}
        handed = {Path(path): row.helpers for path, row in rows.items() if row.helpers}
        facts = self._last_run.facts
        return Snapshot(kept, frozenset(json.loads(facts["used"])), HelperUse(facts["help"]), handed)

    @property
    def _without_findings(self) -> set[str]:
        """Return the files of which no run has reported findings so far."""
        return self._known_paths(self._last_run.facts, "unchecked")

    def reset(self) -> None:
        """Discard everything that was reusable."""
        self._true.clear()

    @property
    def is_current(self) -> bool:
        """Whether the stored run is up to date, so that nothing needs to be written."""
        before = self._last_run.rows
        return (
            bool(before)
            and not self._moved  # or the next run would find the old times again
            and len(self._true) == len(before)
            and all(row is before[path] for path, row in self._true.items())
        )

    def _is_same(self, path: str) -> bool:
        """Whether a file has not changed; if so, keep its row."""
        row, times = self._last_run.rows.get(path), self._times.get(path)
        if row is None or times is None:
            return False
        if (row.mtime, row.size) != times:
            if not row.content or row.size != times[1] or row.content != content_digest(self._bytes(path)):
                return False
            row = row._replace(mtime=self._stable_time(times[0]))
        self._true[path] = row
        return True

    def _stale(self, changed: set[str], *, is_listed_anew: bool) -> set[str] | None:
        """Return the files that depend on a changed file or on a module that has moved; None: all files.

        `is_listed_anew`: the project has other files than before, so a name may be that of another one.
        """
        rows, facts = self._last_run.rows, self._last_run.facts
        moved = is_listed_anew or self._has_new_places(facts) or facts.get("markers") != self._describe_markers()
        self._moved = moved
        deployed = self._has_new_deployment(facts)
        if not changed and not moved and not deployed:
            return set()
        rests = {path: row.read(self._paths) for path, row in rows.items() if row.dependencies}
        elsewhere = {path for path, (lookups, _) in rests.items() if self._lies_elsewhere(lookups)} if moved else set()
        asked_deployment = self._known_paths(facts, "deployment_askers") if deployed else set()
        if "" in asked_deployment:
            return None
        if not changed and not elsewhere and not asked_deployment:
            return set()
        texts = [data for path in changed if (data := self._bytes(path))]
        words = self._words_of_project(facts)  # on behalf of the project as a whole
        used = json.loads(facts["used"])
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

    def _words_of_project(self, facts: Mapping[str, str]) -> Words:
        """Return the words that were searched for on behalf of the project, with the files that contain them."""
        return {
            word: tuple(map(self._paths.to_absolute, files)) for word, files in json.loads(facts.get("asked", "[]"))
        }

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

    # -- fixes: what each does, found out once ----------------------------------------------------------

    @cached_property
    def _tried_before(self) -> FixOutcomes:
        return self._cache.fixes()

    def fix_outcome(self, finding: Finding) -> Any:
        """Return what was kept of the fix of a stored finding; raise KeyError if nothing was."""
        path = str(finding.path)
        if not self._is_unchanged and path not in self._true:
            raise KeyError(path)
        outcome = self._tried_before[path, finding.fingerprint]
        if not self._is_unchanged:
            self._tried[path, finding.fingerprint] = outcome  # its row may be written again
        return json.loads(outcome)

    def keep_fix_outcome(self, finding: Finding, outcome: Any) -> None:
        """Keep what the fix of a finding does, for the next run."""
        self._tried[str(finding.path), finding.fingerprint] = json.dumps(outcome)

    def save_fix_outcomes(self) -> None:
        """Store what was kept in this run."""
        if self._tried:
            self._cache.add_fixes(self._tried)

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
            "used": json.dumps(sorted(used)),
            "help": help.value,
            "listed": self._describe_request(Files(map(str, loaded)), named),
            "markers": self._describe_markers(),
        }
        words, stored = {**self._words_of_project(self._last_run.facts), **asked.words[""]}, self._paths.to_stored
        facts["asked"] = json.dumps([(word, [*map(stored, files)]) for word, files in sorted(words.items())])
        kept = {"", *self._true}  # what was asked on their behalf still counts
        left = {str(path) for path, file in loaded.items() if file is not None} | (
            self._without_findings & self._true.keys()
        )
        facts["unchecked"] = json.dumps(sorted(map(stored, left - {str(path) for path in checked})))
        askers = asked.deployment | (self._known_paths(self._last_run.facts, "deployment_askers") & kept)
        facts["deployment_askers"] = json.dumps(sorted(map(stored, askers)))
        facts["deployment"] = self._deployment_states() if askers else ""
        facts["places"] = json.dumps([(stored(path), _time(path)) for path in sorted(self._places(self._looked_up))])
        new = {path: row for path, row in rows.items() if before.get(path) != row}
        gone = [path for path in before if path not in rows]
        if new or gone or {**self._last_run.facts, **facts} != self._last_run.facts:
            self._cache.write(facts, new, gone, self._last_run.writes)

    def _row(self, path: Path, digest: str | None, asked: Dependencies, known: FileRecord | None) -> FileRecord:
        """Return the row of a file: its digest, and the lookups on its behalf, in this run and before."""
        name = str(path)
        mtime, size = self._times.get(name) or change_mark(name) or (_UNKNOWN, _UNKNOWN)
        content = digest or (known.content if known else self._digest_if_held(path))
        if digest is None and (known is None or not known.digest):
            return FileRecord(self._stable_time(mtime), size, content=content)
        lookups, words = known.read(self._paths) if known else ({}, {})
        lookups, words = {**lookups, **asked.lookups.get(name, {})}, {**words, **asked.words.get(name, {})}
        self._looked_up.update(lookups)
        digest = known.digest if known and known.digest else digest or ""
        dependencies = format_dependencies(lookups, words, self._paths)
        return FileRecord(self._stable_time(mtime), size, digest, dependencies, content=content)

    def _digest_if_held(self, path: Path) -> str:
        """Return the digest of a file that was searched for words; "" if it would have to be read again for that."""
        data = self._project.cached_bytes(path)
        return content_digest(data) if data is not None else ""

    def _describe_request(self, paths: Files, named: Collection[Path]) -> str:
        """Return a digest of the request: all files, and those that were named, which get more findings."""
        own = set(paths.names)
        words = (*paths.names, "", *sorted(name for name in map(str, named) if name in own))
        return content_digest("\0".join(map(self._paths.to_stored, words)).encode(errors="surrogateescape"))

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


def _time(path: str) -> int:
    return (change_mark(path) or (_UNKNOWN,))[0]


def digests(project: Project) -> dict[Path, str]:
    """Return the files that were read as Python, or for their imports, and the digests of their bytes."""
    found = {file.path: content_digest(file.encode()) for file in project.files_in_use()}
    for path in map(Path, project.asked.lookups if project.asked is not None else ()):
        if path not in found:
            with suppress(OSError):  # the check of the file itself reports it
                found[path] = content_digest(project.read(path))
    return found


def _digest_of(path: str) -> str:
    """Return the digest of a file; "" if it cannot be read."""
    try:
        return content_digest(read_bytes(path))
    except OSError:
        return ""
