"""`line_hash`: GitHub's fingerprint of a line: by it, code scanning recognises an alert in a later version of a file.

Its upload action computes the same from the repository's files; other uploads rely on the value in the report. See
`src/fingerprints.ts` of github/codeql-action.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_BLOCK = 100  # characters, counted from the start of a line without blanks
_BASE = 37
_END_OF_FILE = "\uffff"


def line_hash(lines: Sequence[str], number: int) -> str:
    """Return the fingerprint of a line, and how many lines up to it have the same."""
    blocks = _blocks(tuple(lines))
    block = blocks[number - 1]
    value = 0
    for unit in block:
        value = (value * _BASE + unit) % 2**64
    value = value * pow(_BASE, _BLOCK - len(block), 2**64) % 2**64
    return f"{value:x}:{blocks[:number].count(block)}"


@lru_cache(maxsize=1)
def _blocks(lines: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Return the first characters from each line on, as code units of UTF-16."""
    text = re.sub("[ \t]", "", "\n".join(lines)) + _END_OF_FILE
    data = text.encode("utf-16-le", "surrogatepass")
    units = memoryview(data).cast("H").tolist()
    starts = [0, *(number for number, unit in enumerate(units, 1) if unit == ord("\n"))]
    return [tuple(units[start : start + _BLOCK]) for start in starts]
