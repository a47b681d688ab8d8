"""`report`: one line for each finding: place, code, `[*]` if there is a safe fix, message.

app.py:5:12: HYG101 [*] connection `conn` is not closed on every path (opened 5, left at 7 when `not rows`)
"""

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
