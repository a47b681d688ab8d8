"""Connections kept across a wait: asked, then idle for longer than the server may wait, then asked again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbhygiene.flow.calls import Demand
from dbhygiene.flow.cfg import TooLargeError
from dbhygiene.gaps.decorators import dressed
from dbhygiene.gaps.durations import is_test
from dbhygiene.gaps.effects import Routine
from dbhygiene.gaps.site import is_sqlite_only
from dbhygiene.gaps.states import NEVER_ENDS, SILENT, Summary
from dbhygiene.gaps.walk import Gap, Walk
from dbhygiene.source import File, Surroundings

__all__ = ["Gap", "Gaps"]


class Gaps:
    """The gaps of one project."""

    def __init__(self, project: Surroundings) -> None:
        self._limit = project.settings.gap_limit
        self._gaps: dict[Routine, list[Gap]] = {}
        self._demand: Demand[Routine, Summary] = Demand(self._summarise, NEVER_ENDS)

    def of(self, file: File) -> Iterator[Gap]:
        """Every gap of a file, each reported in the function in which its two queries and its wait meet."""
        if is_test(file) or is_sqlite_only(file):
            return
        for code in file.functions:
            routine = Routine(file, code, plain=True)
            self._summary(routine)
            yield from self._gaps.get(routine, ())

    def _summary(self, routine: Routine) -> Summary:
        return self._demand.get(routine if routine.plain else dressed(routine), SILENT)

    def _summarise(self, routine: Routine) -> Summary:
        try:
            walk = Walk(routine, self._summary, self._limit)
        except TooLargeError:
            return SILENT
        self._gaps[replace(routine)] = list(walk.gaps.values())
        return walk.summary
