"""A gap, told: how sure it is, and the way that leads through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

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
    for spot in (gap.asked, gap.wait, gap.asked_again):
        again = " again" if spot is gap.asked_again and spot.origin.words.startswith("asks") else ""
        inner = spot.origin
        if inner is spot:
            unseen = spot is gap.wait and gap.kind.value not in spot.words
            yield spot.node, spot.words + (f", in which {gap.kind.value}" if unseen else again)
        else:
            yield spot.node, spot.words
            yield Step(inner.file.path, inner.file.span(inner.node), inner.words + again)
