"""`level`, `relative_path` and others: levels, paths and lines of text that several formats share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dbhygiene.diagnostics.cells import place_in_words
from dbhygiene.diagnostics.model import Finding, Source, Step
from dbhygiene.reports import RenderContext
from dbhygiene.source.nodes import Span


def level(finding: Finding) -> str:
    """Return `error`, `warning` or `note`."""
    return finding.confidence.level


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings of the highest confidence first."""
    return sorted(findings, key=lambda each: (-each.confidence, str(each.path), each.cell or 0, each.span))


def relative_path(path: Path, base: Path) -> str:
    """Return a path with slashes, relative to `base` if it is below it."""
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return path.as_posix()


def one_line(span: Span, scene: RenderContext, path: Path) -> Span:
    """Return the part of a span on its first line: viewers mark all lines of a longer one, and hide the rest."""
    if span.end_line == span.line:
        return span
    return Span(
        span.line,
        span.column,
        span.line,
        max(span.column + 1, len(source_line(scene, Source(path), span.line).rstrip())),
    )


def source_line(scene: RenderContext, source: Source, number: int) -> str:
    """Return a line of a file, or of a cell; empty if it can no longer be read."""
    lines = scene.lines_of(source)
    return lines[number - 1] if 0 < number <= len(lines) else ""


def with_path(finding: Finding, scene: RenderContext) -> str:
    """Return the message, and the lines of the path in brief, for formats with one line for each finding."""
    from dbhygiene.reports.brief import in_brief

    path = in_brief(finding, lambda step: scene.lines_of(step.source))
    return f"{finding.message} ({path})" if path else finding.message


def page_url(name: str, scene: RenderContext) -> str:
    """Return the address of the page of a rule; empty if the documentation has none."""
    return page_address(name, scene.documentation)


def page_address(name: str, documentation: str) -> str:
    """Return the same, for documentation at this address."""
    return f"{documentation}rules/{name}.html" if documentation else ""


def more_about(finding: Finding, scene: RenderContext) -> str:
    """Return where the page of the rule is: its address, else the command that prints it."""
    return f"more: {page_url(finding.name, scene) or f'`dbhygiene rule {finding.name}`'}"


def describe_step(step: Step, finding: Finding, base: Path) -> str:
    """Return a step as a line of text: `line 12: opened here`."""
    elsewhere = f"{relative_path(step.path, base)}, " if step.path != finding.path else ""
    return f"{elsewhere}{place_in_words(step)}: {step.message}"


def story(finding: Finding, base: Path) -> list[str]:
    """Yield the steps, notes and help of a finding as lines of text."""
    steps = [describe_step(step, finding, base) for step in finding.steps]
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, 1)] if len(steps) > 1 else steps
    return [*numbered, *finding.notes]
