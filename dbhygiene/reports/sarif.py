"""`report`: SARIF 2.1.0, for code scanning of GitHub and viewers of editors.

Paths are relative to `%SRCROOT%`, which each consumer defines: a report contains no absolute path. Internal errors, and
files that were skipped, are notifications of the run, not results: they say nothing about the code.
"""

from __future__ import annotations

import json as encoder
import re
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
from dbhygiene.reports.line_hash import line_hash
from dbhygiene.source.nodes import Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "dbhygiene/v1"
INTERNAL_ERROR = "internal-error"
_PRECISION = {Confidence.CERTAIN: "very-high", Confidence.LIKELY: "high", Confidence.POSSIBLE: "medium"}


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield one log with one run."""
    found: list[Finding] = []
    errors: list[Finding] = []
    for finding in map(scene.in_file, findings):
        (errors if finding.name == INTERNAL_ERROR else found).append(finding)
    names = sorted({finding.name for finding in found})
    skipped = [*map(scene.in_file, scene.skipped())]
    run = {
        "tool": {"driver": _driver(names, found, [*errors, *skipped], scene)},
        "invocations": [_invocation(errors, skipped, scene)],
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "results": [_result(finding, names.index(finding.name), scene) for finding in found],
    }
    if scene.part:  # at the root, GitHub's upload sets it, by its own `category` or by the job
        run["automationDetails"] = {"id": f"dbhygiene/{scene.part}/"}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    yield encoder.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _driver(
    names: Sequence[str], found: Sequence[Finding], notices: Sequence[Finding], scene: RenderContext
) -> dict[str, Any]:
    surest = {name: max(finding.confidence for finding in found if finding.name == name) for name in names}
    codes = {finding.name: finding.code for finding in found}
    driver: dict[str, Any] = {"name": "dbhygiene", "version": scene.version}
    if (semantic := re.match(r"\d+\.\d+\.\d+", scene.version)) is not None:
        driver["semanticVersion"] = semantic[0]
    if address := scene.repository or scene.documentation:
        driver["informationUri"] = address
    driver["rules"] = [_rule(name, codes[name], scene) | _severity(surest[name]) for name in names]
    if notices:
        driver["notifications"] = [_rule(name, code, scene) for code, name in _kinds(notices)]
    return driver


def _rule(name: str, code: str, scene: RenderContext) -> dict[str, Any]:
    """Return the description of a rule for viewers."""
    page = scene.page(name).strip()
    summary, _, rest = page.partition("\n")
    described: dict[str, Any] = {
        "id": code,
        "name": name,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": " ".join(rest.strip().partition("\n\n")[0].split()) or summary},
        "help": {"text": page, "markdown": page},
    }
    if url := page_url(name, scene):
        described["helpUri"] = url
    return described


def _severity(surest: Confidence) -> dict[str, Any]:
    """Return what viewers sort by, from the confidence of the rule's surest finding."""
    level = "error" if surest is Confidence.CERTAIN else "warning"
    properties = {
        "precision": _PRECISION[surest],
        "problem.severity": level,
        "tags": ["database", "reliability"],
    }
    return {"defaultConfiguration": {"level": level}, "properties": properties}


def _kinds(notices: Sequence[Finding]) -> list[tuple[str, str]]:
    """Return the codes of these notifications, with the names of their pages."""
    return sorted({(notice.code, notice.name) for notice in notices})


def _invocation(errors: Sequence[Finding], skipped: Sequence[Finding], scene: RenderContext) -> dict[str, Any]:
    """Return whether the run succeeded, its internal errors, and the files that it skipped."""
    kinds = _kinds([*errors, *skipped])
    notifications = [
        {
            "descriptor": {"id": notice.code, "index": kinds.index((notice.code, notice.name))},
            "level": "error" if notice.name == INTERNAL_ERROR else "warning",
            "message": {"text": _sentences([notice.message, *notice.notes])},
            "locations": [{"physicalLocation": {"artifactLocation": _artifact(notice.path, scene.base)}}],
        }
        for notice in (*errors, *skipped)
    ]
    return {"executionSuccessful": not errors, "toolExecutionNotifications": notifications}


def _sentences(texts: Iterable[str]) -> str:
    """Return texts as sentences, each on a line: lists of findings show only the first one."""
    return "\n".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in texts if text)


def _result(finding: Finding, index: int, scene: RenderContext) -> dict[str, Any]:
    words = [finding.message, *finding.notes, advice(finding, relative_path(finding.path, scene.base))]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": level(finding),
        "message": {"text": _sentences(words)},
        "locations": [_location(finding.path, finding.span, scene)],
        "partialFingerprints": _fingerprints(finding, scene),
        "properties": {"confidence": str(finding.confidence)},
    }
    if finding.context:
        result["locations"][0]["logicalLocations"] = [{"fullyQualifiedName": finding.context}]
    if len(finding.steps) > 1:
        result["codeFlows"] = [{"threadFlows": [{"locations": [*_flow(finding, scene)]}]}]
    if finding.fixable and isinstance(change := scene.fixed(finding), TextChange):
        result["fixes"] = [_fix(finding, change, scene.base)]
    return result


def _fingerprints(finding: Finding, scene: RenderContext) -> dict[str, str]:
    """Return our own fingerprint, and that of GitHub."""
    known = {FINGERPRINT: finding.fingerprint} if finding.fingerprint else {}
    lines = scene.lines(finding.path)
    if finding.span.line <= len(lines):  # the file may have changed, or have gone
        known["primaryLocationLineHash"] = line_hash(lines, finding.span.line)
    return known


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
