"""`lifeline`: the life of a connection beside the code: a line from where it is opened to where it is left, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from dbhygiene.diagnostics.model import Finding, Source, Step
from dbhygiene.reports import RenderContext, cell_label
from dbhygiene.reports.common import relative_path, source_line
from dbhygiene.reports.markup import inline, remove_controls

ROW = 24  # pixels; the height of a line in report.css
_X = 14
AROUND = 1  # lines of code around a step
_GREEN, _GREY, _RED = "open", "branch", "left"


class _Row(NamedTuple):
    """A line of the picture: code with its number, the message of a step, or an omission."""

    html: str
    kind: str = ""  # of the step whose code is on this line


def lifeline(finding: Finding, scene: RenderContext) -> Iterator[str]:
    """Yield the code of a finding, with its steps; a new picture where the path goes back or to another file."""
    steps = list(enumerate(finding.steps, 1)) or [(1, Step(finding.path, finding.span, "", finding.cell))]
    group: list[tuple[int, Step]] = []
    for number, step in steps:
        if group and (step.source != group[-1][1].source or step.span.line < group[-1][1].span.line):
            yield from _picture(group, finding, scene)
            group = []
        group.append((number, step))
    yield from _picture(group, finding, scene)


def _picture(group: Sequence[tuple[int, Step]], finding: Finding, scene: RenderContext) -> Iterator[str]:
    source = group[0][1].source
    rows = list(_rows(source, group, finding, scene))
    place = relative_path(source.path, scene.base) + cell_label(source)
    name = f"<p>{escape(remove_controls(place))}</p>" if source != finding.source else ""
    code = "".join(f"<li>{row.html}</li>" for row in rows)
    yield f'{name}<div class="life">{_svg(rows)}<ol>{code}</ol></div>\n'


def _rows(source: Source, group: Sequence[tuple[int, Step]], finding: Finding, scene: RenderContext) -> Iterator[_Row]:
    """Yield the lines of code around the steps, each step below its line."""
    last = len(scene.lines_of(source))
    wanted = sorted(
        {
            line
            for _, step in group
            for line in range(step.span.line - AROUND, step.span.line + AROUND + 1)
            if 0 < line <= last or line == step.span.line
        }
    )
    before = 0
    for line in wanted:
        if before and line > before + 1:
            yield _Row("<i></i><s>...</s>")
        before = line
        here = [(number, step) for number, step in group if step.span.line == line]
        kind = _kind(here[-1][1], here[-1][0], finding) if here else ""
        yield _Row(f"<i>{line}</i>{_code(source_line(scene, source, line), here, kind)}", kind)
        for number, step in here:
            if step.message:
                words = f"{number} {step.message}" if len(finding.steps) > 1 else step.message
                yield _Row(f'<i></i><em class="{_kind(step, number, finding)}">{inline(words)}</em>')


def _kind(step: Step, number: int, finding: Finding) -> str:
    if number >= len(finding.steps):
        return _RED
    return _GREEN if step.message.startswith("opened") else _GREY


def _code(text: str, here: Sequence[tuple[int, Step]], kind: str) -> str:
    """Return a line of code, with the part of its last step marked."""
    if not here:
        return f"<code>{escape(remove_controls(text))}</code>"
    span = here[-1][1].span
    end = span.end_column if span.end_line == span.line else len(text)
    parts = (escape(remove_controls(part)) for part in (text[: span.column], text[span.column : end], text[end:]))
    start, marked, rest = parts
    return f'<code>{start}<mark class="{kind}">{marked}</mark>{rest}</code>'


def _svg(rows: Sequence[_Row]) -> str:
    """Return the line: a dot for each step, and between two of them the colour of the first."""
    dots = [(number * ROW + ROW // 2, row.kind) for number, row in enumerate(rows) if row.kind]
    drawn = "".join(
        f'<line class="{kind}" x1="{_X}" x2="{_X}" y1="{y}" y2="{below}"/>' for (y, kind), (below, _) in pairwise(dots)
    )
    drawn += "".join(f'<circle class="{kind}" cx="{_X}" cy="{y}" r="6"/>' for y, kind in dots)
    return f'<svg width="{2 * _X}" height="{len(rows) * ROW}" aria-hidden="true">{drawn}</svg>'
