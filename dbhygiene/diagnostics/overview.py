"""`Overview`: what happens to the connections that each file opens, and the findings that are not reported."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.records import Record


class End(Enum):
    """What the function that opens a connection does with it; of several ends, the one that needs most attention."""

    CLOSED = "closed"
    RETURNED = "returned"
    KEPT = "kept"  # in an object, or as long as the function runs
    PASSED = "passed on"  # to code that is not analysed, or that shares its variable
    LEFT = "may stay open"


class Life(Record):
    """One connection: where it is opened, and how that ends, in a sentence."""

    path: Path
    line: int
    place: str  # what a reader calls the line
    function: str  # qualified name; empty at module level
    title: str
    end: End
    verdict: str


class HiddenFinding(Record):
    """A finding that is not reported, and the reason."""

    finding: Finding
    reason: str


class Overview(Record):
    """The connections of the files, in their order, and the findings that comments or known findings hide."""

    lives: Sequence[Life] = ()
    hidden: Sequence[HiddenFinding] = ()
