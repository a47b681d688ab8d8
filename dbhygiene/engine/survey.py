"""Many files: which are worth a look, what is known of them from an earlier run, and their findings in order."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from dbhygiene.engine import Analyses, How, Words, check_file, gone, not_parsed, not_read, syntax_error
from dbhygiene.library.prefilter import needles
from dbhygiene.model import AnyRule, Finding
from dbhygiene.project import Project
from dbhygiene.source import NOT_PYTHON, File

if TYPE_CHECKING:
    from dbhygiene.engine.crew import Crew
    from dbhygiene.engine.memory import Memory

MAX_HELPERS = 4  # how far a connection is followed through helpers in files that name no driver
SMALLEST = 20  # files of a project that is worth a cache: fewer are checked before a database is opened
WORTH_FORKING = 600_000  # characters to be looked into; below, a second process costs more than it saves

Loaded: TypeAlias = "dict[Path, File | Finding | None]"  # None: nothing in it is worth a look so far


def survey(
    project: Project, paths: Sequence[Path], rules: Sequence[AnyRule], named: set[Path], analyses: Analyses, how: How
) -> Iterator[Finding]:
    """The findings in these files, in their order; see `engine.check`."""
    memory: Memory | None = None
    if how.cache is not None and len(paths) >= SMALLEST and project.is_all(paths):
        from dbhygiene.engine.memory import Memory

        memory = Memory(project, rules, how.cache)
    return Survey(project, paths, rules, named, analyses, how, memory).findings()


def load(
    project: Project, paths: Sequence[Path], rules: Sequence[AnyRule], analyses: Analyses, named: set[Path]
) -> None:
    """Read these files and learn from them, so that any of the project's can be checked."""
    Survey(project, paths, rules, named, analyses, How()).load()


