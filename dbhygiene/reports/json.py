"""`report`: JSON with the keys of ruff, and more: steps, notes, confidence, fingerprint."""

from __future__ import annotations

import json as encoder
from collections.abc import Iterable, Iterator
from typing import Any

from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety, Step
from dbhygiene.diagnostics.text_edits import TextChange, text_edits
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import page_url
from dbhygiene.reports.fix_hint import after_failure
from dbhygiene.source.nodes import Span

_APPLICABILITY = {Safety.SAFE: "safe", Safety.UNSAFE: "unsafe", Safety.SHOWN: "display"}


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield one array, with one element on each line."""
    separator = "[\n"
    for finding in findings:
        yield separator + encode(finding, scene)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def encode(finding: Finding, scene: RenderContext) -> str:
    """Return a finding as an object on one line."""
    return encoder.dumps(_finding_object(finding, scene), ensure_ascii=False)


def _finding_object(finding: Finding, scene: RenderContext) -> dict[str, Any]:
    change = scene.fixed(finding)
    return {
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
        **_place(finding),
        "fix": _fix(finding, change),
        "no_fix": _no_fix(finding, change),
        "url": page_url(finding.name, scene) or None,
        "steps": [{**_place(step), "message": step.message} for step in finding.steps],
        "notes": list(finding.notes),
        "confidence": str(finding.confidence),
        "impact": finding.impact.value,
        "fingerprint": finding.fingerprint,
    }


def _place(place: Finding | Step) -> dict[str, Any]:
    """Return a place: rows and columns from 1, columns in code points. In a notebook, rows are those of its cell."""
    return {"filename": str(place.path), "cell": place.cell, **_range(place.span)}


def _range(span: Span) -> dict[str, Any]:
    return {
        "location": {"row": span.line, "column": span.column + 1},
        "end_location": {"row": span.end_line, "column": span.end_column + 1},
    }


def _fix(finding: Finding, change: TextChange | str | None) -> dict[str, Any] | None:
    """Return the fix of a finding, if there is one: its edits can be applied to the text as they are."""
    if not isinstance(finding.fix, Fix) or not isinstance(change, TextChange):
        return None
    return {
        "applicability": _APPLICABILITY[finding.fix.safety],
        "message": finding.fix.title,
        "edits": [{"content": edit.content, **_range(edit.span)} for edit in text_edits(change)],
    }


def _no_fix(finding: Finding, change: TextChange | str | None) -> str | None:
    """Return why there is no fix, if the rule or the proof gives a reason."""
    if isinstance(change, str):
        finding = after_failure(finding, change)
    return finding.fix.reason if isinstance(finding.fix, NoFix) else None
