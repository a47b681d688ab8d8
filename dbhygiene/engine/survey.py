"""Many files: which are worth a look, what is known of them from an earlier run, and their findings in order."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from dbhygiene.discovery import Files
from dbhygiene.engine import Analyses, Help, How, Words, check_file, gone, not_parsed, not_read, syntax_error
from dbhygiene.library.prefilter import needles
from dbhygiene.model import AnyRule, Finding
from dbhygiene.project import Project
from dbhygiene.source import NOT_PYTHON, File

if TYPE_CHECKING:
    from dbhygiene.engine.crew import Crew
    from dbhygiene.engine.memory import Before, Memory

MAX_HELPERS = 4  # how far a connection is followed through helpers in files that name no driver
MANY = 100  # files: what so many draw in is a project
PART = 4  # a part of a project that has every fourth of its files, at least, is as good as the whole
SMALLEST = 20  # files whose findings are worth to be kept: fewer are checked before a database is opened
WORTH_FORKING = 600_000  # characters to be looked into; of less, two processes take as long as one

Loaded: TypeAlias = "dict[Path, File | Finding | None]"  # None: nothing in it is worth a look so far


def survey(
    project: Project, paths: Files, rules: Sequence[AnyRule], named: set[Path], analyses: Analyses, how: How
) -> Iterator[Finding]:
    """The findings in these files, in their order; see `engine.check`."""
    if how.cache is None or not _is_much(project, paths, named):
        return Survey(project, paths, rules, named, analyses, how).findings()
    from dbhygiene.engine.memory import Memory

    memory = how.memory or Memory(project, rules, how.cache)
    if (found := memory.unchanged(paths, named)) is not None:
        return iter(found)
    return Survey(project, project.everything, rules, named, analyses, how, memory, paths).findings()


def _is_much(project: Project, paths: Files, named: set[Path]) -> bool:
    """Whether these are so large a part of their project that all of it is looked at, and remembered."""
    if len(paths) < SMALLEST or named.issuperset(paths):  # a hook names what has changed, and something else each time
        return False
    if project.is_all(paths):
        return True
    own = project.everything.names
    return (len(paths) > MANY or len(paths) * PART >= len(own)) and set(own).issuperset(paths.names)


def load(project: Project, paths: Files, rules: Sequence[AnyRule], analyses: Analyses, named: set[Path]) -> None:
    """Learn from these files, and those that they draw in, so that they can be checked."""
    whole = Survey(project, paths, rules, named, analyses, How())
    whole.load(whole.around(paths))


class Survey:
    """One run: the files as far as they are loaded, what they hand out, and what is known already."""

    def __init__(
        self,
        project: Project,
        paths: Files,
        rules: Sequence[AnyRule],
        named: set[Path],
        analyses: Analyses,
        how: How,
        memory: Memory | None = None,
        wanted: Files | None = None,
    ) -> None:
        """`wanted` are those of the files whose findings are asked for, if not all are."""
        self.project, self.paths, self.rules, self.named = project, paths, rules, named
        self.wanted = paths if wanted is None else wanted
        self.analyses, self.how, self.memory = analyses, how, memory
        self.used: set[str] = set()  # packages within which rules find something, and which the project imports
        self.help = Help.NONE
        self.handed: dict[Path, tuple[str, ...]] = {}  # who hands out connections, by functions of which names
        self.known: dict[Path, Sequence[Finding] | None] = {}
        self.crew: Crew | None = None
        self.worker: dict[Path, int] = {}  # which of the crew has looked at a file
        self.lost: dict[Path, str] = {}  # files that a process died of

    def findings(self) -> Iterator[Finding]:
        try:
            yield from self._of_all() if self.project.is_all(self.paths) else self._of_some()
        finally:
            self._dismiss()

    def _of_all(self) -> Iterator[Finding]:
        """The findings that are wanted, as they come, where all of the project is looked at."""
        loaded = self._again() or self.load(self.paths)
        checked = {}
        for path, findings in self._checked({path: loaded[path] for path in self.wanted}):
            checked[path] = findings
            yield from findings
        if self.memory is not None and not self.lost and not self.memory.is_settled:
            if self.crew is not None:
                for seen in self.crew.tell(("seen",)):
                    self.memory.add(*seen)
            self.memory.keep(loaded, checked, self.named, self.handed, self.used, self.help)
            if self.memory.warning and self.how.warn is not None:
                self.how.warn(self.memory.warning)

    def _of_some(self) -> Iterator[Finding]:
        """The findings in some of a project's files, those that they have where all of it is looked at.

        Helpers may be wherever these files' imports lead. Where a question led further, all is asked again.
        """
        scope = self.around(self.paths)
        while True:
            loaded = self.load(scope)
            checked = list(self._checked({path: loaded[path] for path in self.paths}))
            more = self._asked_for() - scope.keys()
            if not (more := more and more.intersection(self.project.everything)):
                break
            scope.update(self.around(more))
            self._forget()
        for _, findings in checked:
            yield from findings

    def around(self, paths: Collection[Path]) -> dict[Path, None]:
        """These files, and those of the project's that they draw in; of many files, that is the project."""
        drawn_in = self.project.drawn_in(paths) if len(paths) <= MANY else None
        if drawn_in is not None and drawn_in <= set(paths):
            return dict.fromkeys(paths)
        own = self.project.everything
        return dict.fromkeys([*paths, *(path for path in own if drawn_in is None or path in drawn_in)])

    def _asked_for(self) -> set[Path]:
        """The files of which it was asked whether a helper gives them a connection."""
        asked = self.analyses.asked()
        return asked.union(*self.crew.tell(("asked",))) if self.crew is not None else asked

    def _forget(self) -> None:
        """Begin anew."""
        self._dismiss()
        self.analyses.forget()
        self.handed.clear()
        self.used.clear()
        self.worker.clear()

    def _dismiss(self) -> None:
        if self.crew is not None:
            self.crew.close()
            self.crew = None

    # -- what is worth a look -------------------------------------------------------------------------

    def load(self, scope: Collection[Path]) -> Loaded:
        """Those of these files that may hold a fault; the analyses learn from them."""
        loaded, self.rules = self._sifted(scope)
        self.help = self._help(loaded)
        for _ in range(MAX_HELPERS if self.help is Help.KNOWN else 0):
            known = self.analyses.helpers
            self._learn(_files(loaded))
            words = tuple(word.encode() for word in self.analyses.helpers - known)
            if not words:
                break
            unread = [path for path, file in loaded.items() if file is None]
            loaded.update((path, _load(self.project, path, words)) for path in unread)
        return loaded

    def _help(self, loaded: Loaded) -> Help:
        if not self.analyses.may_learn(self.rules, _files(loaded)):
            return Help.NONE
        if self.project.settings.functions:  # which may be called in files that name no driver
            return Help.KNOWN
        return Help.KNOWN if len(loaded) > 1 and self._is_needed(loaded) else Help.UNNEEDED

    def _is_needed(self, loaded: Loaded) -> bool:
        """Whether a function of another file may be what gives one of these a connection."""
        return None in loaded.values() or any(map(self.analyses.needs_help, _files(loaded)))

    def _again(self) -> Loaded | None:
        """The files that have changed, or depend on one that has; None where all must be looked at."""
        if self.memory is None or (before := self.memory.valid(self.paths, self.wanted, self.named)) is None:
            return None
        self.used, self.help = set(before.used), before.help
        rules = [rule for rule in self.rules if not rule.within or rule.within in self.used]
        stale = [path for path in self.paths if path not in before.rows]
        packages = {rule.within for rule in self.rules if rule.within}
        changed = _search(self.project, stale, rules, self.named, packages | _names(before.handed))
        texts = (Words(file.text) for file in _files(changed))
        if any(words[each] for words in texts for each in packages - self.used) or not self._helps_as(before, changed):
            self.memory.forget()
            self._forget()
            return None
        self.rules = rules
        self.known = {path: row.found for path, row in before.rows.items()}
        return {**dict.fromkeys(self.paths), **changed}

    def _helps_as(self, before: Before, changed: Loaded) -> bool:
        """Whether the functions that hand out connections are those that did; what has changed is learnt from."""
        self.handed.update((path, names) for path, names in before.handed.items() if path in before.rows)
        if not changed:
            return True
        if before.help is not Help.KNOWN:
            return self._help(changed) is Help.NONE if before.help is Help.NONE else not self._is_needed(changed)
        self._learn(_files(changed))
        return {path: names for path, names in self.handed.items() if names} == before.handed

    def _sifted(self, scope: Collection[Path]) -> tuple[Loaded, Sequence[AnyRule]]:
        """Those of these files that may hold a fault, by their words, and the rules that are left.

        Where all of a project is looked at, a package that none of its files imports rules out what is found within
        it only; those rules' words stand in many files that have nothing to do with it.
        """
        packages = {rule.within for rule in self.rules if rule.within}
        if not packages or not self.project.is_all(self.paths):
            return _search(self.project, scope, self.rules, self.named, ()), self.rules
        everywhere = [rule for rule in self.rules if not rule.within]
        loaded = _search(self.project, scope, everywhere, self.named, packages)
        texts = [Words(file.text) for file in _files(loaded)]
        self.used = {package for package in packages if any(words[package] for words in texts)}
        rules = [rule for rule in self.rules if not rule.within or rule.within in self.used]
        if self.used:
            unread = [path for path, file in loaded.items() if file is None]
            loaded.update(_search(self.project, unread, [rule for rule in rules if rule.within], self.named, ()))
        return loaded, rules

    # -- what is found --------------------------------------------------------------------------------

    def _learn(self, files: Sequence[File]) -> None:
        """Let the analyses learn from files: each process looks at its part, and is told what came of the others'.

        Who hands out what others do is known when these are: files that speak of them are asked again.
        """
        self.analyses.learn(self.handed)
        self._hire(files)
        fresh = [file for file in files if file.path not in self.handed and self.analyses.may_hand_out(file)]
        while fresh:
            known, handed = _names(self.handed), dict[Path, tuple[str, ...]]()
            for path, answer in self._handing_out(fresh):
                self._take(path, answer, handed, ())
                if self.how.progress is not None:  # nothing is done yet, but something is
                    self.how.progress(0, len(self.wanted), 0)
            self.handed.update(handed)
            if self.crew is not None:
                self.crew.tell(("learn", self.handed))
            self.analyses.learn(self.handed)
            new = _names(self.handed) - known
            fresh = [f for f in files if any(name in f.text for name in new) and self.analyses.may_hand_out(f)]

    def _handing_out(self, files: Sequence[File]) -> Iterable[tuple[Path, Any]]:
        """The functions of each of these files that hand out connections, by name."""
        if self.crew is None:
            return ((file.path, self.analyses.handing_out(file)) for file in files)
        self._share(files)
        return self.crew.ask((file.path, self.worker[file.path], ("hand", file.path)) for file in files)

    def _hire(self, files: Sequence[File]) -> None:
        """Make processes for these files, if they pay; what many will ask is found out before."""
        if self.crew is not None:
            return
        self.analyses.foresee(self.rules, files)
        if self._pays(files):
            from dbhygiene.engine.crew import Crew

            self.crew = Crew(self.how.jobs, self._answer)

    def _pays(self, files: Sequence[File]) -> bool:
        return self.how.jobs > 1 and hasattr(os, "fork") and _size(files) >= WORTH_FORKING

    def _share(self, files: Sequence[File]) -> None:
        """Give each process as much to look at; what lies side by side, and imports the same, mostly to one."""
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
            from dbhygiene.engine.crew import Died

            if isinstance(answer, Died):
                self.lost[path], into[path] = answer.reason, instead

    def _answer(self, question: tuple[Any, ...]) -> Any:
        """What a process of the crew is asked."""
        match question:
            case ("hand", path):
                return self.analyses.handing_out(self.project.file(path))
            case ("learn", handed):
                return self.analyses.learn(handed)
            case ("asked",):
                return self.analyses.asked()
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
        files = _files(loaded)
        self._hire(files)
        coming = self._asked(self.crew, files) if self.crew is not None else ((f.path, self._check(f)) for f in files)
        found = 0
        for done, (path, file) in enumerate(loaded.items(), 1):
            if isinstance(file, File):
                findings = next(coming)[1]
                findings = [gone(path, self.lost[path])] if path in self.lost else findings
            else:
                findings = [file] if file is not None else self.known.get(path) or ()
            found += len(findings)
            if self.how.progress is not None:
                self.how.progress(done, len(loaded), found)
            yield path, findings

    def _check(self, file: File) -> list[Finding]:
        broken = syntax_error(file) if file.path in self.named else None
        found = [broken] if broken else check_file(file, self.rules, self.analyses)
        self.analyses.release(file)
        return found


def _names(handed: Mapping[Path, Iterable[str]]) -> set[str]:
    return {name for names in handed.values() for name in names}


def _size(files: Iterable[File]) -> int:
    """How many characters there are to be looked into."""
    return sum(len(file.text) for file in files)


def _files(loaded: Loaded) -> list[File]:
    return [file for file in loaded.values() if isinstance(file, File)]


def _search(
    project: Project, paths: Iterable[Path], rules: Sequence[AnyRule], named: Collection[Path], words: Collection[str]
) -> Loaded:
    """The files in which one of the rules' words stands, or one of these."""
    wanted = needles({*words, *(word for rule in rules for word in rule.also or rule.imports)})
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
