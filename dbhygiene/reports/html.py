"""`report`: a page of HTML in one file, without scripts: the life of each connection beside its code, and its fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files

from dbhygiene.config.settings import LEVELS
from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety
from dbhygiene.diagnostics.text_edits import TextChange
from dbhygiene.reports import RenderContext, cell_label
from dbhygiene.reports.common import by_weight, level, page_url, relative_path
from dbhygiene.reports.diff import changed_lines
from dbhygiene.reports.fix_hint import after_failure, by_hand
from dbhygiene.reports.html_overview import connections, hidden_findings
from dbhygiene.reports.lifeline import lifeline
from dbhygiene.reports.markup import inline, markup, remove_controls

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # nothing is loaded, and nothing runs
_KINDS = {"-": "gone", "+": "new", "~": "omitted", " ": "same"}


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield the page: a summary, the findings of the highest confidence first, and the pages of their rules."""
    found = by_weight(findings)
    style = (files("dbhygiene.reports") / "report.css").read_text("utf-8")
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield f"<title>dbhygiene: {_count(len(found))}</title>\n<style>\n{style}</style>\n"
    yield f"<header><h1>Database connections</h1><p>{_count(len(found))}, by dbhygiene {scene.version}</p></header>\n"
    yield "<main>\n"
    yield from _summary(found)
    for number, finding in enumerate(found, 1):
        yield from _render_finding(finding, number, scene)
    yield from _rules(found, scene)
    if about := scene.overview():
        yield from hidden_findings(about.hidden, scene)
        yield from connections(about.lives, scene)
    yield "</main>\n</html>\n"


def _count(number: int) -> str:
    return f"{number} finding{'' if number == 1 else 's'}"


def _summary(found: Sequence[Finding]) -> Iterator[str]:
    """Yield the table of rules, with the number of their findings by level."""
    if not found:
        yield "<p>Nothing found.</p>\n"
        return
    counts = Counter((finding.code, finding.name, level(finding)) for finding in found)
    levels = [each for each in LEVELS if any(level == each for _, _, level in counts)]
    yield '<div class="wide"><table><tr><th>rule</th>'
    yield "".join(f"<th>{each}</th>" for each in levels) + "<th>fixable</th></tr>\n"
    for code, name in sorted({(code, name) for code, name, _ in counts}):
        cells = "".join(f"<td>{counts[code, name, each] or ''}</td>" for each in levels)
        fixable = sum(finding.fixable for finding in found if finding.name == name) or ""
        yield f'<tr><td><a href="#rule-{name}">{name}</a> {code}</td>{cells}<td>{fixable}</td></tr>\n'
    yield "</table></div>\n"


def _render_finding(finding: Finding, number: int, scene: RenderContext) -> Iterator[str]:
    place = f"{relative_path(finding.path, scene.base)}{cell_label(finding.source)}:{finding.span.line}"
    yield f'<article id="finding-{number}">\n<h2><b class="{level(finding)}">{level(finding)}</b> '
    yield f"{inline(finding.message)}</h2>\n"
    rule = f'<a href="#rule-{finding.name}">{finding.name}</a> {finding.code}'
    yield f'<p class="place">{escape(remove_controls(place))} {rule}</p>\n'
    yield from lifeline(finding, scene)
    if finding.notes:
        yield f"<ul>{''.join(f'<li>{inline(note)}</li>' for note in finding.notes)}</ul>\n"
    yield from _fix(finding, scene)
    yield "</article>\n"


def _fix(finding: Finding, scene: RenderContext) -> Iterator[str]:
    """Yield what the fix changes, or why there is none."""
    change = scene.fixed(finding)
    if isinstance(change, str):
        finding = after_failure(finding, change)
    if isinstance(finding.fix, NoFix):
        yield f'<p class="help">{inline(by_hand(finding.fix.reason))}</p>\n'
    if not isinstance(finding.fix, Fix) or not isinstance(change, TextChange):
        return
    kind = {Safety.SAFE: "safe", Safety.UNSAFE: "may change behaviour"}.get(finding.fix.safety, "a suggestion")
    yield f"<details><summary>{inline(finding.fix.title)} <small>({kind})</small></summary>\n<pre>"
    for sign, line, text in changed_lines(change.old.splitlines(), change.new.splitlines()):
        shown = remove_controls(f"... {text}" if sign == "~" else text)
        yield f'<span class="{_KINDS[sign]}"><i>{line if sign in "+ " else ""}</i> {escape(shown)}\n</span>'
    yield "</pre></details>\n"


def _rules(found: Sequence[Finding], scene: RenderContext) -> Iterator[str]:
    names = sorted({(finding.code, finding.name) for finding in found})
    if names:
        yield "<h2>How to cure them</h2>\n"
    for code, name in names:
        url = page_url(name, scene)
        link = f'<p><a href="{escape(url)}">{escape(url)}</a></p>' if url else ""
        yield f'<details id="rule-{name}"><summary>{name} {code}</summary>\n{link}'
        yield f"{markup(scene.page(name))}</details>\n"
