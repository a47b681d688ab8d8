"""A gap, told: how sure it is, and the way that leads through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbhygiene.gaps.effects import Spot
from dbhygiene.gaps.walk import Gap
from dbhygiene.model import Step
from dbhygiene.settings import Confidence
from dbhygiene.source import Located

if TYPE_CHECKING:
    from dbhygiene.gaps.held import Held


def confidence(gap: Gap) -> Confidence:
    return gap.seconds.confidence(gap.file.project.settings.gap_limit) or Confidence.POSSIBLE


def notes(gap: Gap | Held) -> Iterator[str]:
    """What the wait is measured against, and what comes of it."""
    timeout = gap.file.project.settings.server_timeout
    if timeout is None:
        limit = gap.file.project.settings.gap_limit
        yield f"measured against a `wait_timeout` of {limit} s; `server-timeout` says what the server's own is"
    yield "a server closes connections that are idle for too long: then error 2006 or 2013 at the next query"


def steps(gap: Gap | Held) -> Iterator[tuple[Located, str] | Step]:
    """The query before, the wait, and the query after; for each, where it really happens."""
    yield from _step(gap.asked)
    unseen = gap.wait.origin.words.startswith("calls ")
    yield from _step(gap.wait, f", in which {gap.kind.value}" if unseen else "")
    yield from _step(gap.asked_again, " again" if gap.asked_again.origin.words.startswith("asks") else "")


def _step(spot: Spot, more: str = "") -> Iterator[tuple[Located, str] | Step]:
    """A spot, and where it really happens; `more` is said of that."""
    inner = spot.origin
    if inner is spot:
        yield spot.node, spot.words + more
    else:
        yield spot.node, spot.words
        yield Step(inner.file.path, inner.file.span(inner.node), inner.words + more)
