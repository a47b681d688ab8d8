"""Apply rules to files: select rules, create subjects, handle failures, and turn diagnostics into findings."""

from __future__ import annotations

import ast
import importlib
import sys
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbhygiene.checker.registry import all_rules
from dbhygiene.config.errors import Mistake, did_you_mean
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.fingerprints import add_fingerprints, normalise, portable_path
from dbhygiene.diagnostics.model import AnyRule, Diagnostic, Finding, Step
from dbhygiene.library.prefilter import MODULES, import_lines
from dbhygiene.project.discovery import Files, matcher
from dbhygiene.project.project import FEW, Project
from dbhygiene.source.file import NOT_PYTHON, File, ProjectView
from dbhygiene.source.nodes import Span
from dbhygiene.source.queries import query
from dbhygiene.source.records import Frozen
from dbhygiene.source.scopes import Scope

if TYPE_CHECKING:
    from dbhygiene.checker.incremental import IncrementalCheck
    from dbhygiene.diagnostics.suppressions import Suppression
    from dbhygiene.gaps import Gaps
    from dbhygiene.lifetimes import Lifetimes

INTERNAL_ERROR = "HYG000"
SYNTAX_ERROR = "HYG001"
NOT_READ = "HYG003"
OWN_CODES = {INTERNAL_ERROR: "internal-error", SYNTAX_ERROR: "syntax-error", NOT_READ: "file-not-read"}

_TOP = Span(1, 0, 1, 0)


# -- which rules ----------------------------------------------------------------------------------------


def selected_rules(settings: Settings, rules: Sequence[AnyRule] | None = None) -> tuple[AnyRule, ...]:
    """The rules that settings turn on; raises Mistake where they name an unknown one.

    A rule answers to its name, its code, a prefix of its code, and `ALL`; the closest of these decides, and `ignore`
    where two are equally close. A rule that is not on by default asks for its name or its whole code.
    """
    known = all_rules() if rules is None else rules
    named = [(key, word) for key in _SELECTORS for word in getattr(settings, key.replace("-", "_"))]
    named += [("per-file-ignores", word) for words in settings.per_file_ignores.values() for word in words]
    for key, selector in named:
        if selector in OWN_CODES or selector in OWN_CODES.values():
            raise Mistake(f"{settings.place(key)}`{selector}` is not a rule: it is always reported")
        if not _selects_any(selector, known):
            words = [word for rule in known for word in (rule.name, rule.code)]
            raise Mistake(f"{settings.place(key)}unknown rule `{selector}`{did_you_mean(selector, words)}")
    wanted = ("suppression-without-reason",) if settings.require_reason else ()
    select = (*(settings.select or ("ALL",)), *settings.extend_select, *wanted)
    ignore = (*settings.ignore, *settings.extend_ignore)
    return tuple(rule for rule in known if _closest(rule, select, opt_in=True) > _closest(rule, ignore))


_SELECTORS = ("select", "extend-select", "ignore", "extend-ignore")


def _closest(rule: AnyRule, selectors: Iterable[str], *, opt_in: bool = False) -> int:
    """How closely the closest of these selectors names a rule; -1 where none does."""
    found = (_closeness(rule, selector) for selector in selectors)
    exact = len(rule.code)
    return max((c for c in found if not opt_in or rule.default or c == exact), default=-1)


def _closeness(rule: AnyRule, selector: str) -> int:
    if selector in (rule.name, rule.code):
        return len(rule.code)
    if selector == "ALL":
        return 0
    return len(selector) if selector and rule.code.startswith(selector) else -1


def _selects_any(selector: str, rules: Sequence[AnyRule]) -> bool:
    return selector in ("ALL", "HYG") or any(_closeness(rule, selector) >= 0 for rule in rules)


# -- what rules look at ---------------------------------------------------------------------------------


# kind of subject -> where it is made: package, class, method
_ANALYSES = {
    "Lifetime": ("dbhygiene.lifetimes", "Lifetimes", "of"),
    "Field": ("dbhygiene.lifetimes", "Lifetimes", "fields"),
    "Gap": ("dbhygiene.gaps", "Gaps", "of"),
}
_IN_ONE_FILE = {"Engine": ("dbhygiene.pools.engines", "engines_in")}  # those that take no analysis: module, function


