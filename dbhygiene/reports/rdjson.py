"""`report`: Reviewdog's diagnostics; columns in bytes of UTF-8, from 1."""

from __future__ import annotations

import json as encoder
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dbhygiene.diagnostics.model import Finding, Source
from dbhygiene.diagnostics.text_edits import TextChange, single_edit
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import level, page_url, relative_path, source_line
from dbhygiene.source.nodes import Span


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield one object with all diagnostics."""
    diagnostics = [_diagnostic(finding, scene) for finding in findings]
    document = {"source": {"name": "dbhygiene"}, "diagnostics": diagnostics}
    yield encoder.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _diagnostic(given: Finding, scene: RenderContext) -> dict[str, Any]:
    finding = scene.in_file(given)
    code = {"value": f"{finding.code} {finding.name}"}
    if url := page_url(finding.name, scene):
        code["url"] = url
    found = {
        "message": "\n".join([finding.message, *finding.notes]),
        "location": _location(finding.path, finding.span, scene),
        "severity": level(finding).upper().replace("NOTE", "INFO"),
        "code": code,
        "related_locations": [
            {"message": step.message, "location": _location(step.path, step.span, scene)} for step in finding.steps
        ],
    }
    if finding.fixable and isinstance(change := scene.fixed(finding), TextChange):
        # one suggestion for the whole fix: reviewdog offers each for itself, and half of a fix must not be applied
        edit = single_edit(change)
        found["suggestions"] = [{"range": _range(finding.path, edit.span, scene), "text": edit.content}]
    return found


def _location(path: Path, span: Span, scene: RenderContext) -> dict[str, Any]:
    return {"path": relative_path(path, scene.base), "range": _range(path, span, scene)}


def _range(path: Path, span: Span, scene: RenderContext) -> dict[str, Any]:
    start = {"line": span.line, "column": _byte(path, span.line, span.column, scene)}
    end = {"line": span.end_line, "column": _byte(path, span.end_line, span.end_column, scene)}
    return {"start": start, "end": end}


def _byte(path: Path, number: int, column: int, scene: RenderContext) -> int:
    before = source_line(scene, Source(path), number)[:column]
    missing = column - len(before)  # the file has changed since
    return len(before.encode(errors="replace")) + missing + 1
