"""`report`: GitLab's code quality report, in the format of Code Climate."""

from __future__ import annotations

import json as encoder
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import more_about, relative_path, story
from dbhygiene.source.nodes import Span

_SEVERITIES = {Confidence.CERTAIN: "critical", Confidence.LIKELY: "major", Confidence.POSSIBLE: "minor"}


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield one array of issues."""
    yield (
        encoder.dumps([_issue(scene.in_file(finding), scene) for finding in findings], indent=2, ensure_ascii=False)
        + "\n"
    )


def _issue(finding: Finding, scene: RenderContext) -> dict[str, Any]:
    base = scene.base
    path = relative_path(finding.path, base)
    body = [*story(finding, base), more_about(finding, scene)]
    return {
        "type": "issue",
        "check_name": finding.name,
        "description": f"{finding.code}: {finding.message}",
        "content": {"body": "\n".join(line if line[0].isdecimal() else f"- {line}" for line in body)},
        "categories": ["Bug Risk"],
        "severity": _SEVERITIES[finding.confidence],
        "fingerprint": _fingerprint(finding, path),
        "location": {"path": path, "positions": _positions(finding.span)},
        "other_locations": [
            {"path": relative_path(step.path, base), "positions": _positions(step.span)} for step in finding.steps
        ],
    }


def _fingerprint(finding: Finding, path: str) -> str:
    """Return a fingerprint that is unique in the report: two projects may have files of the same name."""
    words = [path, finding.code, finding.fingerprint or finding.message]
    return blake2b("\0".join(words).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _positions(span: Span) -> dict[str, Any]:
    """Return lines and columns from 1; the end is inclusive."""
    return {
        "begin": {"line": span.line, "column": span.column + 1},
        "end": {"line": span.end_line, "column": max(1, span.end_column)},
    }