class HelperUse(Enum):
    """What a run knows of helpers: project functions that return connections."""

    NONE = "none"  # no function returns a connection
    UNNEEDED = "unneeded"  # every file names what it uses itself
    KNOWN = "known"


class Analyses:
    """The analyses of one run over one project, each imported and made when the first rule asks for it."""

    def __init__(self, project: ProjectView) -> None:
        self._project = project
        self._made: dict[str, Any] = {}
        # The names of the functions that return connections, by file; None: they have not been searched for.
        self.handed: Mapping[Path, Collection[str]] | None = None
        self.helpers: frozenset[str] = frozenset()  # these names, and those that the settings say

    def subjects(self, on: str, file: File) -> Iterable[Any]:
        """What a class of this name has in a file: the file itself, an analysis' subjects, or nodes of the tree."""
        if on == File.__name__:
            return (file,)
        if on in _ANALYSES:
            return list(getattr(self._analysis(on), _ANALYSES[on][2])(file))
        if on in _IN_ONE_FILE:
            module, find = _IN_ONE_FILE[on]
            return list(getattr(importlib.import_module(module), find)(file))
        return file.nodes(getattr(ast, on))

    def set_helpers(self, handed: Mapping[Path, Collection[str]] | None) -> None:
        """Set the helpers: these files return connections by functions of these names, and no others do."""
        self.handed = handed
        if handed is not None:
            self.helpers = self._lifetimes.set_helpers(handed)

    def helpers_in(self, file: File) -> tuple[str, ...]:
        """Return the names of the functions in a file that return connections."""
        return tuple(sorted(set(self._lifetimes.helpers_in(file))))

    def may_define_helpers(self, file: File) -> bool:
        """Whether a file may have such functions, by its text."""
        return self._lifetimes.summaries.may_define_helpers(file)

    def needs_helpers(self, file: File) -> bool:
        """Whether a helper of another file may give connections to this file."""
        return self._lifetimes.summaries.needs_helpers(file)

    def files_asked_about(self) -> set[Path]:
        """The files of which it was asked whether a helper gives them a connection."""
        return set(self._lifetimes.summaries.asked) if "Lifetimes" in self._made else set()

    def release(self, file: File) -> None:
        """Drop what only the check of this file needed: the facts at each place of each function."""
        if "Lifetimes" in self._made:
            self._lifetimes.summaries.release(file)

    def reset(self) -> None:
        """Forget all results."""
        self._made.clear()
        self.handed, self.helpers = None, frozenset()

    def may_define_any(self, rules: Iterable[AnyRule], files: Iterable[File]) -> bool:
        """Whether any of these files may hold what there is to learn about; else, the analysis is not imported."""
        able = [rule for rule in rules if _needs_lifetimes(rule)]
        if not able or self._project.settings.functions:  # which may be called in files that name no driver
            return bool(able)
        texts = ((file, WordIndex(file.text)) for file in files)
        return any(self.may_find(rule, file, words) for file, words in texts for rule in able)

    def may_find(self, rule: AnyRule, file: File, words: WordIndex) -> bool:
        """Whether a file may hold the fault of a rule, by its text."""
        if rule.also and not words.any(rule.also):
            return False
        if not rule.imports or words.any(rule.imports):
            return rule.on != "Gap" or self._may_have_gap(file)
        return _needs_lifetimes(rule) and words.any(self.helpers) and self._lifetimes.summaries.uses_helpers(file)

    def warm_up(self, rules: Iterable[AnyRule], files: Sequence[File]) -> None:
        """Compute what the checks of many files need, before worker processes are forked that would each compute it."""
        words = {word for rule in rules if rule.on == "Gap" for word in rule.imports}
        if len(files) > FEW and sum(any(word in file.text for word in words) for file in files) > FEW:
            with suppress(Exception):  # the check of the file reports it
                self._gaps.warm_up()

    def _may_have_gap(self, file: File) -> bool:
        try:
            return self._gaps.may_have(file)
        except Exception:  # likewise
            return True

    @property
    def _gaps(self) -> Gaps:
        made: Gaps = self._analysis("Gap")
        return made

    @property
    def _lifetimes(self) -> Lifetimes:
        made: Lifetimes = self._analysis("Lifetime")
        return made

    def _analysis(self, kind: str) -> Any:
        module, name, _ = _ANALYSES[kind]
        if name not in self._made:
            self._made[name] = getattr(importlib.import_module(module), name)(self._project)
        return self._made[name]


