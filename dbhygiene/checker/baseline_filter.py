"""`Filter`: hides the findings of a baseline, and those that a commit already had.

baseline: HYG101 app.py::load connect()     # two findings of this kind: the later one in the file is reported as new
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from dbhygiene.checker.own_findings import INTERNAL_ERROR, OWN_CODES
from dbhygiene.checker.project_check import check
from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.baseline import (
    DEFAULT,
    KnownFindings,
    format_entries,
    format_entry,
    is_gone,
    mask,
    parse_entries,
)
from dbhygiene.diagnostics.fingerprints import Key, key
from dbhygiene.diagnostics.model import AnyRule, Finding
from dbhygiene.diagnostics.overview import HiddenFinding
from dbhygiene.project.atomic_write import write_file
from dbhygiene.project.project import Project
from dbhygiene.source.regular_files import read_text


def baseline_path(project: Project, named: Path | None) -> Path | None:
    """Return the baseline of a project: that of the option, else that of the settings, else None."""
    if named is not None:
        return named.absolute()
    return project.root / project.settings.baseline if project.settings.baseline else None


def read_baseline(path: Path) -> Counter[Key]:
    """Return the entries of a baseline; raise UsageError if it cannot be read."""
    try:
        return parse_entries(read_text(path), path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; `dbhygiene baseline` writes it") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8; `dbhygiene baseline` writes it again") from None


class Filter:
    """Selects the new findings of a project. It reads the known ones at its first use."""

    def __init__(self, project: Project, rules: Sequence[AnyRule], baseline: Path | None, since: str | None) -> None:
        self.project = project
        self.files: set[Path] = set()  # that were checked, and by as much confidence as the baseline was written with
        self._codes = {rule.code for rule in rules} | OWN_CODES.keys()
        self._rules = rules
        self._path = baseline_path(project, baseline)
        self._since = since
        self._earlier: KnownFindings | None = None
        self._base = ""
        if since:  # a wrong name is an error, even without findings
            from dbhygiene.project.git import merge_base

            self._base = merge_base(project.root, since)

    @cached_property
    def _baseline(self) -> KnownFindings | None:
        return KnownFindings(read_baseline(self._path), "the baseline") if self._path else None

    def new(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Return the new findings."""
        if self._baseline:
            findings = self._baseline.new(findings, self.project.root)
        for finding in findings:
            if self._since:
                self._earlier = self._earlier or KnownFindings(
                    _earlier_keys(self.project, self._rules, self._base), self._since
                )
                yield from self._earlier.new([finding], self.project.root)
            else:
                yield finding

    def hidden_findings(self) -> Iterator[HiddenFinding]:
        """Yield the findings that were not new."""
        for known, reason in ((self._baseline, "the baseline lists it"), (self._earlier, f"`{self._since}` has it")):
            yield from (HiddenFinding(finding, reason) for finding in (known.hidden if known else ()))

    def stale(self) -> list[str]:
        """Return a line for each entry of the baseline that matches no finding, and one that says what to do."""
        if self._baseline is None or self._path is None:
            return []
        entries = self._baseline.stale(self.project.root, self.files, self._codes)
        lines = [f"{self._path.name}: no longer found: {format_entry(entry)}" for entry in sorted(entries.elements())]
        return [*lines, f"{self._path.name}: `dbhygiene baseline --prune` removes these entries"] if lines else []


def _earlier_keys(project: Project, rules: Sequence[AnyRule], commit: str) -> Counter[Key]:
    """Return the findings at a commit, with the current settings and rules, and the current paths."""
    from dbhygiene.project.git import earlier_projects

    with earlier_projects(project.root, commit) as was:
        before = Project(was.root, project.settings)
        files = before.discover([was.root]).files
        keys = [key(finding, was.root) for finding in check(before, files, rules)]
    return Counter((code, was.renamed.get(path, path), *rest) for code, path, *rest in keys)  # type: ignore[misc]


def add_to_baseline(project: Project, finding: Finding) -> None:
    """Add a finding to the baseline of a project, which must have one; raise UsageError if it cannot be written."""
    path = baseline_path(project, None)
    assert path is not None, "the settings name it"
    old = read_baseline(path) if path.exists() else Counter[Key]()
    _write(path, old + Counter([mask(key(finding, project.root))]))


def _write(path: Path, entries: Counter[Key]) -> None:
    try:
        write_file(path, format_entries(entries).encode())
    except OSError as error:
        raise UsageError(f"{path}: not written: {(error.strerror or str(error)).lower()}") from None


def update(
    project: Project,
    rules: Sequence[AnyRule],
    files: Iterable[Path],
    findings: Iterable[Finding],
    named: Path | None,
    *,
    prune: bool = False,
) -> str:
    """Write the baseline of a project again, and return a summary of the changes.

    Entries of files that were not checked and of rules that were not run stay; with `prune`, none is added.
    """
    path = baseline_path(project, named) or project.root / DEFAULT
    old = read_baseline(path) if path.exists() else Counter[Key]()
    codes = {rule.code for rule in rules} | OWN_CODES.keys()
    checked = set(files)
    reported = (finding for finding in findings if finding.code != INTERNAL_ERROR)
    found = Counter(mask(key(finding, project.root)) for finding in reported)
    untouched = Counter({entry: n for entry, n in old.items() if not is_gone(entry, project.root, checked, codes)})
    new = untouched + (found & old if prune else found)
    if new != old or not path.exists() or format_entries(new) != read_text(path):  # of an earlier version
        _write(path, new)
    return f"{new.total()} listed ({(new - old).total()} added, {(old - new).total()} removed)"
