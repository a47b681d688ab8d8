"""`connections`: the end of the page of HTML: what becomes of connections, and the findings that are not reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from dbhygiene.diagnostics.overview import End, HiddenFinding, Life
from dbhygiene.reports import RenderContext, cell_label
from dbhygiene.reports.common import relative_path
from dbhygiene.reports.markup import inline, remove_controls

_CLASSES = {End.CLOSED: "open", End.LEFT: "left"}


def hidden_findings(hidden: Sequence[HiddenFinding], scene: RenderContext) -> Iterator[str]:
    """Yield a folded list for each reason."""
    for reason, group in groupby(sorted(hidden, key=lambda each: each.reason), key=lambda each: each.reason):
        found = [each.finding for each in group]
        yield f"<details><summary>{len(found)} not reported: {inline(reason)}</summary>\n<ul>\n"
        for finding in sorted(found, key=lambda each: (str(each.path), each.span)):
            place = f"{relative_path(finding.path, scene.base)}{cell_label(finding.source)}:{finding.span.line}"
            yield f"<li>{escape(remove_controls(place))} {inline(finding.message)} <small>{finding.name}</small></li>\n"
        yield "</ul></details>\n"


def connections(lives: Sequence[Life], scene: RenderContext) -> Iterator[str]:
    """Yield the table of files, with how many connections each opens and how they end, and below it each of them."""
    if not lives:
        return
    yield "<h2>Connections of each file</h2>\n<p>How the connections and sessions that each file opens end:</p>\n"
    yield '<div class="wide">'
    yield "<table><tr><th>file</th><th>opened</th>" + "".join(f"<th>{end.value}</th>" for end in End) + "</tr>\n"
    by_file = [
        (path, sorted(group, key=lambda each: each.line))
        for path, group in groupby(sorted(lives, key=lambda each: str(each.path)), key=lambda each: each.path)
    ]
    for path, group in by_file:
        ends = Counter(each.end for each in group)
        cells = "".join(f'<td class="{_CLASSES.get(end, "")}">{ends[end] or ""}</td>' for end in End)
        yield f"<tr><td>{_name(path, scene)}</td><td>{len(group)}</td>{cells}</tr>\n"
    yield "</table></div>\n"
    for path, group in by_file:
        yield f"<details><summary>{_name(path, scene)}</summary>\n<ul>\n"
        for life in group:
            where = f" in <code>{escape(remove_controls(life.function))}</code>" if life.function else ""
            yield f"<li>{life.place}{where}, {inline(life.title)}: {inline(life.verdict)}</li>\n"
        yield "</ul></details>\n"


def _name(path: Path, scene: RenderContext) -> str:
    return escape(remove_controls(relative_path(path, scene.base)))
