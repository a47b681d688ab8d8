"""`Duration`: the interval domain of waits: at least, likely and at most so many seconds.

queue.get(timeout=30)                # Duration(least=0, likely=30, most=30)
"""

from __future__ import annotations

from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.quantities import number_text, seconds_text
from dbhygiene.source.records import Record

FOR_EVER = float("inf")
SHORTEST_TIMEOUT = 60.0  # below a minute, no server closes an idle connection
MANY = 500  # rounds that a loop may well have
FEW = 20  # for a loop over the parts of one object, or for consecutive rounds without the query of other rounds
LONG_TIMEOUT = 300.0  # a programmer who allows a request so much time expects it to last


class Duration(Record):
    """A length of time: at least `least` seconds, probably `likely`, at most `most`."""

    least: float = 0.0
    likely: float = 0.0
    most: float = 0.0

    @classmethod
    def exactly(cls, seconds: float) -> Duration:
        """Return the duration that is known to the second."""
        return cls(seconds, seconds, seconds)

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.least + other.least, self.likely + other.likely, self.most + other.most)

    def __or__(self, other: Duration) -> Duration:
        """Return the duration of one of the two: the longer, but no more certain than the shorter."""
        return Duration(min(self.least, other.least), max(self.likely, other.likely), max(self.most, other.most))

    def __mul__(self, rounds: Rounds) -> Duration:
        total = Duration(
            _product(self.least, rounds.least), _product(self.likely, rounds.likely), _product(self.most, rounds.most)
        )
        if rounds.lasting is None:
            return total
        limit = rounds.lasting + self  # the last round begins before the time is over
        likely = min(total.likely, limit.likely) if rounds.lasting.likely else 0.0
        return Duration(min(total.least, likely), likely, min(total.most, limit.most))

    def at_most(self, seconds: float) -> Duration:
        """Return this duration, cut off after so many seconds."""
        return Duration(min(self.least, seconds), min(self.likely, seconds), min(self.most, seconds))

    def within(self, limit: float) -> Duration:
        """Return this duration, if a task that takes longer than the limit is ended.

        A limit is well above what the task usually takes: a wait without an end probably takes half of it.
        """
        cut = self.at_most(limit)
        return Duration(cut.least, max(cut.least, limit / 2), cut.most) if self.likely == FOR_EVER > limit else cut

    def widen(self, newer: Duration) -> Duration:
        """Return the duration of a recursion whose rounds add up: this long, or more."""
        return newer if newer == self or not self.most else Duration(self.least, self.likely, FOR_EVER)

    def confidence(self, limit: float) -> Confidence | None:
        """Return how sure it is that a server with this idle timeout has closed the connection meanwhile."""
        if self.least >= limit:
            return Confidence.CERTAIN
        if self.likely >= limit:
            return Confidence.LIKELY
        return Confidence.POSSIBLE if self.most >= min(limit, SHORTEST_TIMEOUT) else None

    def rank(self, limit: float) -> tuple[float, ...]:
        """Return the sort key of waits: the worst is the largest."""
        return (self.confidence(limit) or 0, self.likely, self.least, self.most)

    @property
    def has_no_limit(self) -> bool:
        """Whether it may end at once or never: there is no number to show."""
        return not self.least and self.most == FOR_EVER

    @property
    def repeats(self) -> bool:
        """Whether short waits add up in rounds of a loop, and their number is not known."""
        return 0 < self.least < self.likely and self.most > 10 * self.least

    def __str__(self) -> str:
        if self.least == self.most:
            return format_seconds(self.least)
        if self.least < self.likely and self.most <= 10 * self.least:
            return f"{format_seconds(self.least)} to {format_seconds(self.most)}"
        if self.least:
            again = " at a time" if self.repeats else " or more"
            return f"{format_seconds(self.least)}{again}"
        return "no known limit" if self.has_no_limit else f"up to {format_seconds(self.most)}"


def confidence_of_timeout(seconds: Duration, settings: Settings) -> Confidence:
    """Return how sure it is that the server has closed the connection; its default timeout alone is not certain."""
    found = seconds.confidence(settings.gap_limit) or Confidence.POSSIBLE
    known = settings.server_timeout is not None or seconds.least >= settings.lifetime_limit
    return found if known else min(found, Confidence.LIKELY)


class Rounds(Record):
    """How often a loop goes round; `lasting` is the time that all rounds take, if the loop reads a clock.

    `endless`: until the process ends, so that even short requests may add up to hours.
    """

    least: float = 1.0
    likely: float = 1.0
    most: float = FOR_EVER
    lasting: Duration | None = None
    endless: bool = False

    def __mul__(self, other: Rounds) -> Rounds:
        lasting = self.lasting if other == ONCE else other.lasting if self == ONCE else None
        least, likely, most = self.least * other.least, self.likely * other.likely, self.most * other.most
        return Rounds(least, likely, most, lasting, self.endless or other.endless)


def _product(seconds: float, rounds: float) -> float:
    return seconds * rounds if seconds and rounds else 0.0


def format_seconds(seconds: float) -> str:
    """Return a number of seconds as text, in the unit that reads best: `90 s`, `60 min`, `24 h`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size and (seconds >= 10 * size or seconds % (size / 2) == 0):
            return f"{number_text(float(f'{seconds / size:.3g}'))} {unit}"
    return seconds_text(float(f"{seconds:.3g}"))


NO_TIME = Duration()
UNBOUNDED = Duration(0.0, FOR_EVER, FOR_EVER)
ONCE = Rounds(1, 1, 1)
