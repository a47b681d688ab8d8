"""`check_file`: the findings of one file. Rules run over their subjects, and comments silence findings."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from time import perf_counter
from typing import TYPE_CHECKING, Any

from dbhygiene.checker.own_findings import INTERNAL_ERROR, OWN_CODES, internal_error, syntax_error
from dbhygiene.checker.registry import all_rules
from dbhygiene.checker.selection import is_ignored_in, may_fix
from dbhygiene.checker.subjects import Analyses, WordIndex
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.fingerprints import add_fingerprints, normalise
from dbhygiene.diagnostics.model import AnyRule, Diagnostic, Finding, Fix, NoFix, Step
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span
from dbhygiene.source.queries import tables
from dbhygiene.source.scopes import Scope

if TYPE_CHECKING:
    from dbhygiene.diagnostics.suppressions import Suppression

_COPIED = "this file seems to be a copy of another project's code: report the fault there, or exclude the file"


def check_file(
    file: File,
    rules: Sequence[AnyRule],
    analyses: Analyses | None = None,
    least: Confidence | None = None,
    *,
    heed_comments: bool = True,
) -> list[Finding]:
    """Return the findings in a file, by place.

    Arguments:
        least: the least confidence; by default, that of the settings.
        heed_comments: whether to leave out those that comments silence.
    """
    analyses = analyses or Analyses(file.project)
    comments = _comments(file) if heed_comments else ()
    words = WordIndex(file.text)
    able = [rule for rule in rules if analyses.may_find(rule, file, words) or _is_mentioned(rule, comments)]
    able = [rule for rule in able if not is_ignored_in(rule, file)]
    if not able:
        return []
    broken = syntax_error(file)
    if broken and not file.is_program:
        return [broken]
    about_code = [rule for rule in able if rule.on != _JUDGEMENT]
    found = [finding for on, group in _by_subject(about_code) for finding in _run(file, on, group, analyses)]
    found.sort(key=_order)
    found = add_fingerprints(found, file.project.root)
    if comments:
        found = _apply_comments(file, comments, found, able)
    if broken:  # a cell of a notebook
        found = sorted([*found, broken], key=_order)
    least = least or file.project.settings.min_confidence
    return [finding for finding in found if finding.confidence >= least]


def check_named_file(
    file: File, rules: Sequence[AnyRule], analyses: Analyses | None = None, least: Confidence | None = None
) -> list[Finding]:
    """Return the findings in a file that the user names: also that it does not parse, if no rule needs it."""
    broken = syntax_error(file)
    if broken and not file.is_program:
        return [broken]
    found = check_file(file, rules, analyses, least)
    return found if broken is None or broken in found else [broken, *found]


_JUDGEMENT = "Judgement"  # the effect of a comment: it is known when all rules have run


def _comments(file: File) -> Sequence[Suppression]:
    """Return the comments that silence our rules; most files have none, and are not tokenised."""
    if "dbhygiene:" not in file.text and not ("noqa" in (lower := file.text.lower()) and "hyg" in lower):
        return ()
    from dbhygiene.diagnostics.suppressions import suppressions

    return suppressions(file)


def _is_mentioned(rule: AnyRule, comments: Iterable[Suppression]) -> bool:
    """Whether a comment names a rule. The rule must then run, to know whether the comment is unused."""
    return any(comment.names(rule.code, rule.name) for comment in comments)


def _apply_comments(
    file: File, comments: Sequence[Suppression], found: Sequence[Finding], able: Sequence[AnyRule]
) -> list[Finding]:
    """Return the findings that no comment silences, and those about comments, which only a name can silence."""
    from dbhygiene.diagnostics.suppressions import is_silenced, judge

    known = all_rules()
    names = {**OWN_CODES, **{rule.code: rule.name for rule in known}}
    default = {rule.code for rule in known if rule.default and rule.on != _JUDGEMENT}
    judges = [rule for rule in able if rule.on == _JUDGEMENT]
    run = {rule.code for rule in able if rule.on != _JUDGEMENT}
    judgements = list(judge(file, comments, found, names, run, default)) if judges else []
    reports = [
        _judged(file, _to_finding(file, rule, report))
        for rule in judges
        for each in judgements
        for report in rule.check(file, each)
    ]
    reports = add_fingerprints(reports, file.project.root)
    by_name = [comment for comment in comments if comment.rules]
    left = [finding for finding in found if not is_silenced(file, comments, finding)]
    left += [finding for finding in reports if not is_silenced(file, by_name, finding)]
    return sorted(left, key=_order)


def _order(finding: Finding) -> tuple[Any, ...]:
    """Return a sort key of place and content, so that the order of sets in an analysis does not matter."""
    return finding.span, finding.code, finding.message, [(str(step.path), step.span) for step in finding.steps]


def _by_subject(rules: Iterable[AnyRule]) -> Iterable[tuple[str, list[AnyRule]]]:
    groups: dict[str, list[AnyRule]] = {}
    for rule in rules:
        groups.setdefault(rule.on, []).append(rule)
    return groups.items()


def _run(file: File, on: str, rules: Sequence[AnyRule], analyses: Analyses) -> Iterator[Finding]:
    """Yield the findings about subjects of a class; while a project is edited, those about each function are kept."""
    kind, failed = ("findings", on, *(rule.code for rule in rules)), set[Finding]()
    try:
        for code, find in analyses.pieces(on, file):
            check = partial(_check_subjects, file, on, rules, find, analyses)
            for finding in check() if code is None else analyses.kept(kind, file, code, check):
                if finding.code != INTERNAL_ERROR:
                    yield _judged(file, finding)
                elif finding not in failed:
                    failed.add(finding)
                    yield finding
    except Exception as error:
        yield internal_error(file.path, f"the analysis `{on}`", error)


def _check_subjects(
    file: File, on: str, rules: Sequence[AnyRule], find: Callable[[], Iterable[Any]], analyses: Analyses
) -> tuple[Finding, ...]:
    started = perf_counter()
    subjects, found = [*find()], list[Finding]()
    analyses.times[f"{on} (subjects)"] += perf_counter() - started
    for rule in rules:
        started = perf_counter()
        try:
            for subject in subjects:
                found += (_to_finding(file, rule, report) for report in rule.check(file, subject))
        except Exception as error:
            found.append(internal_error(file.path, f"the rule `{rule.name}`", error))
        analyses.times[rule.name] += perf_counter() - started
    return tuple(found)


def _to_finding(file: File, rule: AnyRule, report: Diagnostic) -> Finding:
    span = report.at if isinstance(report.at, Span) else file.span(report.at)
    expression = file.excerpt(span) if isinstance(report.at, Span) else normalise(report.at)
    return Finding(
        file.path,
        span,
        rule.code,
        rule.name,
        report.message,
        tuple(s if isinstance(s, Step) else Step(file.path, file.span(s[0]), s[1]) for s in report.path),
        _fix(rule, report, file.project.settings),
        report.confidence,
        report.notes,
        report.subject,
        _context(file, span.line),
        expression,
        impact=report.impact,
    )


def _judged(file: File, finding: Finding) -> Finding:
    """Return a finding, which is only possible if its file is not a part of the program."""
    from dbhygiene.library.copies import is_copied  # for the few files with findings
    from dbhygiene.program.retired import reason_outside

    if (outside := _COPIED if is_copied(file) else reason_outside(file)) is None:
        return finding
    notes = finding.notes if outside in finding.notes else (*finding.notes, outside)
    return finding._replace(confidence=Confidence.POSSIBLE, notes=notes)


def _fix(rule: AnyRule, report: Diagnostic, settings: Settings) -> Fix | NoFix | None:
    """Return the fix of a diagnostic, if the settings allow those of its rule."""
    if isinstance(report.fix, Fix) and not may_fix(rule, settings):
        return NoFix(
            "the settings `fixable` and `unfixable` exclude this rule; change these settings, or the code by hand"
        )
    return report.fix


def _context(file: File, line: int) -> str:
    """Return the qualified name of the innermost function or class around a line."""
    starts, scopes = _scopes_by_line(file)
    number = bisect_right(starts, line)
    scope = scopes[number - 1] if number else None
    while scope is not None:
        node = scope.node
        if isinstance(node, _NAMED) and node.lineno <= line <= (node.end_lineno or 0):
            return scope.name
        scope = scope.parent
    return ""


_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@tables
def _scopes_by_line(file: File) -> tuple[list[int], list[Scope]]:
    """Return the functions and classes of a file, in order, and their first lines."""
    named = [(scope.node.lineno, scope.name, scope) for scope in file.scopes if isinstance(scope.node, _NAMED)]
    named.sort(key=itemgetter(0, 1))
    return [line for line, _, _ in named], [scope for _, _, scope in named]
