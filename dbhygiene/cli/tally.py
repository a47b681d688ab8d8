"""`Tally`: the number of findings of a run, by rule and by kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dbhygiene.checker.own_findings import INTERNAL_ERROR, NOT_READ, SYNTAX_ERROR
from dbhygiene.config.settings import LEVELS
from dbhygiene.diagnostics.model import Finding

UNREAD = {SYNTAX_ERROR: "not parsed", NOT_READ: "not read"}


class Tally:
    """Counts the findings that a run reports."""

    def __init__(self) -> None:
        self.found = self.fixable = 0
        self.failed = False  # by an internal error
        self._unread = dict.fromkeys(UNREAD, 0)
        self._by_level = dict.fromkeys(LEVELS, 0)
        self._by_rule: dict[tuple[str, str], list[bool]] = {}  # which can be fixed

    def add(self, finding: Finding) -> None:
        """Count a finding."""
        self.found += 1
        self.fixable += finding.fixable
        self._by_level[finding.confidence.level] += 1
        self._by_rule.setdefault((finding.code, finding.name), []).append(finding.fixable)
        if finding.code in UNREAD:
            self._unread[finding.code] += 1
        self.failed |= finding.code == INTERNAL_ERROR

    def any_from(self, level: str) -> bool:
        """Whether there is a finding of this level or a higher one."""
        return any(self._by_level[each] for each in LEVELS[: LEVELS.index(level) + 1])

    def summary(self, checked: int, skipped: int = 0) -> str:
        """Return the line at the end of a run, which read so many files and skipped some that do not parse."""
        fixable = f", {self.fixable} fixable with `dbhygiene fix`" if self.fixable else ""
        failed = {**self._unread, SYNTAX_ERROR: self._unread[SYNTAX_ERROR] + skipped}
        unread = ", ".join(f"{number} {UNREAD[code]}" for code, number in failed.items() if number)
        files = f"{count(checked, 'file')}{f' ({unread})' if unread else ''}"
        levels = [count(number, level) for level, number in self._by_level.items() if number]
        mixed = f" ({', '.join(levels)})" if len(levels) > 1 else ""
        return f"{count(self.found, 'finding')}{mixed} in {files}{fixable}"

    def statistics(self) -> Iterator[str]:
        """Yield a line for each rule: how many findings, and how many of them `fix` fixes; the most frequent first."""
        width = len(str(max(map(len, self._by_rule.values()), default=0)))
        for (code, name), fixable in sorted(self._by_rule.items(), key=lambda item: (-len(item[1]), item[0])):
            yield f"{len(fixable):>{width}}  {code}  {name}{f'  [*] {sum(fixable)}' if any(fixable) else ''}\n"


def count(number: int, noun: str) -> str:
    """Return a number and its noun: "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rule_times(times: Iterable[Mapping[str, float]]) -> Iterator[str]:
    """Yield the seconds of each rule, the longest first; results that rules share count for the first of them."""
    total: dict[str, float] = {}
    for each in times:
        for name, seconds in each.items():
            total[name] = total.get(name, 0.0) + seconds
    for name, seconds in sorted(total.items(), key=lambda item: -item[1]):
        yield f"{seconds:8.3f} s  {name}\n"
