"""`Gaps`: each `Gap` of a project: a query, a wait longer than the server's idle timeout, and another query."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from dbhygiene.config.settings import Confidence
from dbhygiene.dataflow.cfg import TooLargeError
from dbhygiene.dataflow.interprocedural import Interprocedural
from dbhygiene.dataflow.limits import TOO_LARGE, give_up
from dbhygiene.gaps.callbacks import callbacks
from dbhygiene.gaps.database_aliases import aliases_of
from dbhygiene.gaps.decorators import with_decorators
from dbhygiene.gaps.django_use import may_use_django, uses_django
from dbhygiene.gaps.duration import FOR_EVER, UNBOUNDED, Duration
from dbhygiene.gaps.effects import Context, Location, Query, Segment, Wait, report_unsettled
from dbhygiene.gaps.entry_points import (
    VAGUE,
    entry_functions,
    entry_points_of,
    is_searched_for_entry_points,
    may_have_entry_points,
)
from dbhygiene.gaps.forked_code import ForkedCode
from dbhygiene.gaps.idle_closing import IdleClosing
from dbhygiene.gaps.implicit import Gap, ImplicitWalk, Sharing
from dbhygiene.gaps.jobs import Job, jobs, schedulers
from dbhygiene.gaps.reachability import EffectSet, FunctionKey, Reachability, direct_effects, may_have_gap
from dbhygiene.gaps.recovery import recovers_on_path
from dbhygiene.gaps.server_timeout import timeout_settings
from dbhygiene.gaps.states import NEVER_ENDS, SILENT, UNKNOWN, GapSummary
from dbhygiene.gaps.task_limits import limit_of_call, time_limit
from dbhygiene.library.background import RUNS_IN
from dbhygiene.library.test_files import is_test_file
from dbhygiene.library.waits import WaitKind, waits_of
from dbhygiene.program.arguments import positional_parameters
from dbhygiene.program.code import own_nodes
from dbhygiene.program.entry_point import EntryPoint
from dbhygiene.project.project import FEW
from dbhygiene.source.file import File, NoProject, ProjectView
from dbhygiene.source.inputs import answer
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Code, Function
from dbhygiene.source.queries import query, remembered, with_inputs
from dbhygiene.source.records import replace

__all__ = ["Gap", "Gaps"]

_LASTING = waits_of(WaitKind.SLEEP, WaitKind.PERSON)  # calls that wait longer than a request does
_CALLED = lazy_pattern(rf"\b(?:{'|'.join(sorted(_LASTING))})(?:\s*\(|\s+as\b)|\.sleep\b")  # or goes by another name


def reachability_of(project: ProjectView) -> Reachability:
    """Return the functions that a project's long-lived processes reach."""
    reach = Reachability(project)
    roots = (*entry_functions(project).values(), *schedulers(project).values())
    reach.explore_keys([reach.key_at(*function) for functions in roots for function in functions])
    return reach


@answer
def reach_of_processes(project: ProjectView) -> list[Any]:
    """Return the kinds of effects of these functions, by file and name; and a digest of all that is known of them."""
    return reachability_of(project).summary()


@answer
def reached_functions(project: ProjectView, path: str) -> dict[str, list[str]]:
    """Return those of one file."""
    found: dict[str, list[str]] = reach_of_processes(project)[0].get(path, {})
    return found


@answer
def digest_of_reach(project: ProjectView) -> str:
    """Return a digest of all."""
    return str(reach_of_processes(project)[1])


