"""`IncrementalCheck`: reuse the findings of files whose dependencies have not changed since the last run.

The findings of a file depend on inputs (see `source.inputs`): the texts of files, searches through the project, and
answers. The inputs of an earlier run keep their numbers. Those that have changed since are found first; an answer whose
inputs have changed is asked for again, and counts as changed only if it differs. If the helpers have changed, or the
packages that are used, the whole project is checked.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

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
    format_lookups,
)
from dbhygiene.diagnostics.model import AnyRule, Finding
from dbhygiene.project.discovery import Files
from dbhygiene.project.project import Project
from dbhygiene.source.file import File
from dbhygiene.source.inputs import ALIASES, ANSWERS, DEPLOYMENT, FILE, IMPORTS, KINDS, SEARCH, Answer, Key
from dbhygiene.source.records import Row
from dbhygiene.source.regular_files import change_mark, own_change_mark, read_bytes

_LATELY = 2_000_000_000  # nanoseconds: a file changed so shortly before may change again without a new time
_UNKNOWN = -1  # in place of a time: compare the contents
_MOST_INPUTS = 200_000  # with more, most are of files and words that are gone: all is checked again
# The modules that answer. A cache that came with a project must not name others.
_ANSWERING = ("gaps.idle_closing", "gaps.search", "recovery.writers")  # which import all others


class Snapshot(Row):
    """The reusable part of an earlier run.

    `rows` are those of unchanged files, `used` the packages, with files that use them, `helpers` the functions that
    return connections, by file.
    """

    rows: Mapping[str, FileRecord]
    used: Mapping[str, Sequence[Path]]
    helper_use: HelperUse
    helpers: Mapping[Path, tuple[str, ...]]


class Seen(Row):
    """What one process has seen of a project: see `IncrementalCheck.export`."""

    lookups: Mapping[str, Mapping[tuple[str, str], str]]
    digests: Mapping[Path, str]
    keys: Sequence[Key]
    answers: Mapping[Key, Answer]
    found: Mapping[tuple[str, ...], Sequence[Path]]
    aliases: Mapping[str, tuple[Sequence[str], Sequence[Path]]]
    imports: Mapping[Path, Sequence[Path]]
    consulted: Mapping[Path, int]


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
        self._same: dict[str, FileRecord] = {}  # rows whose file has not changed
        self._true: dict[str, FileRecord] = {}  # those of them whose findings are still true
        self._consulted: dict[Path, int] = {}  # the inputs of findings and helpers, by file
        self._unchanged: dict[Key, Any] = {}  # stored results of inputs that are the same as before
        self._is_unchanged = False  # whether all findings are those of the last run
        self._is_saved = False
        self._tried: FixOutcomes = {}  # fixes, in this run

    @property
    def warning(self) -> str:
        return self._cache.warning

    @cached_property
    def _last_run(self) -> StoredRun:
        return self._cache.read()

    @cached_property
    def _last_inputs(self) -> list[list[Any]]:
        """The inputs of the last run, in the order of their numbers, as `_stored_inputs` returns them."""
        found: list[list[Any]] = json.loads(self._last_run.facts["inputs"])
        return found

    # -- results of the last run ------------------------------------------------------------------------

    def unchanged_files(self, directories: Collection[Path]) -> Collection[str]:
        """Return the files that have not changed since the last run, by their times, and are no links."""
        starts = tuple(os.path.join(directory, "") for directory in directories)
        asked = sum(path.startswith(starts) for path, _, _ in self._previous_times.files)
        return self._unchanged_files if asked > MANY or asked * LARGE_PART >= len(self._previous_times.files) else ()

    def list_project(self) -> bool:
        """List the files of the project, while the stored times are read; return whether there are any."""
        listing = self._project.listing([self._project.root])
        known = bool(self._previous_times.files)
        self._project.collect(listing, self._unchanged_files)
        return known

    @cached_property
    def _previous_times(self) -> FileTimes:
        return self._cache.times()

    @cached_property
    def _unchanged_times(self) -> dict[str, tuple[int, int]]:
        """Return the files that have not changed, with their times."""
        return {
            path: (mtime, size)
            for path, mtime, size in self._previous_times.files
            if path in self._unchanged_files or change_mark(path) == (mtime, size)
        }

    @cached_property
    def _unchanged_files(self) -> set[str]:
        """Return those of them that are no links: to look for links again would take as long."""
        return {path for path, mtime, size in self._previous_times.files if own_change_mark(path) == (mtime, size)}

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
        """Whether the files that say how servers run, or scripts, have changed, and a finding may depend on them."""
        if not facts["deployment"]:
            return False
        known = {name: (mtime, size, digest) for name, mtime, size, digest in json.loads(facts["deployment"])}
        files = self._project.files_beside
        return known.keys() != set(files.names) or not all(
            self._is_same_content(os.path.join(files.root, name), *state) for name, state in known.items()
        )

    def _is_same_content(self, path: str, mtime: int, size: int, digest: str) -> bool:
        """Whether a file has the time and size of the last run, or else its content."""
        times = change_mark(path) or (_UNKNOWN, _UNKNOWN)
        return times == (mtime, size) or (times[1] == size and _digest_of(path) == digest)

    def _deployment_states(self) -> str:
        """Return the times, sizes and digests of the files that say how servers run, and of scripts."""
        files, states = self._project.files_beside, []
        for name in files.names:
            path = os.path.join(files.root, name)
            mtime, size = change_mark(path) or (_UNKNOWN, _UNKNOWN)
            states.append((name, self._stable_time(mtime), size, _digest_of(path)))
        return json.dumps(states)

    def reusable(self, paths: Files, wanted: Collection[Path], named: Collection[Path]) -> Snapshot | None:
        """Return the reusable part of the last run, or None. A file that was never checked counts as new."""
        self._project.lookups = defaultdict(dict)
        rows, same = self._last_run.rows, self._unchanged_times
        listed = set(paths.names)
        others = (listed | rows.keys()) - same.keys()
        self._times = {**same, **{path: times for path in others if (times := change_mark(path))}}
        if not rows or len(self._project.inputs.keys) or len(self._last_inputs) > _MOST_INPUTS:
            return None
        self._true = {path: row for path, times in same.items() if (row := rows.get(path)) and row[:2] == times}
        self._same = dict(self._true)
        changed = {path for path in (listed | rows.keys()) - self._true.keys() if not self._is_same(path)}
        come_or_gone = {path for path, row in rows.items() if row.listed} ^ listed
        used = self._users_of_packages(changed)
        if used is None or len(changed | come_or_gone) > MANY:
            self.reset()
            return None
        stale = self._stale(changed | come_or_gone, is_listed_anew=bool(come_or_gone))
        stale |= {str(path) for path in wanted} & self._without_findings
        self._true = {path: row for path, row in self._true.items() if path not in stale}
        given = set(map(str, named))
        kept = {path: row for path in paths.names if (row := self._true.get(path)) and row.named == (path in given)}
        handed = {Path(path): row.helpers for path, row in rows.items() if row.helpers}
        return Snapshot(kept, used, HelperUse(self._last_run.facts["help"]), handed)

    def _users_of_packages(self, changed: Collection[str]) -> dict[str, list[Path]] | None:
        """Return the packages that were used, with unchanged files that use them; None if one of them has none."""
        used = {
            package: [Path(path) for name in paths if (path := self._paths.to_absolute(name)) not in changed]
            for package, paths in json.loads(self._last_run.facts["used"]).items()
        }
        return used if all(used.values()) else None

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
        self._true[path] = self._same[path] = row
        return True

    def _stale(self, changed: set[str], *, is_listed_anew: bool) -> set[str]:
        """Return the files that depend on a changed file or on a module that has moved.

        `is_listed_anew`: the project has other files than before, so a name may be that of another one.
        """
        rows, facts = self._last_run.rows, self._last_run.facts
        moved = is_listed_anew or self._has_new_places(facts) or facts.get("markers") != self._describe_markers()
        self._moved = moved
        if moved:
            lookups = {path: row.read_lookups(self._paths) for path, row in rows.items() if row.lookups}
            changed = changed | {path for path, found in lookups.items() if self._lies_elsewhere(found)}
        inputs = self._project.inputs
        self._reuse_inputs(changed, moved=moved)
        return changed | {
            path for path, row in rows.items() if path not in changed and row.inputs and inputs.have_changed(row.inputs)
        }

    def _reuse_inputs(self, changed: Collection[str], *, moved: bool) -> None:
        """Let the project reuse the results of the last run that do not depend on changed files."""
        facts, absolute = self._last_run.facts, self._paths.plain_to_absolute
        names = [self._paths.to_absolute(path) for path in json.loads(facts["paths"])]
        keys, unknown, values, answers = list[Key](), list[Key](), dict[Key, Any](), dict[Key, Answer]()
        for written, *rest in self._last_inputs:
            keys.append(key := tuple(map(absolute, written)))
            if key[0] in KINDS:
                values.update(dict.fromkeys([key], *rest) if rest else {})
            elif rest:
                answers[key] = Answer(absolute(rest[0]), int(rest[1], 16))
            else:
                unknown.append(key)
        project = self._project

        def changes() -> int:
            inputs = project.inputs.bit(DEPLOYMENT) if self._has_new_deployment(facts) else 0
            for key in (*((FILE, path) for path in changed), *unknown):
                inputs |= project.inputs.bit(*key)
            inputs |= self._changed_searches(changed, keys, values, names)
            return inputs | self._changed_imports(changed, values, names, moved=moved)

        project.inputs.reuse(keys, answers, changes, self._ask_again)

    def _ask_again(self, key: Key) -> None:
        for module in _ANSWERING:
            if key[0] not in ANSWERS:
                importlib.import_module(f"dbhygiene.{module}")
        ANSWERS[str(key[0])](self._project, *key[1:])

    def _changed_searches(
        self, changed: Collection[str], keys: Iterable[Key], values: Mapping[Key, Any], names: Sequence[str]
    ) -> int:
        """Return the searches with another result than before; the project gets the results of all."""
        project, inputs = self._project, 0
        numbers = {name: number for number, name in enumerate(names)}
        places = {name: place for place, name in enumerate(project.everything.names)}
        here = [(name, numbers.get(name, _UNKNOWN)) for name in changed]
        pairs = {pair for name in changed if name in places for pair in project.aliases_in(Path(name))}
        for key in keys:
            if key[0] == SEARCH:
                search = tuple(map(str, key[1:]))
                if (found := values.get(key)) is None:
                    inputs |= project.inputs.bit(*key)
                    continue
                old = set(found)
                new = {name for name, _ in here if name in places and project.finds(Path(name), search)}
                project.found[search] = Files(names[number] for number in found)
                if any((number in old) != (name in new) for name, number in here):
                    inputs |= project.inputs.bit(*key)
                    now = new.union(names[number] for number in found).difference(set(changed) - new)
                    project.found[search] = Files(sorted(now, key=places.__getitem__))
            elif key[0] == ALIASES:
                aliases, sources = values.get(key, ((), None))
                added = any(old in aliases and name not in aliases for old, name in pairs)
                if sources is None or added or any(number in sources for _, number in here):
                    inputs |= project.inputs.bit(*key)
                else:
                    project.aliases[str(key[1])] = aliases
                    self._unchanged[key] = Files(names[number] for number in sources)
        return inputs

    def _changed_imports(
        self, changed: Collection[str], values: Mapping[Key, Any], names: Sequence[str], *, moved: bool
    ) -> int:
        """Return the files that import others than before; the project gets the direct imports of unchanged files."""
        project, differ, inputs = self._project, moved, 0
        for path, row in self._last_run.rows.items():
            if row.imports:
                before = [Path(names[number]) for number in json.loads(row.imports)]
                if path not in changed:
                    project.imports.supply(Path(path), before)
                elif not differ:
                    differ = path not in self._times or project.imports.direct_imports(Path(path)) != before
        for key, digest in values.items():
            if key[0] == IMPORTS:
                if differ and project.imports.digest(Path(str(key[1]))) != digest:
                    inputs |= project.inputs.bit(*key)
                else:
                    self._unchanged[key] = digest
        return inputs

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

    def record_inputs(self, path: Path, inputs: int) -> None:
        """Record that the findings or the helpers of a file depend on these inputs."""
        self._consulted[path] = self._consulted.get(path, 0) | inputs

    def export(self) -> Seen:
        """Return what this process has seen, for the one that stores it."""
        project = self._project
        return Seen(
            project.lookups or {},
            digests(project),
            project.inputs.keys,
            project.inputs.answers,
            project.found,
            {name: (names, project.alias_sources(names)) for name, names in project.aliases.items()},
            dict(project.imports.known_imports()),
            self._consulted,
        )

    def add(self, seen: Seen) -> None:
        """Add what another process has seen."""
        project = self._project
        for asker, looked_up in seen.lookups.items():
            assert project.lookups is not None
            project.lookups[asker].update(looked_up)
        self._seen.update(seen.digests)
        bits = [project.inputs.bit(*key) for key in seen.keys]
        known: dict[int, int] = {0: 0}

        def ours(inputs: int) -> int:
            if inputs not in known:
                lowest = inputs & -inputs
                known[inputs] = ours(inputs ^ lowest) | bits[lowest.bit_length() - 1]
            return known[inputs]

        for key, answer in seen.answers.items():
            project.inputs.answers.setdefault(key, answer._replace(inputs=ours(answer.inputs)))
        for search, paths in seen.found.items():
            project.found.setdefault(search, paths)
        for name, (names, _) in seen.aliases.items():
            project.aliases.setdefault(name, names)
        for path, imported in seen.imports.items():
            project.imports.supply(path, imported)
        for path, inputs in seen.consulted.items():
            self.record_inputs(path, ours(inputs))

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
        """Store what was kept in this run, if the stored files are those of this run: a run over a part stores none."""
        if self._tried and (self._is_unchanged or self._is_saved or (self._true and self.is_current)):
            self._cache.add_fixes(self._tried)

    # -- for the next run -----------------------------------------------------------------------------

    def save(
        self,
        loaded: LoadedFiles,
        checked: Mapping[Path, Sequence[Finding]],
        named: Collection[Path],
        handed: Mapping[Path, tuple[str, ...]],
        used: Mapping[str, Sequence[Path]],
        help: HelperUse,
    ) -> None:
        """Store the results of this run; the stored ones of files that are not in `loaded` are still valid."""
        before, stored = self._last_run.rows, self._paths.to_stored
        read = {**digests(self._project), **self._seen}
        numbers: dict[Path, int] = {}  # of paths
        imports = dict(self._project.imports.known_imports())
        rows: dict[str, FileRecord] = {}
        for path in {**loaded, **read, **{Path(path): None for path in self._same}}:
            known = self._true.get(str(path)) if loaded.get(path) is None else None
            found = known.findings if known and known.named == (path in named) else checked.get(path)
            row = self._row(path, read.get(path))
            inputs = self._consulted.get(path, known.inputs if known else 0)
            direct = [numbers.setdefault(each, len(numbers)) for each in imports.get(path, ())]
            rows[str(path)] = row._replace(
                imports=json.dumps(direct) if path in imports else "",
                inputs=inputs,
                helpers=handed.get(path),
                named=path in named,
                listed=path in loaded,
                findings=_tuple(found),
            )
            if _has_failures(loaded.get(path), found):
                rows[str(path)] = FileRecord(_UNKNOWN, _UNKNOWN)
        self._cache.prepare()  # otherwise creating it would change the listing beside the first modules
        facts = {
            "used": json.dumps({package: [stored(str(path)) for path in paths] for package, paths in used.items()}),
            "help": help.value,
            "listed": self._describe_request(Files(map(str, loaded)), named),
            "markers": self._describe_markers(),
            "inputs": json.dumps(self._stored_inputs(numbers), separators=(",", ":")),
        }
        facts["paths"] = json.dumps([stored(str(path)) for path in numbers])
        left = {str(path) for path, file in loaded.items() if file is not None} | (
            self._without_findings & self._true.keys()
        )
        facts["unchecked"] = json.dumps(sorted(map(stored, left - {str(path) for path in checked})))
        facts["deployment"] = self._deployment_states() if (DEPLOYMENT,) in self._project.inputs.keys else ""
        facts["places"] = json.dumps([(stored(path), _time(path)) for path in sorted(self._all_places())])
        new = {path: row for path, row in rows.items() if before.get(path) != row}
        gone = [path for path in before if path not in rows]
        if new or gone or {**self._last_run.facts, **facts} != self._last_run.facts:
            self._cache.write(facts, new, gone, self._last_run.writes)
        self._is_saved = True

    def _stored_inputs(self, numbers: dict[Path, int]) -> list[list[Any]]:
        """Return the inputs in the order of their numbers, each with its result, if it has one."""
        project, plain, written = self._project, self._paths.plain_to_stored, list[list[Any]]()
        number = lambda path: numbers.setdefault(path, len(numbers))  # noqa: E731
        for key in project.inputs.keys:
            entry = [plain(key)]
            if (answer := project.inputs.answers.get(key)) is not None:
                entry += [plain(answer.value), f"{answer.inputs:x}"]
            elif key[0] == SEARCH and (found := project.found.get(tuple(map(str, key[1:])))) is not None:
                entry.append([*map(number, found)])
            elif key[0] == ALIASES and (names := project.aliases.get(str(key[1]))) is not None:
                sources = self._unchanged[key] if key in self._unchanged else project.alias_sources(names)
                entry.append([names, [*map(number, sources)]])
            elif key[0] == IMPORTS:
                entry.append(self._unchanged.get(key) or project.imports.digest(Path(str(key[1]))))
            written.append(entry)
        return written

    def _row(self, path: Path, digest: str | None) -> FileRecord:
        """Return the row of a file: its times, its digest, and the lookups on its behalf, in this run and before."""
        name = str(path)
        known = self._same.get(name)
        mtime, size = self._times.get(name) or change_mark(name) or (_UNKNOWN, _UNKNOWN)
        content = digest or (known.content if known else self._digest_if_held(path))
        digest = known.digest if known and known.digest else digest or ""
        lookups, more = known.lookups if known else "", (self._project.lookups or {}).get(name)
        if more:
            before = known.read_lookups(self._paths) if known else {}
            lookups = format_lookups({**before, **more}, self._paths)
        return FileRecord(self._stable_time(mtime), size, digest, lookups, content=content)

    def _digest_if_held(self, path: Path) -> str:
        """Return the digest of a file that was searched for words; "" if it would have to be read again for that."""
        data = self._project.cached_bytes(path)
        return content_digest(data) if data is not None else ""

    def _describe_request(self, paths: Files, named: Collection[Path]) -> str:
        """Return a digest of the request: all files, and those that were named, which get more findings."""
        own = set(paths.names)
        words = (*paths.names, "", *sorted(name for name in map(str, named) if name in own))
        return content_digest("\0".join(map(self._paths.to_stored, words)).encode(errors="surrogateescape"))

    def _all_places(self) -> set[str]:
        """Return the directories in which a module that was looked up, in this run or before, could appear."""
        before = json.loads(self._last_run.facts.get("places", "[]")) if self._same else ()
        names = {name for found in (self._project.lookups or {}).values() for name in found}
        return self._places(names).union(self._paths.to_absolute(path) for path, _ in before)

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


def _time(path: str) -> int:
    return (change_mark(path) or (_UNKNOWN,))[0]


def digests(project: Project) -> dict[Path, str]:
    """Return the files that were read as Python, or for their imports, and the digests of their bytes."""
    found = {file.path: content_digest(file.encode()) for file in project.files_in_use()}
    for path in map(Path, project.lookups or ()):
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
