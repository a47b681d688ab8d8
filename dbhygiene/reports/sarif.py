"""SARIF 2.1.0, for code scanning of GitHub and viewers of editors.

Paths are relative to `%SRCROOT%`, which each consumer defines: a report contains no absolute path. The fingerprint
has a key of its own: GitHub's upload compares `primaryLocationLineHash` with its own value, and warns if they differ.
"""

from __future__ import annotations

import json as encoder
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding, Fix
from dbhygiene.diagnostics.text_edits import TextChange, text_edits
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import level, one_line, page_url, relative_path
from dbhygiene.reports.fix_hint import advice
from dbhygiene.source.nodes import Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "dbhygiene/v1"
_PRECISION = {Confidence.CERTAIN: "very-high", Confidence.LIKELY: "high", Confidence.POSSIBLE: "medium"}


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield one log with one run."""
    known = list(findings)
    names = sorted({finding.name for finding in known})
    run = {
        "tool": {"driver": _driver(names, known, scene)},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "results": [_result(finding, names.index(finding.name), scene) for finding in known],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    yield encoder.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _driver(names: Sequence[str], findings: Sequence[Finding], scene: RenderContext) -> dict[str, Any]:
    surest = {name: max(finding.confidence for finding in findings if finding.name == name) for name in names}
    codes = {finding.name: finding.code for finding in findings}
    rules = [_rule(name, codes[name], surest[name], scene) for name in names]
    return {"name": "dbhygiene", "version": scene.version, "rules": rules}


def _rule(name: str, code: str, surest: Confidence, scene: RenderContext) -> dict[str, Any]:
    """Return the description of a rule for viewers."""
    rule = scene.rules.get(name)
    summary = rule.summary if rule else name.replace("-", " ")
    page = rule.doc.strip() if rule else summary
    described: dict[str, Any] = {
        "id": code,
        "name": name,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": summary},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": "error" if surest is Confidence.CERTAIN else "warning"},
        "properties": {"precision": _PRECISION[surest], "tags": ["database", "reliability"]},
    }
    if url := page_url(name, scene):
        described["helpUri"] = url
    return described


def _result(finding: Finding, index: int, scene: RenderContext) -> dict[str, Any]:
    words = [finding.message, *finding.notes, advice(finding, relative_path(finding.path, scene.base))]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": level(finding),
        "message": {"text": "\n".join(filter(None, words))},
        "locations": [_location(finding.path, finding.span, scene)],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint} if finding.fingerprint else {},
        "properties": {"confidence": str(finding.confidence)},
    }
    if finding.context:
        result["locations"][0]["logicalLocations"] = [{"fullyQualifiedName": finding.context}]
    if len(finding.steps) > 1:
        result["codeFlows"] = [{"threadFlows": [{"locations": [*_flow(finding, scene)]}]}]
    if finding.fixable and isinstance(change := scene.fixed(finding), TextChange):
        result["fixes"] = [_fix(finding, change, scene.base)]
    return result


def _fix(finding: Finding, change: TextChange, base: Path) -> dict[str, Any]:
    assert isinstance(finding.fix, Fix)
    edits = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.content}} for edit in text_edits(change)
    ]
    changes = [{"artifactLocation": _artifact(finding.path, base), "replacements": edits}]
    return {"description": {"text": finding.fix.title}, "artifactChanges": changes}


def _flow(finding: Finding, scene: RenderContext) -> Iterator[dict[str, Any]]:
    for number, step in enumerate(finding.steps, 1):
        location = _location(step.path, step.span, scene) | {"message": {"text": step.message}}
        yield {"location": location, "executionOrder": number}


def _location(path: Path, span: Span, scene: RenderContext) -> dict[str, Any]:
    """Return a place; of a long expression only the first line, since viewers would mark all of them."""
    region = _region(one_line(span, scene, path))
    return {"physicalLocation": {"artifactLocation": _artifact(path, scene.base), "region": region}}


def _region(span: Span) -> dict[str, int]:
    line, column, end_line, end_column = span
    return {"startLine": line, "startColumn": column + 1, "endLine": end_line, "endColumn": end_column + 1}


def _artifact(path: Path, base: Path) -> dict[str, str]:
    name = relative_path(path, base)
    encoded = quote(name.encode(errors="surrogateescape"))
    return {"uri": f"file://{encoded}"} if name.startswith("/") else {"uri": encoded, "uriBaseId": "%SRCROOT%"}
