"""`report`: logging commands of Azure Pipelines.

##vso[task.logissue type=error;sourcepath=app.py;linenumber=5;columnnumber=12;code=HYG101;]connection-not-closed: ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import relative_path, with_path


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield a command for each finding; Azure has only errors and warnings."""
    for finding in map(scene.in_file, findings):
        kind = "error" if finding.confidence is Confidence.CERTAIN else "warning"
        line, column, *_ = finding.span
        path = _property(relative_path(finding.path, scene.base))
        place = f"sourcepath={path};linenumber={line};columnnumber={column + 1};code={finding.code};"
        yield f"##vso[task.logissue type={kind};{place}]{_data(f'{finding.name}: {with_path(finding, scene)}')}\n"


def _data(text: str) -> str:
    return text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace("]", "%5D").replace(";", "%3B")
