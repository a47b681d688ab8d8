"""`report`: JSON, an object on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext
from dbhygiene.reports.json import encode


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield the lines, with the keys of `json`."""
    for finding in findings:
        yield encode(finding, scene) + "\n"
