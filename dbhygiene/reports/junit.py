"""`report`: JUnit's XML: a suite for each file, and in it a failed case for each finding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from dbhygiene.diagnostics.model import Finding
from dbhygiene.reports import RenderContext
from dbhygiene.reports.common import level, more_about, relative_path, story
from dbhygiene.reports.fix_hint import advice

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(findings: Iterable[Finding], scene: RenderContext) -> Iterator[str]:
    """Yield the document. Without findings, it has one case that passes: servers take an empty report for a failure."""
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(relative_path(finding.path, scene.base), []).append(finding)
    number = sum(map(len, by_path.values()))
    top = Element("testsuites", name="dbhygiene", tests=str(number or 1), failures=str(number), errors="0")
    for path, group in by_path.items():
        _suite(top, path, group, scene)
    if not by_path:
        suite = SubElement(top, "testsuite", name="dbhygiene", tests="1", failures="0", errors="0")
        SubElement(suite, "testcase", name="nothing found", classname="dbhygiene")
    indent(top)
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield tostring(top, "unicode") + "\n"


def _suite(top: Element, path: str, findings: Sequence[Finding], scene: RenderContext) -> None:
    number = str(len(findings))
    suite = SubElement(top, "testsuite", name=_clean(path), tests=number, failures=number, errors="0")
    module = _clean(str(PurePosixPath(path).with_suffix("")))
    for finding in findings:
        line, column, *_ = finding.span
        where = f"{line}:{column + 1}" if finding.cell is None else f"cell {finding.cell}:{line}:{column + 1}"
        name = f"{finding.code} {finding.name} ({where})"
        case = SubElement(suite, "testcase", name=name, classname=module)
        failure = SubElement(case, "failure", message=_clean(finding.message), type=level(finding))
        place = f"{path}:{where}: {finding.message}"
        lines = [place, *story(finding, scene.base), advice(finding, path), more_about(finding, scene)]
        failure.text = _clean("\n".join(filter(None, lines)))


def _clean(text: str) -> str:
    """Return a text without characters that XML does not allow, even escaped."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
