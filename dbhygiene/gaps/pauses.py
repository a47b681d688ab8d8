"""How long a point of the program waits, whatever it does to connections meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.flow.cfg import Act, TooLargeError
from dbhygiene.flow.interprocedural import Interprocedural
from dbhygiene.flow.limits import TOO_LARGE, give_up
from dbhygiene.flow.once import once
from dbhygiene.gaps.effects import Effects, Idle, Routine, Run, Spot, unsettled
from dbhygiene.gaps.reach import Reach
from dbhygiene.gaps.states import NEVER_ENDS, UNKNOWN, Pause, Summary
from dbhygiene.gaps.walk import Walk
from dbhygiene.source import Code, File


class Pauses:
    """The waits of functions, each walked once."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._reach = Reach()
        self._walked: Interprocedural[Routine, Summary] = Interprocedural(
            self._walk, lambda _: NEVER_ENDS, lambda _: UNKNOWN, Summary.widened, unsettled
        )

    def of(self, file: File, code: Code, act: Act) -> Iterator[tuple[Spot, Pause]]:
        """The waits at one node of a function, each with its place there."""
        for effect in Effects(Routine(file, code, plain=True)).of(act):
            match effect:
                case Idle(spot=spot, seconds=seconds, kind=kind):
                    yield spot, Pause(seconds, spot, kind)
                case Run(spot=spot, routines=routines) if any(map(self._may_wait, routines)):
                    pause = max(map(self._lasting, routines), key=lambda pause: pause.seconds.rank(self._limit))
                    if pause.seconds.most and pause.spot is not None:
                        yield spot, pause.seen_from(spot)

    def _may_wait(self, routine: Routine) -> bool:
        """Whether anything that a routine leads to waits: a look at its calls tells sooner than a walk."""
        given = [each for _, each in routine.given]
        self._reach.explore((each.file, each.code) for each in (routine, *given))
        known = [self._reach.doing(each.code) for each in (routine, *given)]
        return any(doing is None or Idle in doing.does for doing in known)

    def _lasting(self, routine: Routine) -> Pause:
        ending = self._walked.of(routine).returns
        return ending.after if ending.through is None else ending.through

    def _walk(self, routine: Routine) -> Summary:
        try:
            return Walk(routine, self._walked.of, self._limit).summary
        except TooLargeError:
            give_up(routine.file, routine.code, TOO_LARGE)
            return UNKNOWN


@once
def pauses_from(file: File) -> Pauses:
    """The waits of the functions that a file leads to."""
    return Pauses(file.project.settings.gap_limit)
