"""What a fix changes, line by line; a block that is only indented is told in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

MOST_LINES = 24


class Change(NamedTuple):
    """A line of a diff: `-` with its old number, `+` or a blank with its new one, `~` for what is left out."""

    sign: str
    number: int
    text: str


def changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """The lines that differ by more than their indentation, and between them, what is left out."""
    found = [*_trimmed(list(_changes(old, new)))]
    if len(found) > MOST_LINES:
        left_out = sum(change.sign in "+-" for change in found[MOST_LINES:])
        return [*found[:MOST_LINES], Change("~", 0, f"{left_out} more lines")]
    return found


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    from difflib import SequenceMatcher

    before, after = [text.strip() for text in old], [text.strip() for text in new]
    for kind, first, last, begin, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (Change("-", number + 1, old[number]) for number in range(first, last))
            yield from (Change("+", number + 1, new[number]) for number in range(begin, end))
            continue
        moved = sum(old[one] != new[other] for one, other in zip(range(first, last), range(begin, end), strict=True))
        if moved:
            lines = f"{moved} line{'s' if moved > 1 else ''}"
            deeper = sum(map(len, new[begin:end])) > sum(map(len, old[first:last]))
            yield Change("~", 0, f"{lines} indented{'' if deeper else ' less'}")
        else:
            yield Change("~", 0, "")


def _trimmed(found: list[Change]) -> list[Change]:
    """Without what is left out at either end."""
    while found and found[0].sign == "~" and not found[0].text:
        found = found[1:]
    while found and found[-1].sign == "~" and not found[-1].text:
        found = found[:-1]
    return found
