"""The whole story of a finding: what is wrong, the way that leads there, what it means, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dbhygiene.model import Finding, Fix, NoFix, Safety, Step
from dbhygiene.settings import Confidence

MOST_STEPS = 5
_TAB = "    "

Lines = Callable[[Path], Sequence[str]]
Shown = Callable[[Path], str]
Paint = Callable[[str, str], str]

_CODES = {"error": "1;31", "warning": "1;33", "frame": "1;34", "bold": "1", "help": "1;36"}


class _Mark(NamedTuple):
    """A place to point at, `first` to last column of one line; the fault itself is pointed at with `^`."""

    path: Path
    line: int
    first: int
    last: int | None  # None: to the end of the line
    words: str
    fault: bool


def full(findings: Iterable[Finding], lines: Lines, shown: Shown, *, color: bool = False) -> Iterator[str]:
    """A text for each finding; `lines` gives a file's lines, `shown` says how a path is written."""
    paint: Paint = (lambda kind, text: f"\033[{_CODES[kind]}m{text}\033[0m") if color else (lambda kind, text: text)
    for finding in findings:
        yield "\n".join([*_story(finding, lines, shown, paint), "", ""])


def _story(finding: Finding, lines: Lines, shown: Shown, paint: Paint) -> Iterator[str]:
    kind = "error" if finding.confidence is Confidence.CERTAIN else "warning"
    yield f"{paint(kind, f'{kind}[{finding.name}]')}{paint('bold', f': {finding.message}')}  {finding.code}"
    steps = _folded(finding.steps)
    marks = _marks(finding, steps)
    gutter = len(str(max(mark.line for mark in marks)))
    yield from _frame(finding, marks, gutter, lines, shown, paint)
    margin = " " * (gutter + 1)
    notes = list(finding.notes)
    if left_out := len(finding.steps) - len(steps):
        notes.append(f"{left_out} steps in between are not shown")
    for note in notes:
        yield f"{margin}{paint('frame', '=')} {paint('bold', 'note')}: {note}"
    if advice := _advice(finding, shown):
        yield f"{paint('help', 'help')}: {advice}"


def _folded(steps: Sequence[Step]) -> list[tuple[int, Step]]:
    """The steps with their numbers; of a long way, how it begins and how it ends."""
    numbered = list(enumerate(steps, 1))
    return numbered if len(numbered) <= MOST_STEPS else [*numbered[:2], *numbered[2 - MOST_STEPS :]]


def _marks(finding: Finding, steps: Sequence[tuple[int, Step]]) -> list[_Mark]:
    marks = []
    if all(step.span != finding.span or step.path != finding.path for _, step in steps):
        marks.append(_mark(finding.path, finding.span, "", fault=not steps))
    for number, step in steps:
        words = f"{number}: {step.message}" if len(finding.steps) > 1 else step.message
        marks.append(_mark(step.path, step.span, words, fault=number == len(finding.steps)))
    return marks


def _mark(path: Path, span: tuple[int, int, int, int], words: str, *, fault: bool) -> _Mark:
    line, column, end_line, end_column = span
    return _Mark(path, line, column, end_column if line == end_line else None, words, fault)


def _frame(
    finding: Finding, marks: Sequence[_Mark], gutter: int, lines: Lines, shown: Shown, paint: Paint
) -> Iterator[str]:
    """The lines that the marks are on, in the order of execution, each with its marks below."""
    margin = " " * gutter
    bar = paint("frame", "|")
    place = f"{shown(finding.path)}:{finding.span.line}:{finding.span.column + 1}"
    yield f"{margin}{paint('frame', '-->')} {place}"
    yield f"{margin} {bar}"
    path, last = finding.path, 0
    for mark in marks:
        if mark.path != path:
            yield f"{margin}{paint('frame', ':::')} {shown(mark.path)}:{mark.line}:{mark.first + 1}"
            path, last = mark.path, 0
        text = _line(lines(mark.path), mark.line)
        if mark.line != last:
            if last and mark.line != last + 1:
                yield paint("frame", "...")
            yield f"{paint('frame', str(mark.line).rjust(gutter))} {bar} {_visible(text)}".rstrip()
        if text.strip():
            yield f"{margin} {bar} {_pointer(text, mark, paint)}".rstrip()
        last = mark.line
    yield f"{margin} {bar}"


def _line(lines: Sequence[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _pointer(text: str, mark: _Mark, paint: Paint) -> str:
    before = _width(text[: mark.first])
    width = max(1, _width(text[mark.first : mark.last].rstrip()))
    sign, kind = ("^", "error") if mark.fault else ("-", "frame")
    return " " * before + paint(kind, f"{sign * width} {mark.words}".rstrip())


def _visible(text: str) -> str:
    """A line as it can be printed: tabs as blanks, no control characters."""
    text = text.replace("\t", _TAB)
    return text if text.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    text = text.replace("\t", _TAB)
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _advice(finding: Finding, shown: Shown) -> str:
    match finding.fix:
        case Fix(title=title, safety=Safety.SAFE):
            return f"{title} (safe fix: `dbhygiene fix {shown(finding.path)}`)"
        case Fix(title=title, safety=Safety.UNSAFE):
            return f"{title} (unsafe fix: `dbhygiene fix --unsafe-fixes {shown(finding.path)}`)"
        case Fix(title=title):
            return title
        case NoFix(reason=reason):
            return f"not fixed: {reason}"
    return ""
