"""`edit_comments`: the text after edits of comments, which trees do not contain."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dbhygiene.diagnostics.edits import EditComment
from dbhygiene.source.nodes import LINE


def edit_comments(text: str, edits: Iterable[EditComment]) -> str:
    """Return the text after these edits."""
    lines = re.findall(LINE, text)
    for edit in sorted(edits, key=lambda edit: edit.comment, reverse=True):
        line, start, _, end = edit.comment
        before, after = lines[line - 1][:start], lines[line - 1][end:]
        if not edit.text:
            before = before.rstrip()
        lines[line - 1] = before + edit.text + after if before.strip() or edit.text else ""
    return "".join(lines)
