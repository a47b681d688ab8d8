"""Examples in Markdown, read once: tests run them, pages show them.

A block fenced `python` is a file. `# HYG101` or `# HYG101: words` at the end of a line says that this finding, with
these words in its message, is expected there, and no other; marks are not code. The words after `python` say more:

- `possible`: findings of every confidence are reported, not only the likely ones;
- `fixed`: not a file, but what the block before it becomes by all safe fixes; `fixed unsafe`: by the unsafe ones too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbhygiene.source.records import Record

_FENCE = re.compile(r"^```python(?P<words>(?: [a-z]+)*)\n(?P<code>.*?)^```$", re.M | re.S)
_MARK = re.compile(r"[ \t]+#[ ](?P<code>HYG\d{3})(?:: (?P<words>[^#\n]*[^#\s]))?(?=[ \t]+# HYG\d{3}|[ \t]*$)", re.M)
_KNOWN = {"possible", "fixed", "unsafe"}


class ExpectedFinding(Record):
    """A finding that an example expects."""

    line: int
    code: str
    words: str = ""


class Example(Record):
    """One block, with the one after it where that says what fixes make of it."""

    line: int
    code: str
    marks: tuple[ExpectedFinding, ...]
    possible: bool = False
    fixed: str | None = None
    unsafe: bool = False  # whether `fixed` is the work of unsafe fixes too


def examples(page: str) -> Iterator[Example]:
    """The examples of a page; raises ValueError where a fence says what it cannot."""
    fences = [(set(fence["words"].split()), fence) for fence in _FENCE.finditer(page)]
    for (words, fence), (after, following) in zip(fences, [*fences[1:], (set(), None)], strict=True):
        line = _line(page, fence.start())
        if words - _KNOWN:
            raise ValueError(
                f"line {line}: unknown word after ```python; known are {', '.join(sorted(words - _KNOWN))}"
            )
        if "fixed" in words:
            continue
        code = fence["code"]
        marks = tuple(
            ExpectedFinding(_line(code, m.start()), m["code"], m["words"] or "") for m in _MARK.finditer(code)
        )
        fixed = following["code"] if following and "fixed" in after else None
        yield Example(line, _MARK.sub("", code), marks, "possible" in words, fixed, "unsafe" in after)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
