"""All that is reported of one file, and what its fixes do, as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import unified_diff
from hashlib import sha256
from pathlib import Path

from dbhygiene.checker.own_findings import SYNTAX_ERROR
from dbhygiene.diagnostics.model import Finding, Fix, Safety, Step
from dbhygiene.fixes.apply import Fixed, fix
from dbhygiene.reports.fix_hint import advice, after_failure
from dbhygiene.source.file import File

Check = Callable[[File], "list[Finding]"]
Shown = Callable[[Path], str]

_NOT = "not fixed: "


def story(file: File, findings: list[Finding], check: Check, shown: Shown, *, is_foreign: bool = False) -> list[str]:
    """The findings of a file, and the changes that fixes make; nothing where nothing is found.

    Arguments:
        is_foreign: whether no line of the file may be copied: its changes are then given as a digest.
    """
    findings = [finding for finding in findings if finding.code != SYNTAX_ERROR]  # in the words of Python's version
    if not findings:
        return []
    safe = unsafe = fix(file, check)
    if any(isinstance(each.finding.fix, Fix) and each.finding.fix.safety is Safety.UNSAFE for each in safe.left):
        unsafe = fix(file, check, unsafe=True)
    lines = [line for finding in findings for line in _finding(finding, safe, unsafe, file, shown)]
    was = {*findings, *safe.fixed, *unsafe.fixed}
    brought = {each.finding: None for each in (*safe.left, *unsafe.left) if each.was not in was}
    lines += [f"brought by a fix: {each.code} {_place(each)}: {_flat(each.message)}" for each in brought]
    changes = _digest if is_foreign else _diff
    lines += changes("safe fixes", file.text, safe.text)
    if unsafe.text != safe.text:
        lines += changes("unsafe fixes, too", safe.text, unsafe.text)
    return lines


def _finding(finding: Finding, safe: Fixed, unsafe: Fixed, file: File, shown: Shown) -> Iterator[str]:
    about = f" {finding.subject}" if finding.subject else ""
    yield _flat(f"{finding.code} {finding.confidence} {_place(finding)} {finding.context or 'module'}:{about}")
    yield f"  {_flat(finding.message)}"
    for step in finding.steps:
        assert _is_in_its_file(step, file), f"{finding.code} {_place(finding)}: no line {_place(step)} in {step.path}"
        elsewhere = "" if step.path == finding.path else f"{shown(step.path)} "
        yield f"  step {elsewhere}{_place(step)}: {_flat(step.message)}"
    yield from (f"  note: {_flat(note)}" for note in finding.notes)
    outcome = _outcome(finding, safe, unsafe)
    if isinstance(finding.fix, Fix) and finding.fix.safety is not Safety.SHOWN and outcome.startswith(_NOT):
        finding = after_failure(finding, outcome.removeprefix(_NOT))
    if help := advice(finding, shown(file.path)):
        yield f"  help: {_flat(help)}"
    if isinstance(finding.fix, Fix) and finding.fix.safety is not Safety.SHOWN:
        yield f"  {outcome}"


def _outcome(finding: Finding, safe: Fixed, unsafe: Fixed) -> str:
    if finding in safe.fixed:
        return "fixed: safe"
    if finding in unsafe.fixed:
        return "fixed: unsafe"
    reasons = [left.reason for left in unsafe.left if left.was == finding]
    return f"{_NOT}{reasons[0]}" if reasons else "gone with another fix"


def _is_in_its_file(step: Step, file: File) -> bool:
    """Whether the line of a step exists in the file that it names; lines of a notebook are those of its program."""
    if step.path != file.path and step.path.suffix == ".ipynb":
        return True
    text = file.text if step.path == file.path else step.path.read_text("utf-8", "replace")
    return 1 <= step.span.line <= text.count("\n") + 1


def _place(at: Finding | Step) -> str:
    return f"{at.span.line}:{at.span.column + 1}"


def _flat(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _diff(title: str, before: str, after: str) -> list[str]:
    if before == after:
        return []
    changes = list(unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm=""))[2:]
    return [f"{title}:", *(f"  {line}".rstrip() for line in changes)]


def _digest(title: str, before: str, after: str) -> list[str]:
    if not (diff := _diff(title, before, after)):
        return []
    removed, added = (sum(line.startswith(f"  {sign}") for line in diff) for sign in "-+")
    return [f"{title}: {removed} lines become {added}, digest {sha256(chr(10).join(diff).encode()).hexdigest()[:12]}"]
