"""`fix` chooses fixes, applies and verifies them, until no fix is left; its result is `Fixed`.

All fixes of a round start from the same text and do not overlap. A fix that fails a check is undone and reported; it
does not prevent others.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TypeAlias

from dbhygiene.diagnostics.edits import (
    Edit,
    EditComment,
    InsertAfter,
    InsertBefore,
    InsertFirst,
    MoveIntoWith,
    WrapInTry,
)
from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety
from dbhygiene.fixes import verify
from dbhygiene.fixes.sections import SectionEditor
from dbhygiene.fixes.targets import PRAGMA, EditError, target_spans
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import Record

Check: TypeAlias = Callable[[File], "list[Finding]"]


class Left(Record):
    """A finding that is left, and the reason, which completes "not fixed: ..."; `was` is the finding before all
    fixes."""

    finding: Finding
    reason: str
    was: Finding


class Fixed(Record):
    """The result for a file. Findings in `fixed` have the lines of the old text, those in `left` those of `text`.

    In a notebook, `text` is its JSON. `fix` below gives the lines of the program of its cells, that of the API those of
    each cell.
    """

    text: str
    fixed: tuple[Finding, ...] = ()
    left: tuple[Left, ...] = ()


def fix(file: File, check: Check, *, unsafe: bool = False) -> Fixed:
    """Apply all fixes that may be applied and pass the checks; without any, the text is unchanged."""
    fixed: list[Finding] = []
    failed: dict[_Key, str] = {}
    findings = check(file)
    was = {each: each for each in findings}
    has_changed = False  # since the first of these has failed
    while True:
        ready = [each for each in findings if not _reason(each, unsafe) and _identity(file, each) not in failed]
        if not ready:
            if not has_changed:
                break
            failed, has_changed = {}, False  # a fix that failed then may pass now
            continue
        outcome, done, failures = _round(file, check, findings, ready)
        failed |= failures
        if outcome:
            fixed += (_with_fix(was.pop(each), each.fix) for each in done)
            file, findings = outcome
            was = _match_originals(was, findings)
            has_changed = bool(failed)
    left = (Left(each, _reason(each, unsafe) or failed[_identity(file, each)], was[each]) for each in findings)
    return Fixed(file.contents, tuple(fixed), tuple(left))


def _with_fix(finding: Finding, fix: Fix | NoFix | None) -> Finding:
    """Return a finding, with its later fix if it had none before: another fix may have made one possible."""
    return finding if isinstance(finding.fix, Fix) else finding._replace(fix=fix)


def without_proof(file: File, fix: Fix) -> File:
    """Return the file with a fix that is only shown; raise EditError if it cannot be applied."""
    editor = SectionEditor(file, fix.edits)
    return editor.edit(editor.spell([fix.edits]))


def _reason(finding: Finding, unsafe: bool) -> str:
    """Return why no fix of a finding may be applied; empty if one may."""
    match finding.fix:
        case None:
            return "there is no automatic fix"
        case NoFix(reason):
            return reason
        case Fix(safety=Safety.SHOWN):
            return "the fix is a suggestion, which `fix` does not apply"
        case Fix(safety=Safety.UNSAFE) if not unsafe:
            return (
                "the fix is unsafe: it may change behaviour, or re-indents a long block or a multi-line string;"
                " apply it with --unsafe-fixes"
            )
    return ""


# -- one round --------------------------------------------------------------------------------------------

_Key: TypeAlias = "tuple[str, ...]"
_Outcome: TypeAlias = "tuple[File, list[Finding]]"


def _key(finding: Finding) -> _Key:
    """Return the key of a finding, which does not change when its line moves."""
    return finding.code, finding.context, finding.subject


def _identity(file: File, finding: Finding) -> _Key:
    """Return the key of a finding among equal ones."""
    return *_key(finding), file.lines[finding.span.line - 1].strip(), str(finding.span.column)


def _match_originals(was: Mapping[Finding, Finding], findings: Iterable[Finding]) -> dict[Finding, Finding]:
    """Match each finding with one before all fixes: of several equal ones, the first with the same expression."""
    known: dict[_Key, list[Finding]] = {}
    for finding in was.values():
        known.setdefault(_key(finding), []).append(finding)
    traced = {}
    for finding in findings:
        alike = known.get(_key(finding)) or [finding]  # a finding that a fix has caused has no original
        traced[finding] = next((each for each in alike if each.expression == finding.expression), alike[0])
        alike.remove(traced[finding])
    return traced


def _round(
    file: File, check: Check, findings: list[Finding], ready: Sequence[Finding]
) -> tuple[_Outcome | None, list[Finding], dict[_Key, str]]:
    """Apply compatible fixes; return the file, the findings that are gone, and the fixes that failed."""
    trial = Trial(file, check, findings)
    try:
        batch = apart(of_one_kind(ready))
        return trial.outcome(batch), batch, {}
    except EditError as error:
        if len(batch) == 1:
            return None, [], {_identity(file, batch[0]): str(error)}
    good: list[Finding] = []
    failures: dict[_Key, str] = {}
    alone: _Outcome | None = None
    for each in batch:
        try:
            outcome = trial.outcome([each])
            alone = alone or outcome
            good.append(each)
        except EditError as error:
            failures[_identity(file, each)] = str(error)
    if len(good) > 1:
        try:
            return trial.outcome(good), good, failures
        except EditError:
            good = good[:1]  # the others follow in the next round
    return alone, good, failures


def of_one_kind(findings: Sequence[Finding]) -> Sequence[Finding]:
    """Return the fixes that change code; if there are none, those of comments, which the former may make unused."""
    return [finding for finding in findings if not _comment_edits(finding)] or findings


def _comment_edits(finding: Finding) -> list[EditComment]:
    return [edit for edit in edits_of(finding) if isinstance(edit, EditComment)]


def apart(findings: Iterable[Finding]) -> list[Finding]:
    """Return as many findings, in order, as have fixes that do not overlap, or make the same change."""
    chosen: list[Finding] = []
    edits: dict[Edit, None] = {}
    for finding in findings:
        own = edits_of(finding)
        others = [region for edit in edits if edit not in own for region in _regions(edit)]
        new = [region for edit in own if edit not in edits for region in _regions(edit)]
        if not any(_meet(one, other) for one in new for other in others):
            chosen.append(finding)
            edits |= dict.fromkeys(own)
    return chosen


def edits_of(finding: Finding) -> tuple[Edit, ...]:
    assert isinstance(finding.fix, Fix)
    return finding.fix.edits


def _regions(edit: Edit) -> list[Span]:
    """Return the spans that an edit changes."""
    match edit:
        case MoveIntoWith(assign, last):
            return [Span(*assign[:2], *last[2:])]
        case WrapInTry(first, last, moved=moved):
            return [Span(*first[:2], *last[2:]), *moved]
        case InsertBefore(place) | InsertFirst(place):
            return [Span(*place[:2], *place[:2])]
        case InsertAfter(place):
            return [Span(*place[2:], *place[2:])]
    return list(target_spans(edit))


def _meet(one: Span, other: Span) -> bool:
    return one[:2] <= other[2:] and other[:2] <= one[2:]


_IN_VAIN = {"HYG002"}  # a fix may leave a comment unused: the next round removes it


# -- the proof --------------------------------------------------------------------------------------------


@contextmanager
def _defects_as_edit_errors() -> Iterator[None]:
    """Raise an internal error as EditError: it is a defect of dbhygiene, but no reason to end the run."""
    try:
        yield
    except EditError:
        raise
    except Exception as error:
        raise EditError(f"internal error: {type(error).__name__}: {error}".partition("\n")[0]) from error


class Trial:
    """Tries fixes on one text, and proves the result."""

    def __init__(self, file: File, check: Check, findings: Sequence[Finding]) -> None:
        self._file = file
        self._check = check
        self._before = Counter(map(_key, findings))
        fixes = (finding.fix for finding in findings)
        self._editor = SectionEditor(file, [edit for fix in fixes if isinstance(fix, Fix) for edit in fix.edits])

    @_defects_as_edit_errors()
    def outcome(self, chosen: Sequence[Finding]) -> _Outcome:
        """Return the file after these fixes, with its findings; raise EditError if a check fails, or by an internal
        error."""
        after = self.edited(chosen)
        return after, self._check_again(after, chosen)

    @_defects_as_edit_errors()
    def edited(self, chosen: Sequence[Finding]) -> File:
        """Return the file after these fixes, without checking it again; raise EditError as `outcome` does."""
        file = self._file
        about_comments = [edit for finding in chosen for edit in _comment_edits(finding)]
        if about_comments:
            edits: Sequence[Edit] = ()
            after = self._editor.edit_comments(about_comments)
        else:
            edits = self._editor.spell(map(edits_of, chosen))
            after = self._editor.edit(edits)
        try:
            if not verify.same_meaning(file, edits, after.text):
                raise EditError("the tested fix changes more than it should")
        except (SyntaxError, ValueError, RecursionError) as error:
            raise EditError("with the tested fix, the code does not parse") from error
        try:
            lost = self._lost_comments(after.text)
        except SyntaxError as error:
            raise EditError("the comments cannot be separated from the code") from error
        lost -= Counter(file.excerpt(edit.comment) for edit in about_comments)
        if any(not PRAGMA.match(comment) for comment in lost):
            raise EditError("the tested fix loses a comment")
        return after

    def _lost_comments(self, text: str) -> Counter[str]:
        """Return the comments that a text no longer has. If their lines are there, nothing is split into tokens."""
        lines = [Counter(line.strip() for line in each.split("\n") if "#" in line) for each in (self._file.text, text)]
        return lines[0] - lines[1] and self._comments - Counter(_comments(text))

    @cached_property
    def _comments(self) -> Counter[str]:
        return Counter(_comments(self._file.text))

    def _check_again(self, after: File, chosen: Sequence[Finding]) -> list[Finding]:
        """Return the findings of the file after fixes; raise EditError if one is new, or is not gone."""
        findings = self._check(after)
        expected_keys = self._before - Counter(map(_key, chosen))
        if new := Counter(map(_key, findings)) - expected_keys:
            gone = set(map(_key, chosen))
            if any(key in gone for key in new):
                raise EditError("the tested fix does not remove the finding, so check again after your own change")
            if faults := {key[0] for key in new} - _IN_VAIN:
                raise EditError(
                    f"the tested fix causes {', '.join(sorted(faults))}, so check again after your own change"
                )
        return findings


def _comments(text: str) -> list[str]:
    """Return the comments of a text; raise SyntaxError if it cannot be split into tokens."""
    import tokenize  # most fixes keep the lines of all comments

    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    try:
        return [token.string for token in tokens if token.type == tokenize.COMMENT]
    except tokenize.TokenError as error:
        raise SyntaxError(*error.args[:1]) from error
