"""`report`: pylint's parseable format, which Jenkins and many editors read.

app.py:5: [E(connection-not-closed), load] HYG101 connection `conn` is not closed on every path

pylint's codes are one letter and a number. Ours are not: so the category `E` or `W` replaces them, and our code is in
the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import relative_path, with_path


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield the lines."""
    for finding in map(scene.in_file, findings):
        category = "E" if finding.confidence is Confidence.CERTAIN else "W"
        place = f"{relative_path(finding.path, scene.base)}:{finding.span.line}"
        yield f"{place}: [{category}({finding.name}), {finding.context}] {finding.code} {with_path(finding, scene)}\n"
