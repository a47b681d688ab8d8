"""`without_comments`: the text of a program without its comments, also of one that does not parse."""

from __future__ import annotations

import re

from dbhygiene.source.lazy_pattern import lazy_pattern

# Comments, and strings without their prefixes; a string on one line may have lost its end.
COMMENT_OR_STRING = lazy_pattern(
    r"""\#[^\n]* | ('''|\"\"\")(?:\\.|(?!\1).)*(?:\1|\Z) | (["'])(?:\\.|(?!\2)[^\n\\])*\2?""", re.S | re.X
)


def without_comments(text: str) -> str:
    """Return a text without its comments; strings and lines stay."""
    return COMMENT_OR_STRING.sub(lambda match: "" if match[0].startswith("#") else match[0], text)