def _needs_lifetimes(rule: AnyRule) -> bool:
    return rule.on in _ANALYSES and _ANALYSES[rule.on][1] == "Lifetimes"


# -- one file -------------------------------------------------------------------------------------------


def check_file(
    file: File, rules: Sequence[AnyRule], analyses: Analyses | None = None, *, heed_comments: bool = True
) -> list[Finding]:
    """The findings in a file, by place; without those that its comments silence, if these are heeded."""
    analyses = analyses or Analyses(file.project)
    comments = _comments(file) if heed_comments else ()
    words = WordIndex(file.text)
    able = [rule for rule in rules if analyses.may_find(rule, file, words) or _is_mentioned(rule, comments)]
    able = [rule for rule in able if not is_ignored_in(rule, file)]
    if not able:
        return []
    if broken := syntax_error(file):
        return [broken]
    about_code = [rule for rule in able if rule.on != _JUDGEMENT]
    found = [finding for on, group in _by_subject(about_code) for finding in _run(file, on, group, analyses)]
    found.sort(key=_order)
    found = add_fingerprints(found, file.project.root)
    if comments:
        found = _apply_comments(file, comments, found, able)
    least = file.project.settings.min_confidence
    return [finding for finding in found if finding.confidence >= least]


_JUDGEMENT = "Judgement"  # what a comment that silences findings came to: known when all else is


def _comments(file: File) -> Sequence[Suppression]:
    """The comments that silence rules of ours; most files have none, and are not read for them."""
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
    """The findings that no comment silences, and those about the comments themselves, which only a name silences."""
    from dbhygiene.diagnostics.suppressions import is_silenced, judge

    known = all_rules()
    names = {**OWN_CODES, **{rule.code: rule.name for rule in known}}
    default = {rule.code for rule in known if rule.default and rule.on != _JUDGEMENT}
    judges = [rule for rule in able if rule.on == _JUDGEMENT]
    run = {rule.code for rule in able if rule.on != _JUDGEMENT}
    judgements = list(judge(file, comments, found, names, run, default)) if judges else []
    reports = [
        _to_finding(file, rule, report) for rule in judges for each in judgements for report in rule.check(file, each)
    ]
    reports = add_fingerprints(reports, file.project.root)
    by_name = [comment for comment in comments if comment.rules]
    left = [finding for finding in found if not is_silenced(file, comments, finding)]
    left += [finding for finding in reports if not is_silenced(file, by_name, finding)]
    return sorted(left, key=_order)


def _order(finding: Finding) -> tuple[Any, ...]:
    """Return a sort key of place and content, so that the order of sets in an analysis does not matter."""
    return finding.span, finding.code, finding.message, [(str(step.path), step.span) for step in finding.steps]


def syntax_error(file: File) -> Finding | None:
    """HYG001 where a file does not parse, in the parser's words."""
    try:
        _ = file.tree
    except NOT_PYTHON as error:
        return not_parsed(file.path, error)
    return None


def not_parsed(path: Path, error: Exception) -> Finding:
    """HYG001, for what the parser, or the decoder before it, raised."""
    span, words, needs = _TOP, str(error) or "too deeply nested", ""
    if isinstance(error, SyntaxError):
        from dbhygiene.checker.newer import newer  # most runs meet no such file

        line, column = error.lineno or 1, max(1, error.offset or 1)
        span, words = Span(line, column - 1, line, column), error.msg or "invalid syntax"
        needs = f": {text}" if (text := newer(error)) else ""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(path, span, SYNTAX_ERROR, "syntax-error", f"{words} (Python {version}){needs}")


