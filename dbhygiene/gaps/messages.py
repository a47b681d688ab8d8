"""`gap_steps`: the steps of a gap's finding; with its confidence and its notes.

12: queries the database
13: the program sleeps, 30 min
14: queries the database again
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import ASSUMPTION, Step
from dbhygiene.gaps.call_durations import asks_for_consent
from dbhygiene.gaps.duration import Duration, format_seconds
from dbhygiene.gaps.effects import Location
from dbhygiene.gaps.implicit import Gap
from dbhygiene.gaps.server_timeout import (
    confidence_of_gap,
    idle_number_of_project,
    may_close_nothing,
    timeout_settings,
)
from dbhygiene.gaps.servers import verdict
from dbhygiene.library.waits import WAITS, WaitKind
from dbhygiene.pools.sqlalchemy import CLOSES_IDLE, MYSQL
from dbhygiene.program.classes import function_named
from dbhygiene.program.rounds import in_round_before
from dbhygiene.servers.steps import idle_steps
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, LOOP, walk

if TYPE_CHECKING:
    from dbhygiene.gaps.explicit import ExplicitGap


_SOON = 3600  # s: a user answers the question of a command that was just started sooner
_DAY = 86_400
_OF_A_DAY = (WaitKind.PERSON, WaitKind.PROCESS, WaitKind.JOB, WaitKind.FILES, WaitKind.COMMAND)


def confidence(gap: Gap) -> Confidence:
    """Return how sure it is that the server has closed the connection meanwhile.

    It is only possible after a question for a yes or no: a user who has just started a command answers soon. So it is
    if the server is known to wait for a day or longer: a person, another program or a job takes less. Tasks of a pool
    may be short, unless the function that they run waits for something. The server may be one that closes nothing.
    """
    project = gap.file.project
    if may_close_nothing(gap.file):
        return Confidence.POSSIBLE
    timeout = timeout_settings(project).lifetime_limit
    if gap.kind is WaitKind.PERSON and timeout >= _SOON and _is_confirmed(gap):
        return Confidence.POSSIBLE
    if gap.kind is WaitKind.TASKS and gap.seconds.least < timeout and not _has_long_tasks(gap):
        return Confidence.POSSIBLE
    if gap.kind in _OF_A_DAY and timeout >= _DAY and gap.seconds.least < timeout:
        return Confidence.POSSIBLE
    return confidence_of_gap(project, gap.seconds)


def _has_long_tasks(gap: Gap) -> bool:
    """Whether a function that the waiting file passes to a pool waits for a person, an event or another program."""
    file = gap.wait.origin.file
    for call in file.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"submit", "map"} and call.args:
            name = file.resolve(call.args[0])
            found = function_named(file, name) if name is not None else None
            if found is not None and any(_waits_long(found.file, part) for part in walk(found.node)):
                return True
    return False


def _waits_long(file: File, part: ast.AST) -> bool:
    wait = WAITS.get(file.resolve(part.func) or "") if isinstance(part, ast.Call) else None
    return wait is not None and wait.kind.is_long


def _is_confirmed(gap: Gap) -> bool:
    """Whether the program asks a person for a yes or no, once."""
    asked = gap.wait.origin.node
    file = gap.wait.origin.file
    return isinstance(asked, ast.Call) and asks_for_consent(file, asked) and not _is_asked_again(gap)


def _is_asked_again(gap: Gap) -> bool:
    """Whether the wait lies in a loop that also queries: then it comes back, and is more than a question repeated."""
    queries = {gap.first_query.node, gap.next_query.node}
    for around in gap.file.around(gap.wait.node):
        if isinstance(around, LOOP):
            if any(part in queries for part in ast.walk(around)):
                return True
        if isinstance(around, FUNCTION):
            break
    return False


def server_closes(sure: Confidence) -> str:
    """Return the subject and the verb of a headline."""
    return "the server closes" if sure is Confidence.CERTAIN else "the server may close"


def entry_notes(gap: Gap) -> Iterator[str]:
    """Return how the program reaches a gap."""
    if gap.entry is not None:
        yield gap.entry.note(gap.file)
    if gap.task_limit is not None:
        yield f"the worker ends the task after {gap.task_limit}"


def gap_notes(gap: Gap | ExplicitGap) -> Iterator[str]:
    """Return how the program gets there, the timeout that the wait exceeds, and its effect."""
    if isinstance(gap, Gap):
        yield from entry_notes(gap)
    settings = timeout_settings(gap.file.project)
    if settings.server_timeout is None:
        if gap.seconds.most < settings.gap_limit:
            yield (
                f"the connection is idle for at most {format_seconds(gap.seconds.most)} here: this is a fault only if"
                " the server's timeout is shorter; otherwise, set `server-timeout` to its real value"
            )
        elif gap.seconds.least >= settings.lifetime_limit and server_of(gap) == MYSQL:
            yield (
                f"the wait reaches MySQL's default timeout, {settings.lifetime_limit} s; if your server's timeout"
                " is longer, set `server-timeout` to its real value"
            )
        else:
            yield (
                f"{ASSUMPTION} that the server closes idle connections after {settings.gap_limit} s;"
                " set `server-timeout` to its real value"
            )
    yield describe_loss(server_of(gap))


def server_of(gap: Gap | ExplicitGap) -> str:
    """Return the server of a connection; for a driver's own connection, the driver's."""
    return verdict(gap.file).server if isinstance(gap, Gap) else MYSQL


def describe_duration(gap: Gap | ExplicitGap) -> str:
    """Return how long a wait is, in words that agree with its step if it is repeated, or one of several."""
    lasts = _shown(gap)
    single = gap.wait.origin.lasts
    if single is None:
        return str(lasts)
    if _repeats(gap) and not lasts.repeats:
        return f"{format_seconds(single.most)} at a time"
    is_total = lasts.least == lasts.most and single.least and str(single) != str(lasts)
    return f"{lasts} in all" if is_total else str(lasts)


def _shown(gap: Gap | ExplicitGap) -> Duration:
    return gap.shown if isinstance(gap, Gap) else gap.seconds


def _repeats(gap: Gap | ExplicitGap) -> bool:
    """Whether the wait may come back many times before the next query, so that short ones add up."""
    lasts, single = _shown(gap), gap.wait.origin.lasts
    if single is None or single.repeats or single.has_no_limit:
        return False
    return lasts.repeats or (lasts.has_no_limit and not single.least)


def describe_loss(server: str) -> str:
    """Return what a server does with a connection that is idle for too long."""
    if server == MYSQL:
        return CLOSES_IDLE
    if server == "postgresql":
        return (
            "PostgreSQL ends a session after `idle_session_timeout`, and a proxy after its own timeout; the next query"
            " then raises OperationalError"
        )
    return "the server, or a proxy, ends a session that is idle for longer than its timeout; the next query then fails"


def gap_steps(gap: Gap | ExplicitGap, useless: Location | None = None) -> Iterator[Step]:
    """Return the query before, the wait, where a file sets the server's timeout, and the query after.

    Arguments:
        useless: code that looks as if it closed the connection; its step is where it runs.
    """
    turn = _turn(useless, gap) if useless is not None else None
    if useless is not None and turn == 0:
        yield from _step(useless)
    is_before = in_round_before(gap.file, gap.first_query.node, gap.wait.node)
    before = ", in the previous round of the loop" if is_before else ""
    yield from _step(gap.first_query, around=before)
    if useless is not None and turn == 1:
        yield from _step(useless)
    unseen = gap.wait.origin.words.startswith("calls ")
    during = f", in which {gap.kind.value}" if unseen else ""
    limit = gap.task_limit if isinstance(gap, Gap) else None
    if limit is None:
        yield from _step(gap.wait, during + ("; perhaps many times before the next query" if _repeats(gap) else ""))
    else:
        yield from _step(gap.wait, f"{during}; the worker ends the task after {limit}", is_limited=True)
    yield from idle_steps(gap.file.project, idle_number_of_project(gap.file.project))
    if useless is not None and turn == 2:
        yield from _step(useless)
    yield from _step(gap.next_query, " again" if gap.next_query.origin.words.startswith("queries ") else "")


def _turn(useless: Location, gap: Gap | ExplicitGap) -> int:
    """Return when code runs: 0 before the first query, 1 between that and the wait, 2 after the wait."""
    code = gap.code if isinstance(gap, Gap) else None
    if isinstance(code, FUNCTION) and useless.node in code.decorator_list:
        return 0
    first = _places(gap.first_query)
    here, wait = ((places < first, places) for places in map(_places, (useless, gap.wait)))  # above it: the next round
    return 1 if here < wait else 2


def _places(spot: Location) -> list[tuple[int, int]]:
    """Return where a place is, and those in the functions that it calls."""
    found: list[tuple[int, int]] = []
    here: Location | None = spot
    while here is not None:
        found.append((here.node.lineno, here.node.col_offset))
        here = here.inner
    return found


def _step(spot: Location, more: str = "", *, around: str = "", is_limited: bool = False) -> Iterator[Step]:
    """Return a location and its innermost place: `around` is added to the first, `more` to the last.

    Arguments:
        is_limited: `more` names a limit, so that the wait is not said to have none.
    """
    inner = spot.origin
    if inner.lasts is not None and not (is_limited and inner.lasts.has_no_limit):
        more = f", {inner.lasts}{more}"
    if inner is spot:
        yield _step_at(spot, spot.words + more + around)
    else:
        yield _step_at(spot, spot.words + around)
        yield _step_at(inner, inner.words + more)


def _step_at(spot: Location, words: str) -> Step:
    return Step(spot.file.path, spot.file.span(spot.node), words)
