"""JSON, an object on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.model import Finding
from dbhygiene.reports import Scene
from dbhygiene.reports.json import encoded


def report(findings: Iterable[Finding], scene: Scene) -> Iterator[str]:
    """The lines, with the keys of `json`."""
    for finding in findings:
        yield encoded(finding) + "\n"
