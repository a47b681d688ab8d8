"""`Run`: one run of a command over paths: the files that it checks, and its output."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dbhygiene import DOCUMENTATION, REPOSITORY, __version__
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.own_findings import not_read
from dbhygiene.checker.project_check import RunOptions, check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.cli import terminal
from dbhygiene.cli.options import Options
from dbhygiene.cli.output import Output, OutputTarget, base, parse_targets
from dbhygiene.cli.tally import Tally, count, rule_times
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import LEVELS, Settings
from dbhygiene.diagnostics.fingerprints import add_fingerprints
from dbhygiene.diagnostics.model import AnyRule, Finding, Fix
from dbhygiene.project.project import Project
from dbhygiene.project.workspace import Member, members
from dbhygiene.reports import RenderContext
from dbhygiene.source.file import File, split_lines
from dbhygiene.source.nodes import NOT_PYTHON
from dbhygiene.source.records import Frozen, replace

if TYPE_CHECKING:
    from dbhygiene.checker.baseline_filter import Filter
    from dbhygiene.checker.incremental import IncrementalCheck
    from dbhygiene.diagnostics.overview import Overview
    from dbhygiene.diagnostics.text_edits import TextChange
    from dbhygiene.fixes.preview import FixPreviews
    from dbhygiene.project.discovery import Listing
    from dbhygiene.source.notebook import Notebook

MOST_PREVIEWS = 10
EFFECTS = frozenset({"src", "exclude", "extend-exclude", "per-file-ignores"})  # settings that may match nothing


class ProjectPart(Frozen):
    """The part of a run in one project: the findings in its files, or in standard input."""

    project: Project
    findings: Iterable[Finding]
    analyses: Analyses
    rules: Sequence[AnyRule]
    stdin: bytes | None = None
    files: Sequence[Path] = ()


class Run:
    """One run of `check` or `fix`, and its results so far."""

    def __init__(self, *, only_reports: bool = False, **options: Any) -> None:
        self.options = Options(**options)
        self.only_reports = only_reports
        self.out: TextIO = sys.stdout
        self.previews = sys.maxsize if self.options.show_fixes else MOST_PREVIEWS
        self._unshown = 0  # fixes
        self._started = time.perf_counter()
        self.checked = 0
        self.tally = Tally()
        self.failed = False
        self._seen: list[ProjectPart] = []
        self._unsure: list[Finding] = []  # less certain than those that are reported
        self._skipped: list[Finding] = []  # syntax errors of files for another Python
        self._filters: dict[Path, Filter] = {}
        self._memories: dict[Path, IncrementalCheck] = {}
        self._trials: FixPreviews | None = None  # of the last file
        self._found: dict[Path, Sequence[Finding]] = {}  # all findings of each file with findings
        if self.options.verbose:
            from dbhygiene.dataflow import limits

            limits.listen(self.log)
        # Errors are reported before any file is checked.
        self._targets = parse_targets(self.options.asked, self.options.output_file)
        if self.options.since is not None and not self.options.since.strip():
            raise UsageError("--since: the revision is empty; name a commit or a branch")

    # -- what to look at ------------------------------------------------------------------------------

    def parts(self, paths: Sequence[str]) -> Iterator[ProjectPart]:
        """Yield each project of the paths, with its findings; standard input last."""
        named = set(_absolute(paths))
        for member in self.members(paths):
            project, files = member.project, member.files
            rules = self._rules(project)
            self._warn_of(member, named)
            self.checked += len(files)
            if self.options.verbose:
                for path in files:
                    self.log(printable_path(path))
            self.log(f"{project.root}: {count(len(files), 'file')}, rules {', '.join(rule.code for rule in rules)}")
            analyses = Analyses(project)
            if self.options.verbose:
                from dbhygiene.checker.doctor import sites  # by what Django's connections go to

                for words in sites(project, [file.path for file in project.files_containing("django")]):
                    self.log(f"{project.root}: Django: {words}")
            failed = [not_read(path, reason) for path, reason in member.unlisted if path in named]
            findings = check(project, files, rules, named=named, analyses=analyses, how=self._run_options(project))
            yield self._listed_in_project(ProjectPart(project, chain(failed, findings), analyses, rules, files=files))
        if "-" in paths:
            yield self._listed_in_project(self._stdin())

    def _warn_of(self, member: Member, named: Collection[Path]) -> None:
        """Warn of settings and files by which a run checks less than its user may expect."""
        project = member.project
        words = [] if self.options.isolated or self._file else loading.misspelt(project.root)
        if not EFFECTS.isdisjoint(project.settings.sources):
            from dbhygiene.checker.ineffective import ineffective

            words += ineffective(project, member.listed)
        words += [
            f"{printable_path(path)}: not read: {reason.lower()}"
            for path, reason in member.unlisted
            if path not in named
        ]
        for each in words:
            self.warn(f"warning: {each}")

    def _run_options(self, project: Project) -> RunOptions:
        """Return the options: workers and a cache only for plain reports, since `fix` changes files during the run."""
        if not self.only_reports or self.options.rule_times:
            return RunOptions(unsure=self._unsure, skipped=self._skipped)
        here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        jobs = self.options.jobs or here or 1
        progress = None
        if sys.stderr.isatty():
            from dbhygiene.cli.progress import Progress

            progress = Progress.on_terminal()
        cache = self._cache(project)
        return RunOptions(cache, jobs, progress, self.warn, self._memories, self._unsure, self._skipped)

    def _cache(self, project: Project) -> Path | None:
        """Return the cache, if the run may use it."""
        if self.options.no_cache or self.options.rule_times or not self.only_reports:
            return None
        return self.options.cache_dir or project.root / project.settings.cache_dir

    def _look_ahead(self, project: Project, listing: Listing) -> Collection[str]:
        """Read a project's cache while its files are listed; return the files that have not changed since."""
        cache = self._cache(project)
        if cache is None or not listing.directories or not os.path.isdir(cache):
            return ()
        from dbhygiene.checker.incremental import IncrementalCheck

        memory = self._memories[project.root] = IncrementalCheck(project, self._rules(project), cache)
        return memory.unchanged_files(listing.directories)

    def warn(self, words: str) -> None:
        """Print a warning: the run continues."""
        print(f"dbhygiene: {words}", file=sys.stderr)

    def _listed_in_project(self, part: ProjectPart) -> ProjectPart:
        """Return the part, with its files registered: later questions about a file go to its project."""
        root, baseline, since = part.project.root, self.options.baseline, self.options.since
        if baseline and self._filters.keys() - {root}:
            raise UsageError("--baseline: the paths are in several projects; set `baseline` in each of them")
        if baseline or since or part.project.settings.baseline:
            from dbhygiene.checker.baseline_filter import Filter

            if (known := self._filters.get(root)) is None:
                known = self._filters[root] = Filter(part.project, part.rules, baseline, since)
            if not self.options.min_confidence:
                known.files.update(part.files)
        return self.look_at(part)

    def members(self, paths: Sequence[str]) -> Iterator[Member]:
        """Return the projects of the paths; by default, of the current directory."""
        below = sorted(_absolute(paths or (".",)))
        nested = not self.options.isolated and self._file is None
        force = self.options.force_exclude
        return members(below, self.settings, nested=nested, force_exclude=force, meanwhile=self._look_ahead)

    @property
    def _file(self) -> Path | None:
        """Return the file that `--config` names; its other values are assignments."""
        files = [value for value in self.options.config_values if "=" not in value or os.path.isfile(value)]
        for name in files:
            if not os.path.isfile(name):
                raise UsageError(f"{name}: {'not a regular file' if os.path.exists(name) else 'no such file'}")
        return Path(os.path.abspath(files[-1])) if files else None

    def _rules(self, project: Project) -> tuple[AnyRule, ...]:
        """Return the rules of a project. If no option gives a format, the settings of the first project do."""
        if not self._targets[0].format:
            self._targets[0] = replace(self._targets[0], format=project.settings.output_format)
        return selected_rules(project.settings)

    def settings(self, root: Path) -> Settings:
        """Return the settings of the project with this root: its file, then variables, then options."""
        if file := self._file:
            base = loading.read_file(file) or Settings()
        else:
            base = Settings() if self.options.isolated else loading.load_settings(root)
        base = loading.from_environment(base)
        for value in self.options.config_values:
            if "=" in value and not os.path.isfile(value):
                base = loading.with_assignment(base, value)
        loading.require_version(base)
        return self.options.applied_to(base, self._targets[0].format)

    def _stdin(self) -> ProjectPart:
        path = Path(os.path.abspath(self.options.stdin_filename or "<stdin>"))
        root = loading.root_of(path)
        project = Project(root, self.settings(root))
        part = ProjectPart(project, (), Analyses(project), self._rules(project), sys.stdin.buffer.read())
        self.checked += 1
        if self.options.force_exclude and not project.discover([path], force_exclude=True).files:
            return part
        project.supply(path, part.stdin or b"")
        findings = check(project, [path], part.rules, named={path}, analyses=part.analyses)
        return replace(part, findings=findings)

    # -- what to say ----------------------------------------------------------------------------------

    def keep(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the findings in unchanged files, and keep them: the proof of a fix compares with them."""
        for path, group in groupby(findings, key=lambda finding: finding.path):
            self._found[path] = [*group]
            yield from self._found[path]

    def report_new(self, project: Project, findings: Iterable[Finding]) -> None:
        """Print those of these findings that are new; at once if the format allows it."""
        self.print(project, self.new(project, findings))

    def new(self, project: Project, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Return those of these findings that neither the baseline nor the earlier commit has."""
        known = self._filters.get(project.root)
        return known.new(findings) if known else iter(findings)

    def print(self, project: Project, findings: Iterable[Finding]) -> None:
        """Print findings, at once if the format allows it; or only count them by rule."""
        if self.options.statistics:
            for _ in self._count(findings, project):
                pass
        else:
            self._output.add(self._count(findings, project))

    @cached_property
    def _output(self) -> Output:
        return Output(self._targets, self.scene, self.out)

    @cached_property
    def scene(self) -> RenderContext:
        """Return the context of this run for reports."""
        look = terminal.terminal_style(self.out, self.options.color, every_step=self.options.steps == "all")
        root = base()
        part = Path.cwd().relative_to(root).as_posix().removeprefix(".")
        return RenderContext(
            self.lines,
            printable_path,
            root,
            page,
            part,
            __version__,
            DOCUMENTATION,
            REPOSITORY,
            look,
            self.preview,
            self.text_change,
            self.overview,
            self.cell_lines,
            self._in_document,
            lambda: self._skipped,
        )

    def overview(self) -> Overview:
        """Return who opens and closes connections in the files of the run, and the findings that are not reported."""
        from dbhygiene.checker import overview
        from dbhygiene.diagnostics.overview import Overview

        found = [overview.overview(part.project, part.files, part.rules) for part in self._seen]
        known = [each for filter_ in self._filters.values() for each in filter_.hidden_findings()]
        hidden = chain(known, *(each.hidden for each in found))
        shown = [replace(each, finding=self.as_shown(each.finding)) for each in hidden]
        return Overview(list(chain(*(each.lives for each in found))), shown)

    def look_at(self, part: ProjectPart) -> ProjectPart:
        """Register a part of the run, whose files can then be shown with their lines."""
        self._seen.append(part)
        return part

    def _count(self, findings: Iterable[Finding], project: Project) -> Iterator[Finding]:
        for finding in findings:
            self.tally.add(finding)
            self.failed |= self.tally.failed
            known = finding if finding.fingerprint else add_fingerprints([finding], project.root)[0]
            yield self.as_shown(known)

    def as_shown(self, finding: Finding) -> Finding:
        """Return a finding with the places that a report shows: in a notebook, those in a cell."""
        from dbhygiene.diagnostics.cells import in_cell

        return in_cell(finding, self._notebook)

    def _in_document(self, finding: Finding) -> Finding:
        from dbhygiene.diagnostics.cells import in_document

        return in_document(finding, self._notebook)

    def _part(self, path: Path) -> ProjectPart | None:
        """Return the part of the run with this file: of the nearest project above it, else the last part."""
        around = [part for part in self._seen if path.is_relative_to(part.project.root)]
        latest = self._seen[-1] if self._seen else None
        return max(around, key=lambda part: len(part.project.root.parts), default=latest)

    def _file_at(self, path: Path) -> File | None:
        """Return a file of the run; None if it can no longer be read."""
        part = self._part(path)
        try:
            return part.project.file(path) if part else None
        except (OSError, *NOT_PYTHON):
            return None

    def _notebook(self, path: Path) -> Notebook | None:
        file = self._file_at(path)
        return file.notebook if file is not None else None

    def lines(self, path: Path) -> Sequence[str]:
        """Return the lines of a file; none if it can no longer be read."""
        file = self._file_at(path)
        return () if file is None else file.lines if file.notebook is None else split_lines(file.contents)

    def cell_lines(self, path: Path, number: int) -> Sequence[str]:
        """Return the lines of a cell of a notebook; none if it can no longer be read."""
        notebook = self._notebook(path)
        cell = notebook.cell(number) if notebook is not None else None
        return cell.lines if cell is not None else ()

    def preview(self, finding: Finding) -> Sequence[str] | str | None:
        """Preview the fix of a finding, for the first few that have one: each costs time, see `text_change`."""
        if not isinstance(finding.fix, Fix):
            return None
        if not self.previews:
            self._unshown += self.out is sys.stdout
            return None
        self.previews -= 1
        change = self.text_change(finding)
        if isinstance(change, str) and finding.fixable:
            self.tally.fixable -= 1  # the report says why it is not
        return change if change is None or isinstance(change, str) else split_lines(change.new)

    def text_change(self, finding: Finding) -> TextChange | str | None:
        """Return what the fix of a finding changes in the text of its file.

        Carrying out a fix costs the import of LibCST, 0.2 s, and then as much as checking the file again: the cache
        keeps the outcome.
        """
        part = self._part(finding.path)
        if part is None or not isinstance(finding.fix, Fix):
            return None
        from dbhygiene.diagnostics.text_edits import TextChange, difference, with_difference

        file = part.project.file(finding.path)
        old, memory = _text_around(file, finding), self._memories.get(part.project.root)
        if memory is not None:
            with suppress(KeyError):
                known = memory.fix_outcome(finding)
                return TextChange(old, with_difference(old, known)) if isinstance(known, list) else known
        after = self._after_fix(finding, file, part)
        outcome = TextChange(old, _text_around(after, finding)) if isinstance(after, File) else after
        if memory is not None:
            memory.keep_fix_outcome(finding, difference(outcome) if isinstance(outcome, TextChange) else outcome)
        return outcome

    def _after_fix(self, finding: Finding, file: File, part: ProjectPart) -> File | str | None:
        from dbhygiene.fixes.preview import FixPreviews

        if self._trials is None or self._trials.file is not file:
            known = self._found.get(finding.path)
            self._trials = FixPreviews(file, lambda changed: check_file(changed, part.rules, part.analyses), known)
        return self._trials.after(finding)

    def close(self, before: str = "") -> None:
        """Print the summary at the end of the run."""
        if self.options.verbose:
            from dbhygiene.dataflow import limits

            limits.listen(None)
        if not self._targets[0].format:  # no project had settings
            self._targets[0] = replace(self._targets[0], format="full")
        if self.options.statistics:
            self.out.writelines(self.tally.statistics())
        else:
            self._output.close()
        for memory in self._memories.values():
            memory.save_fix_outcomes()
        for words in (words for each in self._filters.values() for words in each.stale()):
            print(words, file=sys.stderr)
        if not (self.checked or self.failed or self.options.force_exclude):
            self.warn("warning: no Python file found; name another directory, or check what git ignores")
        for version in dict.fromkeys(finding.subject for finding in self._skipped):
            self._warn_of_skipped(version, [finding for finding in self._skipped if finding.subject == version])
        if not self.options.quiet:
            if self._unshown:
                self.say(f"the fixes of {self._unshown} more findings are not shown; `--show-fixes` shows them")
            known = sum(1 for each in self._filters.values() for _ in each.hidden_findings())
            unsure = 0 if self._filters else len(self._unsure)
            hidden = [f"; {known} not new, not reported"] if known else []
            hidden += [f"; {unsure} less certain, not shown: `--min-confidence possible`"] if unsure else []
            self.say(before + self.tally.summary(self.checked, len(self._skipped)) + "".join(hidden))
            if self.tally.found and self.scene.style.width and not DOCUMENTATION:  # a person reads this
                self.say("`dbhygiene rule NAME` explains a rule")

        self.log(f"checked in {time.perf_counter() - self._started:.2f} s")
        if self.options.rule_times:
            sys.stderr.writelines(rule_times(part.analyses.times for part in self._seen))

    def _warn_of_skipped(self, version: str, skipped: Sequence[Finding]) -> None:
        """Warn of the files that need this version of Python: they are not checked, and are no findings."""
        from dbhygiene.checker.newer import PYTHON_2

        is_old, first = version == PYTHON_2, skipped[0]
        example = f"`{printable_path(first.path)}` (line {first.span.line})"
        advice = "" if is_old else "; install dbhygiene with it"
        if len(skipped) == 1:
            need = "is written for" if is_old else "needs"
            words = f"{example} {need} {version} and was not checked"
        else:
            need = "are written for" if is_old else "need"
            words = f"{len(skipped)} files {need} {version} and were not checked, for example {example}"
        self.warn(f"warning: {words}{advice}")

    def status(self) -> int:
        """Return the exit status: 2 after a failure, 1 if a finding has the level at which the run fails."""
        if self.failed:
            return 2
        return int(not self.options.exit_zero and self.tally.any_from(self.options.fail_on or LEVELS[-1]))

    def say(self, words: str) -> None:
        """Print text besides the findings: on standard error, unless the format is text on standard output."""
        if not self.options.quiet:
            self.out.flush()
            for_people = self._targets[0] == OutputTarget("full") and self.out is not sys.stderr
            print(words, file=self.out if for_people else sys.stderr)

    def log(self, words: str) -> None:
        if self.options.verbose:
            print(words, file=sys.stderr)


def _text_around(file: File, finding: Finding) -> str:
    """Return the text in which the lines of a finding are counted: of the file, or of its cell."""
    cell = file.notebook.cell(finding.cell) if file.notebook is not None and finding.cell is not None else None
    return file.contents if cell is None else cell.source


def with_stdin(paths: tuple[str, ...], stdin_filename: str | None) -> tuple[str, ...]:
    """Return the paths; `--stdin-filename` without paths means `-`."""
    if stdin_filename is None or "-" in paths:
        return paths
    if paths:
        raise UsageError("--stdin-filename cannot be used with paths other than `-`: remove one of the two")
    return ("-",)


def _absolute(paths: Iterable[str]) -> Iterator[Path]:
    for path in paths:
        if path != "-":
            absolute = Path(os.path.abspath(path))
            if not absolute.exists():
                raise UsageError(f"{path}: no such file or directory")
            yield absolute


def printable_path(path: Path) -> str:
    """Return a path for output: relative to the current directory, if it is below it; without control characters."""
    try:
        name = str(path.relative_to(os.getcwd()))
    except ValueError:
        name = str(path)
    return name if name.isprintable() else "".join("\N{REPLACEMENT CHARACTER}" if c < " " else c for c in name)


def page(name: str) -> str:
    """Return the page of a rule, or of a finding about the run itself."""
    from dbhygiene.checker.own_pages import page_of  # most runs show none

    return page_of(name)
