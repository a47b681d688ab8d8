"""Connections kept across a wait: asked, then idle for longer than the server may wait, then asked again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbhygiene.flow.calls import Demand
from dbhygiene.flow.cfg import TooLargeError
from dbhygiene.gaps.callbacks import callbacks
from dbhygiene.gaps.decorators import dressed
from dbhygiene.gaps.durations import is_test
from dbhygiene.gaps.effects import Routine, Spot
from dbhygiene.gaps.seconds import FOR_EVER, Seconds
from dbhygiene.gaps.site import is_sqlite_only
from dbhygiene.gaps.states import NEVER_ENDS, SILENT, Summary
from dbhygiene.gaps.walk import Gap, Walk
from dbhygiene.library.waits import Kind
from dbhygiene.source import File, Function, Located, Surroundings

__all__ = ["Gap", "Gaps"]


class Gaps:
    """The gaps of one project."""

    def __init__(self, project: Surroundings) -> None:
        self._limit = project.settings.gap_limit
        self._gaps: dict[Routine, list[Gap]] = {}
        self._demand: Demand[Routine, Summary] = Demand(self._summarise, NEVER_ENDS, depth=20)

    def of(self, file: File) -> Iterator[Gap]:
        """Every gap of a file, each reported in the function in which its two queries and its wait meet."""
        if is_test(file) or is_sqlite_only(file):
            return
        for code in file.functions:
            routine = Routine(file, code, plain=True)
            self._summary(routine)
            yield from self._gaps.get(routine, ())
        for function, place in callbacks(file):
            yield from self._between_calls(file, function, place)

    def _between_calls(self, file: File, function: Function, place: Located) -> Iterator[Gap]:
        """The gap between two calls of a callback: it asks, waits for the next event, and asks again."""
        summary = self._summary(Routine(file, function))
        asked, again = summary.returns.since, summary.first
        if asked is not None and again is not None and asked.file is file and again.file is file:
            wait = Spot(file, place, f"the next call of `{function.name}` may come hours later")
            yield Gap(file, function, asked, wait, again, Seconds(0.0, FOR_EVER, FOR_EVER), Kind.EVENT, True)

    def _summary(self, routine: Routine) -> Summary:
        return self._demand.get(routine if routine.plain else dressed(routine), SILENT)

    def _summarise(self, routine: Routine) -> Summary:
        try:
            walk = Walk(routine, self._summary, self._limit)
        except TooLargeError:
            return SILENT
        self._gaps[replace(routine)] = list(walk.gaps.values())
        return walk.summary