class WordIndex(dict[str, bool]):
    """Word -> whether it stands in a text; a module's name counts where it is imported."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._imports: str | None = None
        self._answers: dict[frozenset[str], bool] = {}

    def __missing__(self, word: str) -> bool:
        if word in MODULES and self._imports is None:
            self._imports = import_lines(self._text)
        self[word] = found = word in (self._imports or "" if word in MODULES else self._text)
        return found

    def any(self, words: frozenset[str]) -> bool:
        """Whether one of these, which many rules ask for, stands there."""
        if (answer := self._answers.get(words)) is None:
            answer = self._answers[words] = any(self[word] for word in words)
        return answer


def is_ignored_in(rule: AnyRule, file: File) -> bool:
    """Whether `per-file-ignores` turns a rule off in a file."""
    return any(
        any(_closeness(rule, selector) >= 0 for selector in selectors)
        and matches(pattern, file.path, file.project.root)
        for pattern, selectors in file.project.settings.per_file_ignores.items()
    )


def matches(pattern: str, path: Path, root: Path | None) -> bool:
    """Whether a pattern of `per-file-ignores` matches: as in `.gitignore`, or with a `*` that matches slashes, too."""
    from fnmatch import fnmatchcase

    name = portable_path(path, root)
    return (
        fnmatchcase(name, pattern)
        or fnmatchcase(path.name, pattern)
        or name.startswith(pattern + "/")
        or (root is not None and matcher(pattern, root)(str(path)))
    )


def _by_subject(rules: Iterable[AnyRule]) -> Iterable[tuple[str, list[AnyRule]]]:
    groups: dict[str, list[AnyRule]] = {}
    for rule in rules:
        groups.setdefault(rule.on, []).append(rule)
    return groups.items()


def _run(file: File, on: str, rules: Sequence[AnyRule], analyses: Analyses) -> Iterator[Finding]:
    try:
        subjects = analyses.subjects(on, file)
    except Exception as error:
        yield _internal_error(file.path, f"the analysis `{on}`", error)
        return
    for rule in rules:
        try:
            for subject in subjects:
                for report in rule.check(file, subject):
                    yield _to_finding(file, rule, report)
        except Exception as error:
            yield _internal_error(file.path, f"the rule `{rule.name}`", error)


def worker_died(path: Path, reason: str) -> Finding:
    """HYG000 for a file whose worker process ended without a result."""
    message = f"internal error: the worker checking this file {reason}"
    return Finding(path, _TOP, INTERNAL_ERROR, "internal-error", message)


def _internal_error(path: Path, culprit: str, error: Exception) -> Finding:
    """A failure of ours: never silenced, and never the end of the run."""
    message = f"internal error in {culprit}: {type(error).__name__}: {error}".partition("\n")[0]
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    notes = () if trace is None else (f"raised at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}",)
    return Finding(path, _TOP, INTERNAL_ERROR, "internal-error", message, notes=notes)


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
        report.fix,
        report.confidence,
        report.notes,
        report.subject,
        _context(file, span.line),
        expression,
        impact=report.impact,
    )


def _context(file: File, line: int) -> str:
    """The qualified name of the innermost function or class around a line."""
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


@query
def _scopes_by_line(file: File) -> tuple[list[int], list[Scope]]:
    """The functions and classes of a file in the order of the text, and the lines in which they begin."""
    named = [(scope.node.lineno, scope.name, scope) for scope in file.scopes if isinstance(scope.node, _NAMED)]
    named.sort(key=itemgetter(0, 1))
    return [line for line, _, _ in named], [scope for _, _, scope in named]


# -- many files -----------------------------------------------------------------------------------------


def check(
    project: Project,
    paths: Iterable[Path],
    rules: Sequence[AnyRule],
    *,
    named: Collection[Path] = (),
    analyses: Analyses | None = None,
    how: RunOptions | None = None,
) -> Iterator[Finding]:
    """The findings in these files, in their order.

    Most files name no driver: their bytes are searched, and they are neither decoded nor parsed. Files that the user
    `named` are parsed in any case, since a broken one is what its author wants to hear of.
    """
    from dbhygiene.checker.project_check import check_project

    files = paths if isinstance(paths, Files) else Files(map(str, paths))
    return check_project(project, files, rules, set(named), analyses or Analyses(project), how or RunOptions())


def load(
    project: Project, paths: Iterable[Path], rules: Sequence[AnyRule], analyses: Analyses, named: Collection[Path] = ()
) -> None:
    """Let the analyses learn what they must know to check these files, as `check` does."""
    from dbhygiene.checker.project_check import load

    load(project, Files(map(str, paths)), rules, analyses, set(named))


class RunOptions(Frozen):
    """Options of a run: cache, number of worker processes, progress callback."""

    cache: Path | None = None
    jobs: int = 1
    progress: Callable[[int, int, int], None] | None = None
    warn: Callable[[str], None] | None = None
    incremental: IncrementalCheck | None = None


def not_read(path: Path, reason: str) -> Finding:
    """HYG003, for a file or directory that could not be read."""
    return Finding(path, _TOP, NOT_READ, "file-not-read", f"cannot read: {reason[:1].lower()}{reason[1:]}")
