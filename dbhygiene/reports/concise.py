"""One line for each finding: place, code, `[*]` if there is a safe fix, message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield the lines; columns count code points from 1."""
    for finding in findings:
        line, column, *_ = finding.span
        star = "[*] " if finding.fixable else ""
        yield f"{scene.display_path(finding.path)}:{line}:{column + 1}: {finding.code} {star}{finding.message}\n"
