"""One line for each finding: place, code, `[*]` where a safe fix is known, message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dbhygiene.model import Finding, Fix, Safety


def concise(findings: Iterable[Finding], shown: Callable[[Path], str]) -> Iterator[str]:
    """The lines; `shown` says how a path is written."""
    for finding in findings:
        line, column, *_ = finding.span
        star = "[*] " if isinstance(finding.fix, Fix) and finding.fix.safety is Safety.SAFE else ""
        yield f"{shown(finding.path)}:{line}:{column + 1}: {finding.code} {star}{finding.message}\n"
