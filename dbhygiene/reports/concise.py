"""One line for each finding: place, code, `[*]` if there is a safe fix, message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import with_path


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield the lines; columns count code points from 1."""
    for finding in findings:
        star = "[*] " if finding.fixable else ""
        place = scene.display_place(finding.source, finding.span)
        yield f"{place}: {finding.code} {star}{with_path(finding, scene)}\n"
