"""`step`: a line of a file about servers as a step of a finding: where a setting of a server stands."""

from __future__ import annotations

from dbhygiene.diagnostics.model import Step
from dbhygiene.diagnostics.quantities import number_text, seconds_text
from dbhygiene.servers.model import FileLine, Limit
from dbhygiene.source.file import ProjectView
from dbhygiene.source.nodes import Span


def step(project: ProjectView, place: FileLine, message: str) -> Step:
    """Return the step at a line of a file."""
    files = project.deployment()
    lines = files.text(place.name).splitlines()
    text = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    first = len(text) - len(text.lstrip())
    return Step(files.root / place.name, Span(place.line, first, place.line, max(len(text.rstrip()), first)), message)


def idle_steps(project: ProjectView, number: Limit | None) -> tuple[Step, ...]:
    """Return the step that says where the idle timeout of the server stands, if a file says so."""
    if number is None or number.place is None:
        return ()
    return (step(project, number.place, f"the server closes idle connections after {describe_idle(number)}"),)


def connection_steps(project: ProjectView, number: Limit | None) -> tuple[Step, ...]:
    """Return the step that says where the limit of connections stands, if a file says so."""
    if number is None or number.place is None:
        return ()
    message = f"the server accepts {number_text(number.value)} connections: {number.source}"
    return (step(project, number.place, message),)


def describe_idle(number: Limit) -> str:
    """Return an idle timeout and how it is known: "600 s: `wait_timeout`, deploy/mysql/my.cnf:8"."""
    return f"{seconds_text(number.value)}: {number.source}"
