"""`Change`: the changes of a fix, line by line. A long block that is only indented becomes one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbhygiene.diagnostics.text_edits import opcodes
from dbhygiene.source.records import Row

MOST_LINES = 24
MOST_INDENTED = 3


class Change(Row):
    """A line of a diff: `-` with its old number, `+` or a blank with its new one, `~` for omitted lines."""

    sign: str
    number: int
    text: str


def changed_lines(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """Yield the lines that differ, with one line around them, and a mark for omitted lines."""
    found = list(_changes(old, new))
    if len(found) > MOST_LINES:
        left_out = sum(change.sign in "+-" for change in found[MOST_LINES:])
        return [*found[:MOST_LINES], Change("~", 0, f"{left_out} more lines")]
    return found


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    before, after = [text.strip() for text in old], [text.strip() for text in new]
    for kind, first, last, begin, end in opcodes(before, after):
        if kind == "equal":
            yield from _equal(old[first:last], new[begin:end], begin, last=end == len(new))
        else:
            yield from (Change("-", number + 1, old[number]) for number in range(first, last))
            yield from (Change("+", number + 1, new[number]) for number in range(begin, end))


def _equal(old: Sequence[str], new: Sequence[str], begin: int, *, last: bool) -> Iterator[Change]:
    """Yield equal lines, some of which may be indented further: a few of them, and a mark for the others."""
    lines = [Change(" ", begin + number, text) for number, text in enumerate(new, 1)]
    moved = [n for n, (one, other) in enumerate(zip(old, new, strict=True)) if one != other and other.strip()]
    if len(moved) > MOST_INDENTED:
        deeper = sum(len(new[number]) - len(old[number]) for number in moved) > 0
        yield Change("~", 0, f"{len(moved)} lines indented{'' if deeper else ' less'}")
    elif moved:
        yield from lines[moved[0] : moved[-1] + 1]
    else:
        around = [*(lines[:1] if begin else []), *([] if last else lines[-1:])]
        if begin and not last and len(lines) > 2:
            around.insert(1, Change("~", 0, ""))
        yield from dict.fromkeys(change for change in around if change.text.strip() or change.sign == "~")
