"""`ProjectCheck`: check many files: load those that may hold a fault, exchange helpers, reuse results, run workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dbhygiene.checker.file_check import check_file, check_named_file
from dbhygiene.checker.own_findings import OTHER_INTERPRETER, SYNTAX_ERROR, not_parsed, not_read, worker_died
from dbhygiene.checker.plan import LARGE_PART, MANY, HelperUse, LoadedFiles
from dbhygiene.checker.subjects import Analyses, WordIndex
from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import AnyRule, Finding
from dbhygiene.library.prefilter import needles
from dbhygiene.project.discovery import Files
from dbhygiene.project.project import Project
from dbhygiene.source.file import File
from dbhygiene.source.nodes import NOT_PYTHON
from dbhygiene.source.queries import with_inputs
from dbhygiene.source.records import Frozen

if TYPE_CHECKING:
    from dbhygiene.checker.incremental import IncrementalCheck, Snapshot
    from dbhygiene.checker.workers import WorkerPool

SMALLEST = 20  # files of a run that is cached: fewer are checked before a database is opened
_USERS = 8  # files that use a package: so many are kept, to know that it is still used after an edit
WORTH_FORKING = 600_000  # characters to be looked into; of less, two processes take as long as one


Result = TypeVar("Result")


class RunOptions(Frozen):
    """Options of a run: cache, number of worker processes, progress callback.

    `memories` has the stored results by the root of their project; the run adds those that it uses. `unsure` gets the
    findings that are less certain than those that are reported, and `skipped` the syntax errors of programs for another
    Python that the user did not name.
    """

    cache: Path | None = None
    jobs: int = 1
    progress: Callable[[int, int, int], None] | None = None
    warn: Callable[[str], None] | None = None
    memories: dict[Path, IncrementalCheck] | None = None
    unsure: list[Finding] | None = None
    skipped: list[Finding] | None = None


def check(
    project: Project,
    paths: Iterable[Path],
    rules: Sequence[AnyRule],
    *,
    named: Collection[Path] = (),
    analyses: Analyses | None = None,
    how: RunOptions | None = None,
) -> Iterator[Finding]:
    """Yield the findings in these files, in their order.

    Most files name no driver: their bytes are searched, and they are neither decoded nor parsed. Files that the user
    `named` are always parsed, so that their syntax errors are reported.
    """
    files, how = paths if isinstance(paths, Files) else Files(map(str, paths)), how or RunOptions()
    least, named = project.settings.min_confidence, set(named)
    for finding in _check(project, files, rules, named, analyses or Analyses(project), how):
        if how.skipped is not None and _is_skipped(finding, named):
            if finding.subject != OTHER_INTERPRETER:
                how.skipped.append(finding)
        elif finding.confidence >= least:
            yield finding
        elif how.unsure is not None:
            how.unsure.append(finding)


def _check(
    project: Project, files: Files, rules: Sequence[AnyRule], named: set[Path], analyses: Analyses, how: RunOptions
) -> Iterator[Finding]:
    """Return the findings of every confidence, so that a cache serves all values of `min-confidence`."""
    if how.cache is None:
        return ProjectCheck(project, files, rules, named, analyses, how).findings()
    if not _is_large_part(project, files, named):
        return _check_few(project, files, rules, named, analyses, how)
    from dbhygiene.checker.incremental import IncrementalCheck

    memories = {} if how.memories is None else how.memories
    if (memory := memories.get(project.root)) is None:
        memory = memories[project.root] = IncrementalCheck(project, rules, how.cache)
    if (found := memory.unchanged_findings(files, named)) is not None:
        return iter(found)
    return ProjectCheck(project, project.everything, rules, named, analyses, how, memory, files).findings()


def _check_few(
    project: Project, files: Files, rules: Sequence[AnyRule], named: set[Path], analyses: Analyses, how: RunOptions
) -> Iterator[Finding]:
    """Return the findings in a few files, with what the last check of the whole project has stored of the others.

    Nothing is stored: a hook names the changed files, which differ each time.
    """
    if how.cache is not None and os.path.isdir(how.cache):
        from dbhygiene.checker.incremental import IncrementalCheck

        memory = IncrementalCheck(project, rules, how.cache)
        if memory.list_project() and set(project.everything.names).issuperset(files.names):
            run = ProjectCheck(project, project.everything, rules, named, analyses, how, memory, files)
            if (changed := run.changed_files()) is not None:
                return run.wanted_findings(changed)
    return ProjectCheck(project, files, rules, named, analyses, how).findings()


def _is_skipped(finding: Finding, named: Collection[Path]) -> bool:
    """Whether a finding says that a file is written for another Python, or none, and the user did not name it."""
    return finding.code == SYNTAX_ERROR and finding.subject != "" and finding.path not in named


def _is_large_part(project: Project, paths: Files, named: set[Path]) -> bool:
    """Whether these are so large a part of their project that the whole project is read, and the result cached."""
    if len(paths) < SMALLEST or named.issuperset(paths):  # a hook names the changed files, which differ each time
        return False
    if project.is_all(paths):
        return True
    own = project.everything.names
    return (len(paths) > MANY or len(paths) * LARGE_PART >= len(own)) and set(own).issuperset(paths.names)


def load(
    project: Project, paths: Iterable[Path], rules: Sequence[AnyRule], analyses: Analyses, named: Collection[Path] = ()
) -> list[File]:
    """Load these files and their imports into the analyses, so that they can be checked.

    Return those of the files that may have a finding.
    """
    files = Files(map(str, paths))
    whole = ProjectCheck(project, files, rules, set(named), analyses, RunOptions())
    loaded = whole.load(whole.with_imports(files))
    return _files({path: loaded[path] for path in files})


class ProjectCheck:
    """One run: the files that are loaded, their helpers, and the reusable part of the last run."""

    def __init__(
        self,
        project: Project,
        paths: Files,
        rules: Sequence[AnyRule],
        named: set[Path],
        analyses: Analyses,
        how: RunOptions,
        memory: IncrementalCheck | None = None,
        wanted: Files | None = None,
    ) -> None:
        """`wanted` are the files whose findings are requested; None: all."""
        self.project, self.paths, self.rules, self.named = project, paths, rules, named
        self.wanted = paths if wanted is None else wanted
        self.analyses, self.how, self.memory = analyses, how, memory
        # Packages within which rules find something, and which the project imports; each with some files that do.
        self.used: dict[str, list[Path]] = {}
        self.help = HelperUse.NONE
        self.handed: dict[Path, tuple[str, ...]] = {}  # the names of functions that return connections
        self.known: dict[str, Sequence[Finding] | None] = {}
        self.crew: WorkerPool | None = None
        self.worker: dict[Path, int] = {}  # which worker has checked a file
        self.lost: dict[Path, str] = {}  # files whose check ended the worker

    def findings(self) -> Iterator[Finding]:
        try:
            yield from self._check_whole_project() if self.project.is_all(self.paths) else self._check_some_files()
        finally:
            self._stop_workers()

    def wanted_findings(self, changed: LoadedFiles) -> Iterator[Finding]:
        """Yield the requested findings, after `changed_files`; store nothing."""
        try:
            for _, findings in self._results({path: changed.get(path) for path in self.wanted}):
                yield from findings
        finally:
            self._stop_workers()

    def _check_whole_project(self) -> Iterator[Finding]:
        """Yield the requested findings of a check of the whole project."""
        changed = self.changed_files()
        loaded = self.load(self.paths) if changed is None else {**dict.fromkeys(self.paths), **changed}
        checked = {}
        for path, findings in self._results({path: loaded[path] for path in self.wanted}):
            checked[path] = findings
            yield from findings
        if self.memory is not None and not self.lost and not self.memory.is_current:
            if self.crew is not None:
                for seen in self.crew.broadcast(("seen",)):
                    self.memory.add(seen)
            self.memory.save(loaded, checked, self.named, self.handed, self.used, self.help)
            if self.memory.warning and self.how.warn is not None:
                self.how.warn(self.memory.warning)

    def _check_some_files(self) -> Iterator[Finding]:
        """Yield the findings in some files of a project: the same as in a check of the whole project.

        The helpers are searched in the transitive imports of these files. If a lookup leads to another file, that is
        loaded, and the files are checked again.
        """
        scope = self.with_imports(self.paths)
        while True:
            loaded = self.load(scope)
            checked = list(self._results({path: loaded[path] for path in self.paths}))
            more = self._files_asked_about() - scope.keys()
            if not (more := more and more.intersection(self.project.everything)):
                break
            scope.update(self.with_imports(more))
            self._reset()
        for _, findings in checked:
            yield from findings

    def with_imports(self, paths: Collection[Path]) -> dict[Path, None]:
        """Return these files and their transitive imports; for many files, the whole project."""
        drawn_in = self.project.transitive_imports(paths) if len(paths) <= MANY else None
        if drawn_in is not None and drawn_in <= set(paths):
            return dict.fromkeys(paths)
        own = self.project.everything
        return dict.fromkeys([*paths, *(path for path in own if drawn_in is None or path in drawn_in)])

    def _files_asked_about(self) -> set[Path]:
        """Return the files for which a rule looked for helpers."""
        asked = self.analyses.files_asked_about()
        return asked.union(*self.crew.broadcast(("asked",))) if self.crew is not None else asked

    def _reset(self) -> None:
        """Discard all results."""
        self._stop_workers()
        self.analyses.reset()
        self.handed.clear()
        self.used.clear()
        self.worker.clear()

    def _stop_workers(self) -> None:
        if self.crew is not None:
            self.crew.close()
            self.crew = None

    # -- files that may have a finding ----------------------------------------------------------------

    def load(self, scope: Collection[Path]) -> LoadedFiles:
        """Load those of these files that may contain a fault, and find their helpers."""
        loaded, self.rules = self._prefilter(scope)
        self.help = self._helper_use(loaded)
        while self.help is HelperUse.KNOWN:
            known = self.analyses.helpers
            self._exchange_helpers(_files(loaded))
            words = tuple(word.encode() for word in self.analyses.helpers - known)
            if not words:
                break
            unread = [path for path, file in loaded.items() if file is None]
            loaded.update((path, _load(self.project, path, words)) for path in unread)
        return loaded

    def _helper_use(self, loaded: LoadedFiles) -> HelperUse:
        if not self.analyses.may_define_any(self.rules, _files(loaded)):
            return HelperUse.NONE
        if self.project.settings.functions:  # which may be called in files that name no driver
            return HelperUse.KNOWN
        return HelperUse.KNOWN if len(loaded) > 1 and self._needs_helpers(loaded) else HelperUse.UNNEEDED

    def _needs_helpers(self, loaded: LoadedFiles) -> bool:
        """Whether a helper in another file may return a connection to one of these."""
        return None in loaded.values() or any(map(self.analyses.needs_helpers, _files(loaded)))

    def changed_files(self) -> LoadedFiles | None:
        """Return the files that have changed, or depend on a changed one; None if all are to be checked."""
        if self.memory is None or (before := self.memory.reusable(self.paths, self.wanted, self.named)) is None:
            return None
        self.used, self.help = {package: [*paths] for package, paths in before.used.items()}, before.helper_use
        rules = [rule for rule in self.rules if not rule.within or rule.within in self.used]
        stale = [Path(path) for path in self.paths.names if path not in before.rows]
        packages = {rule.within for rule in self.rules if rule.within}
        changed = _search(self.project, stale, rules, self.named, packages | _names(before.helpers))
        texts = (WordIndex(file.text) for file in _files(changed))
        if any(words[each] for words in texts for each in packages - self.used.keys()) or not self._has_same_helpers(
            before, changed
        ):
            self.memory.reset()
            self._reset()
            return None
        self.rules = rules
        self.known = {path: row.findings for path, row in before.rows.items()}
        return changed

    def _has_same_helpers(self, before: Snapshot, changed: LoadedFiles) -> bool:
        """Whether the same functions return connections as in the last run; changed files are analysed for that."""
        self.handed.update((path, names) for path, names in before.helpers.items() if str(path) in before.rows)
        if not changed:
            return True
        if before.helper_use is not HelperUse.KNOWN:
            return (
                self._helper_use(changed) is HelperUse.NONE
                if before.helper_use is HelperUse.NONE
                else not self._needs_helpers(changed)
            )
        self._exchange_helpers(_files(changed))
        return {path: names for path, names in self.handed.items() if names} == before.helpers

    def _prefilter(self, scope: Collection[Path]) -> tuple[LoadedFiles, Sequence[AnyRule]]:
        """Return those of these files that may have a finding, by their words, and the rules that are left.

        If the whole project is checked and none of its files imports a package, the rules for that package are left
        out: their words occur in many unrelated files.
        """
        packages = {rule.within for rule in self.rules if rule.within}
        if not packages or not self.project.is_all(self.paths):
            return _search(self.project, scope, self.rules, self.named, ()), self.rules
        everywhere = [rule for rule in self.rules if not rule.within]
        loaded = _search(self.project, scope, everywhere, self.named, packages)
        texts = [(file.path, WordIndex(file.text)) for file in _files(loaded)]
        users = {package: (path for path, words in texts if words[package]) for package in packages}
        self.used = {package: some for package, paths in users.items() if (some := [*islice(paths, _USERS)])}
        rules = [rule for rule in self.rules if not rule.within or rule.within in self.used]
        if self.used:
            unread = [path for path, file in loaded.items() if file is None]
            loaded.update(_search(self.project, unread, [rule for rule in rules if rule.within], self.named, ()))
        return loaded, rules

    # -- findings ------------------------------------------------------------------------------------

    def _exchange_helpers(self, files: Sequence[File]) -> None:
        """Find the helpers of all files: each process analyses its part, and gets the results of the others.

        A helper may return what another helper returns, so files that mention new helpers are analysed again.
        """
        self.analyses.set_helpers(self.handed)
        self._start_workers(files)
        fresh = [file for file in files if file.path not in self.handed and self.analyses.may_define_helpers(file)]
        while fresh:
            known, handed = _names(self.handed), dict[Path, tuple[str, ...]]()
            for path, answer in self._helpers_in(fresh):
                self._take(path, answer, handed, ())
                if self.how.progress is not None:  # nothing is done yet, but something is
                    self.how.progress(0, len(self.wanted), 0)
            self.handed.update(handed)
            if self.crew is not None:
                self.crew.broadcast(("learn", self.handed))
            self.analyses.set_helpers(self.handed)
            new = _names(self.handed) - known
            fresh = [f for f in files if any(name in f.text for name in new) and self.analyses.may_define_helpers(f)]

    def _helpers_in(self, files: Sequence[File]) -> Iterable[tuple[Path, Any]]:
        """Return the names of the functions of each of these files that return connections."""
        if self.crew is None:
            return ((file.path, self._helpers_of(file)) for file in files)
        self._distribute(files)
        return self.crew.map((file.path, self.worker[file.path], ("hand", file.path)) for file in files)

    def _start_workers(self, files: Sequence[File]) -> None:
        """Start workers for these files, if that saves time; compute shared results before the fork."""
        if self.crew is not None:
            return
        wanted = set(self.wanted)  # the others only define helpers
        self.analyses.warm_up(self.rules, [file for file in files if file.path in wanted])
        if self._is_worth_forking(files):
            from dbhygiene.checker.workers import WorkerPool

            self.crew = WorkerPool(self.how.jobs, self._run_task)

    def _is_worth_forking(self, files: Sequence[File]) -> bool:
        return self.how.jobs > 1 and hasattr(os, "fork") and _size(files) >= WORTH_FORKING

    def _distribute(self, files: Sequence[File]) -> None:
        """Distribute files evenly; files of one directory, which import the same modules, mostly to one worker."""
        fresh = [file for file in files if file.path not in self.worker]
        most = _size(fresh) // (4 * self.how.jobs)
        pieces: list[list[File]] = []
        room = 0  # in the last one
        for file in fresh:
            if pieces and len(file.text) <= room and pieces[-1][-1].directory == file.directory:
                pieces[-1].append(file)
            else:
                pieces.append([file])
                room = most
            room -= len(file.text)
        load = [0] * self.how.jobs
        for piece in sorted(pieces, key=_size, reverse=True):
            least = min(range(len(load)), key=load.__getitem__)
            self.worker.update((file.path, least) for file in piece)
            load[least] += _size(piece)

    def _take(self, path: Path, answer: Any, into: dict[Path, Any], instead: Any) -> None:
        into[path] = answer
        if self.crew is not None:
            from dbhygiene.checker.workers import WorkerDied

            if isinstance(answer, WorkerDied):
                self.lost[path], into[path] = answer.reason, instead

    def _run_task(self, question: tuple[Any, ...]) -> Any:
        """Run a task in a worker."""
        match question:
            case ("hand", path):
                return self._helpers_of(self.project.file(path))
            case ("learn", handed):
                return self.analyses.set_helpers(handed)
            case ("asked",):
                return self.analyses.files_asked_about()
            case ("rules", codes):
                self.rules = [rule for rule in self.rules if rule.code in codes]
            case ("check", path):
                return self._check(self.project.file(path))
            case ("seen",):
                return self.memory.export() if self.memory is not None else None
        return None

    def _results_of_workers(self, crew: WorkerPool, files: Sequence[File]) -> Iterator[tuple[Path, Sequence[Finding]]]:
        """Yield the findings of the workers in the order of the files, as early as possible."""
        self._distribute(files)
        crew.broadcast(("rules", [rule.code for rule in self.rules]))
        found: dict[Path, Sequence[Finding]] = {}
        questions = ((file.path, self.worker[file.path], ("check", file.path)) for file in files)
        order = iter(files)
        expected = next(order, None)
        for path, answer in crew.map(questions):
            self._take(path, answer, found, [])
            while expected is not None and expected.path in found:
                yield expected.path, found.pop(expected.path)
                expected = next(order, None)

    def _results(self, loaded: LoadedFiles) -> Iterator[tuple[Path, Sequence[Finding]]]:
        files = _files(loaded)
        self._start_workers(files)
        coming = (
            self._results_of_workers(self.crew, files)
            if self.crew is not None
            else ((f.path, self._check(f)) for f in files)
        )
        found = 0
        for done, (path, file) in enumerate(loaded.items(), 1):
            if isinstance(file, File):
                findings = next(coming)[1]
                findings = [worker_died(path, self.lost[path])] if path in self.lost else findings
            else:
                findings = [file] if file is not None else self.known.get(str(path)) or ()
            found += sum(each.confidence >= self.project.settings.min_confidence for each in findings)
            if self.how.progress is not None:
                self.how.progress(done, len(loaded), found)
            yield path, findings

    def _check(self, file: File) -> list[Finding]:
        checked = check_named_file if file.path in self.named else check_file
        found = self._record(file, lambda: checked(file, self.rules, self.analyses, Confidence.POSSIBLE))
        self.analyses.release(file)
        return found

    def _helpers_of(self, file: File) -> tuple[str, ...]:
        return self._record(file, lambda: self.analyses.helpers_in(file))

    def _record(self, file: File, ask: Callable[[], Result]) -> Result:
        """Record the inputs of a result about a file."""
        result, inputs = with_inputs(ask)
        if self.memory is not None:
            self.memory.record_inputs(file.path, inputs | file.query_input)
        return result


def _names(handed: Mapping[Path, Iterable[str]]) -> set[str]:
    return {name for names in handed.values() for name in names}


def _size(files: Iterable[File]) -> int:
    """Return the number of characters to check."""
    return sum(len(file.text) for file in files)


def _files(loaded: LoadedFiles) -> list[File]:
    return [file for file in loaded.values() if isinstance(file, File)]


def _search(
    project: Project, paths: Iterable[Path], rules: Sequence[AnyRule], named: Collection[Path], words: Collection[str]
) -> LoadedFiles:
    """Return the files that contain one of the words of the rules, or one of these."""
    wanted = needles({*words, *(word for rule in rules for word in rule.also or rule.imports)})
    if not all(rule.imports for rule in rules):
        wanted = ()
    return {path: _load(project, path, () if path in named else wanted) for path in paths}


def _load(project: Project, path: Path, wanted: tuple[bytes, ...]) -> File | Finding | None:
    """Load a file that contains one of these words, if there are any; return a finding if it cannot be read."""
    try:
        data = project.read(path)
        for needle in wanted:
            if needle in data:
                break
        else:
            if wanted:
                return None
        return project.file(path, data)
    except OSError as error:
        return not_read(path, error.strerror or str(error))
    except NOT_PYTHON as error:
        return not_parsed(path, error)
