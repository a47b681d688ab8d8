"""`FunctionWaits`: how long a node of a function waits, whatever it does with connections.

load()                               # at least 60 s, if `load` calls `time.sleep(60)`
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.dataflow.cfg import Event, TooLargeError
from dbhygiene.dataflow.interprocedural import Interprocedural
from dbhygiene.dataflow.limits import TOO_LARGE, give_up
from dbhygiene.gaps.effects import Context, Effects, Location, ProjectCall, Wait, report_unsettled
from dbhygiene.gaps.implicit import ImplicitWalk
from dbhygiene.gaps.reachability import Reachability
from dbhygiene.gaps.server_timeout import timeout_settings
from dbhygiene.gaps.states import NEVER_ENDS, UNKNOWN, GapSummary, Pause
from dbhygiene.source.file import File, ProjectView
from dbhygiene.source.nodes import Code
from dbhygiene.source.queries import query_of_run


class FunctionWaits:
    """The waits at nodes of functions; each called function is analysed once."""

    def __init__(self, project: ProjectView, limit: float) -> None:
        self._limit = limit
        self._reach = Reachability(project)
        self._walked: Interprocedural[Context, GapSummary] = Interprocedural(
            self._walk, lambda _: NEVER_ENDS, lambda _: UNKNOWN, GapSummary.widen, report_unsettled
        )

    def of(self, file: File, code: Code, event: Event) -> Iterator[tuple[Location, Pause]]:
        """Return the waits at one node of a function, each with its place there."""
        for effect in Effects(Context(file, code, ignore_decorators=True)).of(event):
            match effect:
                case Wait(spot=spot, seconds=seconds, kind=kind):
                    yield spot, Pause(seconds, spot, kind)
                case ProjectCall(spot=spot, routines=routines) if any(map(self._may_wait, routines)):
                    pause = max(
                        map(self._duration_of_function, routines), key=lambda pause: pause.seconds.rank(self._limit)
                    )
                    if pause.seconds.most and pause.spot is not None:
                        yield spot, pause.at_call(spot)

    def _may_wait(self, routine: Context) -> bool:
        """Whether any code that a function reaches waits: this looks at calls alone, which is cheaper than a walk."""
        given = [each for _, each in routine.callbacks]
        if any(each.code not in each.file.functions for each in given):
            return True
        self._reach.explore((each.file, each.code) for each in (routine, *given))
        known = [self._reach.effects_of(each.file, each.code) for each in (routine, *given)]
        return any(doing is None or Wait in doing.effects for doing in known)

    def _duration_of_function(self, routine: Context) -> Pause:
        ending = self._walked.of(routine).returns
        return ending.wait_after if ending.silent_wait is None else ending.silent_wait

    def _walk(self, routine: Context) -> GapSummary:
        try:
            return ImplicitWalk(routine, self._walked.of, self._limit).summary
        except TooLargeError:
            give_up(routine.file, routine.code, TOO_LARGE)
            return UNKNOWN


@query_of_run
def reachable_waits(file: File) -> FunctionWaits:
    """Return the waits of the functions that a file reaches."""
    return FunctionWaits(file.project, timeout_settings(file.project).gap_limit)