class Gaps:
    """The search for the gaps of one project."""

    def __init__(self, project: ProjectView) -> None:
        self._project = project
        self._gaps: dict[Context, list[Gap]] = {}
        self._by_wait: dict[ast.AST, dict[Context, list[Gap]]] = defaultdict(dict)
        self._summaries: Interprocedural[Context, GapSummary] = Interprocedural(
            self._summarise, lambda _: NEVER_ENDS, lambda _: UNKNOWN, GapSummary.widen, report_unsettled
        )
        self._others = Reachability(project)  # functions that nothing is known to lead to
        if isinstance(project, NoProject):
            # a cached property, filled in: nothing leads to a file alone
            self.__dict__["_reachability"] = Reachability(project)
        self._asked = 0  # of how many files
        self._is_large = False  # the check: of many files
        self._closing = IdleClosing(project)

    @remembered
    def limit(self) -> float:
        """The seconds after which the server closes an idle connection."""
        return timeout_settings(self._project).gap_limit

    def of(self, file: File) -> Iterator[Gap]:
        """Yield every gap of a file, each reported in the function in which its two queries and its wait meet."""
        for gap in self._of(file):
            yield replace(gap, shared_with=self._shares_connection(gap))

    def _of(self, file: File) -> Iterator[Gap]:
        """Yield them, whatever process they run in.

        A gap counts only in a long-lived process: a request begins with a fresh connection, and does not wait for
        minutes. A function that sleeps for hours, or prompts a person, shows that it belongs to such a process.
        """
        self._asked += 1
        if is_test_file(file) or not may_use_django(file):
            return  # before its functions and all that they call are explored
        if not (self._knows_project or self._might_have(file)):
            return  # questions to the file; those that come now are about its project
        if not self._closing.applies_to(file) or not self._is_worth_it(file):
            return
        run_by_process = self._long_lived_functions(file)
        for code in file.functions:
            if code in run_by_process:
                for gap in self._within(Context(file, code, ignore_decorators=True)):
                    yield replace(gap, entry=self._entry(file, code))
        if _may_last(file):
            self._others.explore((file, code) for code in file.functions if code not in run_by_process)
            for code in file.functions:
                if code not in run_by_process and _may_have_gap(self._others, file, code):
                    yield from filter(self._lasts, self._within(Context(file, code, ignore_decorators=True)))
        for code in file.functions:
            if code not in run_by_process and self._waits_around_parameter_call(file, code):
                yield from self._gaps_around_parameter_call(file, code)
        for function, place in callbacks(file):
            wait = Location(file, place, f"the next call of `{function.name}` may come hours later")
            yield from self._between_calls(file, function, wait, UNBOUNDED)
        for job, function in self._jobs_of(file):
            later = "hours" if job.pause == FOR_EVER else Duration(job.pause, job.pause, job.pause)
            wait = Location(file, function, f"the next run of `{function.name}` may come {later} later")
            wait = wait.leading_to(Location(job.scheduler, job.call, "the job is scheduled here"))
            yield from self._between_calls(file, function, wait, Duration(0.0, job.pause, job.pause))

    def walk(self, file: File, code: Code) -> ImplicitWalk:
        """Return the analysis of one function by itself, for an explanation."""
        return ImplicitWalk(Context(file, code, ignore_decorators=True), self._summary, self.limit)

    def is_reached(self, file: File, code: Code) -> bool:
        """Whether a long-lived process is known to run a function."""
        return code in self._long_lived_functions(file) or self._entry(file, code) is not None

    def _waits_around_parameter_call(self, file: File, code: Code) -> bool:
        """Whether a function waits, and calls a parameter of its own or of a function around it."""
        if (doing := self._others.effects_of(file, code)) is not None:
            waits = Wait in doing.effects
        elif not self._knows_project:
            waits = False
        elif self._is_summarised(file):
            waits = Wait.__name__ in self._reached_functions(file).get(file.functions[code].name, ())
        else:
            doing = self._reach.effects_of(file, code)
            waits = doing is not None and Wait in doing.effects
        return waits and _calls_parameter(file, code)

    def _gaps_around_parameter_call(self, file: File, code: Code) -> Iterator[Gap]:
        """Return the gaps between two calls of a function's parameter; the arguments of its callers decide."""
        for above in [*self._reach.above(file, code)]:
            self._summary(Context(above.file, above.code))
            self._summary(Context(above.file, above.code, ignore_decorators=True))
        found: dict[ast.AST, Gap] = {}
        for context in [each for each in self._gaps if each.code is code and each.callbacks]:
            for gap in self._gaps[context]:
                known = found.setdefault(gap.wait.node, gap)
                if gap.seconds.rank(self.limit) > known.seconds.rank(self.limit):
                    found[gap.wait.node] = gap
        for gap in found.values():
            if gap.seconds.confidence(self.limit) is not None and self._is_for_here(gap):
                yield replace(gap, entry=self._entry(file, code))

    def _jobs_of(self, file: File) -> Iterator[tuple[Job, Function]]:
        """Return the jobs that run a function of a file, with its present text: a fix may have changed the file."""
        now = {scope.name: code for code, scope in file.functions.items() if isinstance(code, FUNCTION)}
        found: dict[Function, Job] = {}
        for job in (*jobs(file), *self._jobs_elsewhere(file)):
            if job.file.path == file.path and (function := now.get(_place(job.file, job.function)[1])) is not None:
                found.setdefault(function, job)
        for function, job in found.items():
            if not any(map(self._keeps_fresh, jobs(job.scheduler))):
                yield job, function

    def _keeps_fresh(self, job: Job) -> bool:
        """Whether a job uses the connection so often that no other one of its scheduler finds it closed."""
        self._others.explore([(job.file, job.function)])
        doing = self._others.effects_of(job.file, job.function)
        return job.pause < self.limit and doing is not None and Query in doing.effects

    def _jobs_elsewhere(self, file: File) -> Iterator[Job]:
        """Yield the jobs by which other files may pass functions of a file to schedulers."""
        for path, functions in schedulers(self._project).items():
            if path != str(file.path) and any(owner == str(file.path) for owner, _ in functions):
                yield from jobs(self._project.file(Path(path)))

    def warm_up(self, files: Iterable[File]) -> None:
        """Find the functions that the project's long-lived processes reach, before many files are checked.

        Where no server closes idle connections, no file has a gap, whatever reaches its functions.
        """
        self._is_large = True
        if uses_django(self._project) and any(map(self._closing.applies_to, files)):
            self._summarise_reach()

    def may_have(self, file: File) -> bool:
        """Whether a file may have a gap, by its text and by the part of the project that has been analysed so far."""
        if is_test_file(file):
            return False
        if not self._knows_project and file.is_program:  # or the file has been ruled out
            return True
        return may_use_django(file) and self._closing.applies_to(file) and self._is_worth_it(file)

    @property
    def _knows_project(self) -> bool:
        """Whether the entry points that reach a file's functions are known, or should be computed.

        They need a pass over the whole project: for a few files, it is cheaper to look at every function.
        """
        is_known = "_reachability" in self.__dict__ or (reach_of_processes.__name__,) in self._project.inputs.answers
        return is_known or self._is_large or self._asked > FEW or self._closing.is_known

    def _might_have(self, file: File) -> bool:
        """Whether a function of the file could have a gap, whichever entry point reaches it."""
        self._others.explore((file, code) for code in file.functions)
        if callbacks(file) or any(
            _may_have_gap(self._others, file, code) or self._waits_around_parameter_call(file, code)
            for code in file.functions
        ):
            return True
        asks = any(Query in each.effects for code in file.functions if (each := self._others.effects_of(file, code)))
        return asks and any(job.file.path == file.path for job in (*jobs(file), *self._jobs_elsewhere(file)))

    def _is_worth_it(self, file: File) -> bool:
        """Whether a file may have a gap, by its text and by the functions that the project's processes reach."""
        if not may_use_django(file):
            return False
        return may_have_entry_points(file) or _may_last(file) or bool(self._reached_functions(file))

    @cached_property
    def _reachability(self) -> Reachability:
        return reachability_of(self._project)

    @property
    def _reach(self) -> Reachability:
        """The functions that the project's long-lived processes reach; what asks for it depends on all of them."""
        if not isinstance(self._project, NoProject):
            self._summarise_reach()
            digest_of_reach(self._project)
        return self._reachability

    def _summarise_reach(self) -> None:
        key = (reach_of_processes.__name__,)
        _, _ = with_inputs(lambda: self._project.inputs.answer(key, lambda: self._reachability.summary()), apart=True)

    def _reached_functions(self, file: File) -> dict[str, list[str]]:
        """Return the functions of a file that such processes reach, by name, and the kinds of their effects."""
        if isinstance(self._project, NoProject):
            return {}
        self._summarise_reach()
        return reached_functions(self._project, str(file.path))

    def _is_summarised(self, file: File) -> bool:
        """Whether `_reached` knows all that is reached in a file: in a changed text, there may be more."""
        return self._project.loaded_file(file.path) is file and is_searched_for_entry_points(file)

    def _entry(self, file: File, code: Code) -> EntryPoint | None:
        """Return the nearest of the entry points from which a long-lived process reaches a function.

        A file that was read again after a fix has new functions, to which no other file leads yet.
        """
        reach = self._reach
        own, elsewhere = self._entries_in(file), self._files_with_entries()
        wanted = elsewhere.keys() | own.keys()
        for each in (reach.key(file, code), *reach.earlier_versions(file, code)):
            near: list[EntryPoint] = [
                entry
                for root in reach.nearest(each, wanted)
                for entry in (*own.get(root, ()), *self._entries_of(root, elsewhere.get(root, ())))
            ]
            true = [entry for entry in near if entry.file is file or entry.file.path != file.path]
            if true:
                return min(true, key=lambda entry: (VAGUE.count(entry.words), entry.file.path, entry.node.lineno))
        return None

    def _entries_in(self, file: File) -> dict[FunctionKey, list[EntryPoint]]:
        """Return the entry points that a file makes of functions."""
        found = defaultdict[FunctionKey, list[EntryPoint]](list)
        for root in entry_points_of(file):
            found[self._reach.key(root.file, root.code)].append(root.entry)
        return found

    def _files_with_entries(self) -> dict[FunctionKey, list[str]]:
        """Return the paths of the files that make entry points of functions."""
        found = defaultdict[FunctionKey, list[str]](list)
        for path, functions in (*entry_functions(self._project).items(), *schedulers(self._project).items()):
            for function in functions:
                found[self._reach.key_at(*function)].append(path)
        return found

    def _entries_of(self, function: FunctionKey, paths: Iterable[str]) -> Iterator[EntryPoint]:
        """Yield the entry points that some files make of a function."""
        place = Path(function.path), self._reachability.name_of(function)
        for file in (self._project.file(Path(path)) for path in paths):
            yield from (root.entry for root in entry_points_of(file) if _place(root.file, root.code) == place)
            for job in jobs(file):
                if _place(job.file, job.function) == place:
                    yield EntryPoint(RUNS_IN["add_job"], job.scheduler, job.call)

    def _long_lived_functions(self, file: File) -> set[ast.AST]:
        """Return the functions of a file that a long-lived process reaches, and that may have a gap."""
        names = self._reached_functions(file)
        if self._is_summarised(file) and not any(may_have_gap(kinds) for kinds in names.values()):
            return set()
        again = [(file, code) for code, scope in file.functions.items() if scope.name in names]
        self._reach.explore((root.file, root.code) for root in entry_points_of(file))
        self._reach.explore(again, are_roots=False)
        return {code for code in file.functions if _may_have_gap(self._reach, file, code)}

    def _within(self, routine: Context) -> list[Gap]:
        every: list[Gap] = []
        for alias in aliases_of(routine.file):
            each = replace(routine, alias=alias)
            self._summary(each)
            for gap in self._gaps.get(each, ()):
                limit = self._time_limit(gap.file, gap.code)
                if gap.seconds.least >= limit:
                    continue  # the worker ends the task before its next query
                seconds = gap.seconds.within(limit)
                if seconds.confidence(self.limit) is not None:
                    cut = Duration(limit, limit, limit) if seconds != gap.seconds else None
                    longest = gap.longest if cut is None else None
                    every.append(replace(gap, seconds=seconds, task_limit=cut, longest=longest))
        found: dict[ast.AST, Gap] = {}  # by their waits: a wait that is too long for two connections is reported once
        for gap in filter(self._is_for_here, every):
            known = found.setdefault(gap.wait.node, gap)
            if gap.seconds.rank(self.limit) > known.seconds.rank(self.limit):
                found[gap.wait.node] = gap
        return list(filter(self._is_answered, found.values()))

    def _shares_connection(self, gap: Gap) -> Sharing | None:
        """Return with which process the connection of a gap may be shared, because of a fork."""
        runs = [(gap.file, gap.code), *((each.file, each.code) for each in self._callers(gap.file, gap.code))]
        if any(self._forked.may_run(*each) for each in runs):
            return Sharing.PARENT
        called = chain(*(direct_effects(*each).calls for each in runs))
        return Sharing.CHILD if any(self._forked.may_fork(*each) for each in (*runs, *called)) else None

    def _callers(self, file: File, code: Code) -> Iterator[EffectSet]:
        """Yield the functions that reach a function, also in the text before a fix."""
        for reach in (self._reach, self._others):
            yield from reach.above(file, code)
            for each in reach.earlier_versions(file, code):
                yield from reach.above_key(each)

    @cached_property
    def _forked(self) -> ForkedCode:
        return ForkedCode(self._project)

    def _time_limit(self, file: File, code: Code) -> float:
        """Return the seconds after which a worker ends every task that reaches a function."""
        reach = self._reach
        roots = [each for each in reach.above(file, code) if each.key in reach.roots]
        return max((self._limit_of_root(each) for each in roots), default=FOR_EVER)

    def _limit_of_root(self, root: EffectSet) -> float:
        """Return the limit of a task, or of a function that every entry point puts into a queue."""
        limit = time_limit(root.file, root.code)
        if limit < FOR_EVER or not ("enqueue" in root.file.text or self._project.paths_containing("enqueue")):
            return limit
        own, elsewhere = self._entries_in(root.file), self._files_with_entries()
        entries = [*own.get(root.key, ()), *self._entries_of(root.key, elsewhere.get(root.key, ()))]
        limits = [limit_of_call(e.file, e.node) if isinstance(e.node, ast.Call) else FOR_EVER for e in entries]
        return max(limits, default=FOR_EVER)

    def _is_for_here(self, gap: Gap) -> bool:
        """Whether to report the gap here: no function on the path to the wait has a gap whose fix ends this one."""
        sure, inner = gap.seconds.confidence(self.limit) or 0, gap.wait.inner
        while inner is not None:
            for deeper in chain(*self._by_wait.get(inner.node, {}).values()):
                if (deeper.seconds.confidence(self.limit) or 0) >= sure:
                    return False
            inner = inner.inner
        return True

    def _is_answered(self, gap: Gap) -> bool:
        """Whether a person may answer: a worker's task never really reaches such a prompt."""
        if gap.kind is not WaitKind.PERSON or gap.wait.origin.file.path == gap.file.path:
            return True
        above = list(self._reach.above(gap.file, gap.code))
        return not above or any(map(_has_terminal, above))

    def _lasts(self, gap: Gap) -> bool:
        """Whether the gap is too long to be part of a web request.

        Only waits in the same file count: a callee in another file may wait only when called from elsewhere.
        """
        if gap.wait.origin.file.path != gap.file.path:
            return False
        return (
            gap.kind in (WaitKind.PERSON, WaitKind.SERVER) or gap.seconds.confidence(self.limit) is Confidence.CERTAIN
        )

    def _between_calls(self, file: File, function: Function, wait: Location, lasts: Duration) -> Iterator[Gap]:
        """Return the gap between two calls of a callback: it queries, waits for the next event, and queries again."""
        summary = self._summary(Context(file, function))
        asked, again = summary.returns.last_queries[0].query if summary.returns.last_queries else None, summary.first
        if asked is not None and again is not None and asked.file is file and again.file is file:
            check = summary.before.age_check
            closed = check is not None and check.closes_after(lasts, self.limit)
            if not closed and lasts.confidence(self.limit) is not None and not recovers_on_path(again):
                yield Gap(file, function, asked, wait, again, lasts, WaitKind.EVENT, True, check)

    def _summary(self, routine: Context) -> GapSummary:
        file, code = routine.file, routine.code
        known = self._reach.effects_of(file, code) or self._others.effects_of(file, code)
        if known is not None and not known.effects and not (routine.callbacks or routine.closers):
            return SILENT
        return self._summaries.of(routine if routine.ignore_decorators else with_decorators(routine))

    def _summarise(self, routine: Context) -> GapSummary:
        try:
            walk = ImplicitWalk(routine, self._summary, self.limit)
        except TooLargeError:
            give_up(routine.file, routine.code, TOO_LARGE)
            return UNKNOWN
        for gap in self._gaps.get(routine, ()):
            self._by_wait[gap.wait.node].pop(routine, None)
        self._gaps[routine] = list(walk.gaps.values())
        if not routine.callbacks and routine.part is Segment.WHOLE:
            for gap in walk.gaps.values():
                self._by_wait[gap.wait.node].setdefault(routine, []).append(gap)
        return walk.summary


def _place(file: File, code: Code) -> tuple[Path, str]:
    """Return the file and the name of a function: they stay the same when its file is read again."""
    return file.path, file.functions[code].name


@query
def _calls_parameter(file: File, code: Code) -> bool:
    """Whether a function calls a parameter, of its own or of a function around it."""
    if not isinstance(code, FUNCTION):
        return False
    outer = [code, *(above for above in file.around(code) if isinstance(above, FUNCTION))]
    given = {each.arg for function in outer for each in positional_parameters(function)}
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in given
        for node in own_nodes(code)
    )


@query
def _may_last(file: File) -> bool:
    """Whether a file may wait longer than a request does, by its text alone, which is cheap to check."""
    return any(word in file.text for word in _LASTING) and _CALLED.search(file.text) is not None


def _has_terminal(doing: EffectSet) -> bool:
    """Whether a function is a command's, or a script itself."""
    return isinstance(doing.code, ast.Module) or doing.file.path.parent.name in ("commands", "scripts")


def _may_have_gap(reach: Reachability, file: File, code: ast.AST) -> bool:
    doing = reach.effects_of(file, code)
    return doing is not None and doing.may_have_gap
