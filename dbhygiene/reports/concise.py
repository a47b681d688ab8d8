"""One line for each finding: place, code, `[*]` where a safe fix is known, message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """The lines; columns from 1, in code points."""
    for finding in findings:
        line, column, *_ = finding.span
        star = "[*] " if finding.fixable else ""
        yield f"{scene.display_path(finding.path)}:{line}:{column + 1}: {finding.code} {star}{finding.message}\n"