class Survey:
    """One run: the files as far as they are loaded, what they hand out, and what is known already."""

    def __init__(
        self,
        project: Project,
        paths: Sequence[Path],
        rules: Sequence[AnyRule],
        named: set[Path],
        analyses: Analyses,
        how: How,
        memory: Memory | None = None,
    ) -> None:
        self.project, self.paths, self.rules, self.named = project, paths, rules, named
        self.analyses, self.how, self.memory = analyses, how, memory
        self.used: set[str] = set()  # packages within which rules find something, and which the project imports
        self.handed: dict[Path, tuple[str, ...]] = {}
        self.known: dict[Path, Sequence[Finding] | None] = {}
        self.crew: Crew | None = None
        self.worker: dict[Path, int] = {}  # which of the crew has looked at a file
        self.lost: dict[Path, str] = {}  # files that a process died of

    def findings(self) -> Iterator[Finding]:
        try:
            yield from self._findings()
        finally:
            if self.crew is not None:
                self.crew.close()

    def _findings(self) -> Iterator[Finding]:
        loaded = self._again() or self.load()
        done = found = 0
        checked: dict[Path, Sequence[Finding]] = {}
        for path, findings in self._checked(loaded):
            checked[path] = findings
            done, found = done + 1, found + len(findings)
            if self.how.progress is not None:
                self.how.progress(done, len(self.paths), found)
            yield from findings
        if self.memory is not None and not self.lost and not self.memory.is_settled:
            if self.crew is not None:
                for seen in self.crew.tell(("seen",)):
                    self.memory.add(*seen)
            facts = {"words": self.analyses.words, "used": self.used}
            self.memory.keep(loaded, checked, self.named, self.handed, facts)
            if self.memory.warning and self.how.warn is not None:
                self.how.warn(self.memory.warning)

    # -- what is worth a look -------------------------------------------------------------------------

    def load(self) -> Loaded:
        """The files that may hold a fault; the analyses learn from them."""
        loaded, self.rules = self._sifted()
        fresh = [file for file in loaded.values() if isinstance(file, File)]
        for _ in range(MAX_HELPERS):  # a helper of a helper may be in a file that names no driver
            before = self.analyses.words
            self._learn(fresh, self.rules)
            helpers = tuple(word.encode() for word in self.analyses.words - before)
            if not helpers:
                break
            unread = [path for path, file in loaded.items() if file is None]
            loaded.update((path, _load(self.project, path, helpers)) for path in unread)
            fresh = [file for path in unread if isinstance(file := loaded[path], File)]
        return loaded

    def _again(self) -> Loaded | None:
        """The files that have changed, or depend on one that has; None where all must be looked at."""
        if self.memory is None or (before := self.memory.valid(self.paths, self.named)) is None:
            return None
        self.used = set(before.used)
        rules = [rule for rule in self.rules if not rule.within or rule.within in self.used]
        stale = [path for path in self.paths if path not in before.rows]
        packages = {rule.within for rule in self.rules if rule.within}
        loaded: Loaded = dict.fromkeys(self.paths)
        loaded.update(_search(self.project, stale, rules, self.named, {*packages, *before.words}))
        files = [file for file in loaded.values() if isinstance(file, File)]
        handed = {path: row.handed for path, row in before.rows.items() if row.handed is not None}
        self._learn(files, rules)
        words = self.analyses.words.union(*handed.values())
        if words != before.words or any(Words(file.text)[each] for file in files for each in packages - self.used):
            self.memory.forget()
            if self.crew is not None:
                self.crew.close()
                self.crew = None
            self.analyses.forget()
            self.handed.clear()
            self.used.clear()
            return None
        self.analyses.know(words)
        if self.crew is not None:
            self.crew.tell(("know", words))
        self.handed.update(handed)
        self.rules = rules
        self.known = {path: row.found for path, row in before.rows.items()}
        return loaded

    def _sifted(self) -> tuple[Loaded, Sequence[AnyRule]]:
        """The files that may hold a fault, by their words, and the rules that are left.

        Where all of a project is looked at, a package that none of its files imports rules out what is found within
        it only; those rules' words stand in many files that have nothing to do with it.
        """
        packages = {rule.within for rule in self.rules if rule.within}
        if not packages or not self.project.is_all(self.paths):
            return _search(self.project, self.paths, self.rules, self.named, ()), self.rules
        everywhere = [rule for rule in self.rules if not rule.within]
        loaded = _search(self.project, self.paths, everywhere, self.named, packages)
        texts = [Words(file.text) for file in loaded.values() if isinstance(file, File)]
        self.used = {package for package in packages if any(words[package] for words in texts)}
        rules = [rule for rule in self.rules if not rule.within or rule.within in self.used]
        if self.used:
            unread = [path for path, file in loaded.items() if file is None]
            loaded.update(_search(self.project, unread, [rule for rule in rules if rule.within], self.named, ()))
        return loaded, rules

    # -- what is found --------------------------------------------------------------------------------

    def _learn(self, files: Sequence[File], rules: Sequence[AnyRule]) -> None:
        """Let the analyses learn from files: each process looks at its part, and is told what came of the others'."""
        if self.crew is None and self._pays(files):
            from dbhygiene.engine.crew import Crew

            self.crew = Crew(self.how.jobs, self._answer)
        if self.crew is not None:
            self._share(files)
            if self.analyses.may_learn(rules, files):
                questions = (
                    (f.path, self.worker[f.path], ("hand", f.path)) for f in files if f.path not in self.handed
                )
                for path, answer in self.crew.ask(questions):
                    self._take(path, answer, self.handed, ())
        self.analyses.learn(files, rules, self.handed)
        if self.crew is not None:
            self.crew.tell(("know", self.analyses.words))

    def _pays(self, files: Sequence[File]) -> bool:
        return self.how.jobs > 1 and hasattr(os, "fork") and sum(len(file.text) for file in files) >= WORTH_FORKING

    def _share(self, files: Iterable[File]) -> None:
        """Give each process as much to look at, the large files first."""
        load = [0] * self.how.jobs
        for file in sorted(files, key=lambda file: len(file.text), reverse=True):
            if file.path not in self.worker:
                least = min(range(len(load)), key=load.__getitem__)
                self.worker[file.path] = least
                load[least] += len(file.text)

    def _take(self, path: Path, answer: Any, into: dict[Path, Any], instead: Any) -> None:
        from dbhygiene.engine.crew import Died

        if isinstance(answer, Died):
            self.lost[path] = answer.reason
        into[path] = instead if isinstance(answer, Died) else answer

    def _answer(self, question: tuple[Any, ...]) -> Any:
        """What a process of the crew is asked."""
        match question:
            case ("hand", path):
                return self.analyses.handing_out(self.project.file(path))
            case ("know", words):
                return self.analyses.know(words)
            case ("rules", codes):
                self.rules = [rule for rule in self.rules if rule.code in codes]
            case ("check", path):
                return self._check(self.project.file(path))
            case ("seen",):
                from dbhygiene.engine.memory import digests

                asked = self.project.asked
                return (asked and (dict(asked.lookups), dict(asked.words))), digests(self.project)
        return None

    def _asked(self, crew: Crew, files: Sequence[File]) -> Iterator[tuple[Path, Sequence[Finding]]]:
        """What the crew finds, in the order of the files, as early as may be."""
        self._share(files)
        crew.tell(("rules", [rule.code for rule in self.rules]))
        found: dict[Path, Sequence[Finding]] = {}
        questions = ((file.path, self.worker[file.path], ("check", file.path)) for file in files)
        order = iter(files)
        expected = next(order, None)
        for path, answer in crew.ask(questions):
            self._take(path, answer, found, [])
            while expected is not None and expected.path in found:
                yield expected.path, found.pop(expected.path)
                expected = next(order, None)

    def _checked(self, loaded: Loaded) -> Iterator[tuple[Path, Sequence[Finding]]]:
        files = [file for file in loaded.values() if isinstance(file, File)]
        coming = self._asked(self.crew, files) if self.crew is not None else ((f.path, self._check(f)) for f in files)
        for path, file in loaded.items():
            if isinstance(file, File):
                findings = next(coming)[1]
                yield path, [gone(path, self.lost[path])] if path in self.lost else findings
            elif file is not None:
                yield path, [file]
            else:
                yield path, self.known.get(path) or ()

    def _check(self, file: File) -> list[Finding]:
        broken = syntax_error(file) if file.path in self.named else None
        return [broken] if broken else check_file(file, self.rules, self.analyses)


def _search(
    project: Project, paths: Iterable[Path], rules: Sequence[AnyRule], named: Collection[Path], words: Collection[str]
) -> Loaded:
    """The files in which one of the rules' words stands, or one of these."""
    wanted = needles({*words, *(word for rule in rules for word in rule.imports)})
    if not all(rule.imports for rule in rules):
        wanted = ()
    return {path: _load(project, path, () if path in named else wanted) for path in paths}


def _load(project: Project, path: Path, wanted: tuple[bytes, ...]) -> File | Finding | None:
    """The file, if one of these is in it or there are none; a finding where it cannot be had."""
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
