"""`report`: one line for each finding, for coding agents: the place, the fault, each step of the path, and what to do.

app.py:5:12 HYG101 error: connection `conn` is not closed on every path | 5 opened here -> 6 when `not rows` -> ...

Nothing is repeated, and nothing must be looked up: few tokens are needed to read it. It is never chosen by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety
from dbhygiene.reports import RenderContext
from dbhygiene.reports.brief import condition
from dbhygiene.reports.common import level, page_url
from dbhygiene.reports.fix_hint import by_hand


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield the lines; columns count code points from 1. Rules and notes are named once."""
    known: set[str] = set()  # rules, and notes that are the same for many findings
    for finding in findings:
        place = scene.display_place(finding.source, finding.span)
        parts = [f"{place} {finding.code} {level(finding)}: {finding.message}", *_path(finding, scene)]
        parts += [note for note in finding.notes if note not in known]
        parts.append(_what_to_do(finding, scene))
        if finding.name not in known:
            parts.append(f"rule: {page_url(finding.name, scene) or f'dbhygiene rule {finding.name}'}")
        known |= {finding.name, *finding.notes}
        yield " | ".join(" ".join(part.split()) for part in parts if part) + "\n"


def _path(finding: Finding, scene: RenderContext) -> Iterator[str]:
    """Yield the steps of a path: `6 opened here -> 10 when `not rows` -> 11 the function returns`."""
    if len(finding.steps) > 1:
        steps = []
        for step in finding.steps:
            where = f"{scene.display_path(step.path)}:" if step.path != finding.path else ""
            if step.source != finding.source and step.cell is not None:
                where += f"cell {step.cell}:"
            steps.append(f"{where}{step.span.line} {condition(step, scene.lines_of(step.source)) or step.message}")
        yield " -> ".join(steps)


def _what_to_do(finding: Finding, scene: RenderContext) -> str:
    path = scene.display_path(finding.path)
    match finding.fix:
        case Fix(safety=Safety.SAFE):
            return f"fix: dbhygiene fix {path}"
        case Fix(safety=Safety.UNSAFE):
            return f"fix, may change behaviour: dbhygiene fix --unsafe-fixes {path}"
        case Fix(title=title):
            return f"by hand: {title[:1].lower()}{title[1:]}"
        case NoFix(reason=reason):
            return f"by hand: {by_hand(reason)}"
    return ""
