"""Places and weights, in the words that several formats share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding, Step
from dbhygiene.reports import RenderContext
from dbhygiene.source.nodes import Span

LEVELS = {Confidence.CERTAIN: "error", Confidence.LIKELY: "warning", Confidence.POSSIBLE: "note"}


def level(finding: Finding) -> str:
    """`error`, `warning` or `note`."""
    return LEVELS[finding.confidence]


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings of the highest confidence first."""
    return sorted(findings, key=lambda finding: (-finding.confidence, str(finding.path), finding.span))


def relative_path(path: Path, base: Path) -> str:
    """A path with slashes, below `base` if it lies there."""
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return path.as_posix()


def one_line(span: Span, scene: RenderContext, path: Path) -> Span:
    """What of a span lies on its first line: viewers mark all lines of a longer one, and hide the rest."""
    if span.end_line == span.line:
        return span
    return Span(
        span.line, span.column, span.line, max(span.column + 1, len(source_line(scene, path, span.line).rstrip()))
    )


def source_line(scene: RenderContext, path: Path, number: int) -> str:
    """A line of a file; empty where it cannot be had any more."""
    lines = scene.lines(path)
    return lines[number - 1] if 0 < number <= len(lines) else ""


def describe_step(step: Step, finding: Finding, base: Path) -> str:
    """A step as a line of text: `line 12: opened here`."""
    elsewhere = f"{relative_path(step.path, base)}, " if step.path != finding.path else ""
    return f"{elsewhere}line {step.span.line}: {step.message}"


def story(finding: Finding, base: Path) -> list[str]:
    """All that is known of a finding beside its message, line by line."""
    steps = [describe_step(step, finding, base) for step in finding.steps]
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, 1)] if len(steps) > 1 else steps
    return [*numbered, *finding.notes]
