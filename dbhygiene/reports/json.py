"""JSON with the keys of ruff, and more: steps, notes, confidence, fingerprint."""

from __future__ import annotations

import json as encoder
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dbhygiene.diagnostics.edits import Edit
from dbhygiene.diagnostics.model import Finding, Fix, NoFix
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import page_url
from dbhygiene.source.nodes import Span


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield one array, with one element on each line."""
    separator = "[\n"
    for finding in findings:
        yield separator + encode(finding, scene)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def encode(finding: Finding, scene: RenderContext) -> str:
    """Return a finding as an object on one line."""
    return encoder.dumps(_finding(finding, scene), ensure_ascii=False)


def _finding(finding: Finding, scene: RenderContext) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
        **_place(finding.path, finding.span),
        "fix": _fix(finding.fix),
        "url": page_url(finding.name, scene) or None,
        "steps": [{**_place(step.path, step.span), "message": step.message} for step in finding.steps],
        "notes": list(finding.notes),
        "confidence": str(finding.confidence),
        "impact": finding.impact.value,
        "fingerprint": finding.fingerprint,
    }


def _place(path: Path, span: Span) -> dict[str, Any]:
    """Return a place; rows and columns count from 1, columns in code points."""
    return {"filename": str(path), **_range(span)}


def _range(span: Span) -> dict[str, Any]:
    return {
        "location": {"row": span.line, "column": span.column + 1},
        "end_location": {"row": span.end_line, "column": span.end_column + 1},
    }


def _fix(fix: Fix | NoFix | None) -> dict[str, Any] | None:
    """Return a fix with the kinds of its edits. The new text is only made when the fix is applied."""
    if isinstance(fix, Fix):
        return {"applicability": fix.safety.value, "message": fix.title, "edits": [_edit(each) for each in fix.edits]}
    if isinstance(fix, NoFix):
        return {"applicability": "none", "message": fix.reason, "edits": []}
    return None


def _edit(edit: Edit) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in edit._asdict().items()}


def _plain_value(value: object) -> object:
    if isinstance(value, Span):
        return _range(value)
    return [_plain_value(each) for each in value] if isinstance(value, tuple) else value
