"""`in_brief`: where a finding leads, in a few words on the same line: "opened 6, left at 11 when `not rows`"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dbhygiene.diagnostics.model import Finding, Step

LONGEST = 40  # characters of a condition
_ENDS = (  # how the message of the last step begins -> what its line stands for
    ("the function returns", "left at"),
    ("the function ends", "still open at"),
    ("this raises", "raises at"),
    ("raised here", "raises at"),
    ("taking the next item raises", "raises at"),
)


def in_brief(finding: Finding, lines_of: Callable[[Step], Sequence[str]]) -> str:
    """Return the lines of the path of a finding; empty if it has only one step.

    Arguments:
        lines_of: returns the lines of the file of a step; none if it can no longer be read.
    """
    steps = finding.steps
    if len(steps) < 2:
        return ""
    last = steps[-1].message
    end = next((words for start, words in _ENDS if last.startswith(start)), "")
    if last.startswith("the function ends") and last.endswith("not given back"):
        end = "not given back at"
    opened = [step for step in steps if step.message.startswith("opened here")]
    if not end or not opened:
        return f"lines {', '.join(_line(step, finding) for step in steps)}"
    text = f"opened {_line(opened[-1], finding)}, {end} {_line(steps[-1], finding)}"
    conditions = [words for step in steps if (words := condition(step, lines_of(step)))]
    return f"{text} {conditions[-1]}" if conditions else text


def condition(step: Step, lines: Sequence[str]) -> str:
    """Return "when `x`" or "unless `x`" for a step at a test; empty for others, and for a long test."""
    when = {"when this is true": "when", "when this is false": "unless"}.get(step.message)
    line, column, end_line, end_column = step.span
    if when is None or line != end_line or line > len(lines) or end_column - column > LONGEST:
        return ""
    return f"{when} `{lines[line - 1][column:end_column]}`"


def _line(step: Step, finding: Finding) -> str:
    if step.path != finding.path:
        return f"{step.path.name}:{step.span.line}"
    return str(step.span.line) if step.cell == finding.cell else f"cell {step.cell}:{step.span.line}"
