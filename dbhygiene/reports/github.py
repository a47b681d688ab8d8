"""`report`: annotations of GitHub Actions; `job_summary`: the table for a job's summary.

::error title=connection-not-closed (HYG101),file=app.py,line=5,...::connection `conn` is not closed on every path

GitHub shows the first ten errors and ten warnings of a step: those of the highest confidence come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext, cell_label
from dbhygiene.reports.common import by_weight, level, more_about, page_url, relative_path, story
from dbhygiene.reports.fix_hint import advice

MOST_ROWS = 200  # a summary may be 1 MiB long


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield a workflow command for each finding."""
    for finding in map(scene.in_file, by_weight(findings)):
        path = relative_path(finding.path, scene.base)
        kind = level(finding).replace("note", "notice")
        line, column, end_line, end_column = finding.span
        where = {"title": f"{finding.name} ({finding.code})", "file": path, "line": line, "endLine": end_line}
        if line == end_line:  # columns of a longer range are refused
            where |= {"col": column + 1, "endColumn": end_column + 1}
        properties = ",".join(f"{key}={_property(str(value))}" for key, value in where.items())
        lines = [finding.message, *story(finding, scene.base), advice(finding, path), more_about(finding, scene)]
        text = "\n".join(filter(None, lines))
        yield f"::{kind} {properties}::{_data(text)}\n"


def job_summary(findings: Sequence[Finding], scene: RenderContext, blob: str = "") -> str:
    """Return a Markdown table for `$GITHUB_STEP_SUMMARY`.

    Arguments:
        blob: the address of the repository's files at the commit that was checked.
    """
    if not findings:
        return "### dbhygiene\n\nNothing found.\n"
    count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"
    rows = [_row(finding, scene, blob) for finding in by_weight(findings)[:MOST_ROWS]]
    head = ["| | place | rule | finding | fix |", "|---|---|---|---|---|"]
    left_out = len(findings) - len(rows)
    rest = [f"\n{left_out} more are not shown."] if left_out else []
    return "\n".join([f"### dbhygiene: {count}\n", *head, *rows, *rest, ""])


def _row(finding: Finding, scene: RenderContext, blob: str) -> str:
    path, line = relative_path(finding.path, scene.base), scene.in_file(finding).span.line
    place = _cell(f"{path}{cell_label(finding.source)}:{finding.span.line}")
    if blob and not path.startswith("/"):
        place = f"[{place}]({blob}/{quote(path)}#L{line})"
    fix = "safe" if finding.fixable else ""
    url = page_url(finding.name, scene)
    rule = f"[{finding.name}]({url}) ({finding.code})" if url else f"{finding.name} ({finding.code})"
    return f"| {level(finding)} | {place} | {rule} | {_cell(finding.message)} | {fix} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
