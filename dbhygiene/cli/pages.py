"""`plain_text`: the page of a rule for a terminal, without the marks of Markdown."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^```[a-z]+(?P<words>[^`\n]*)\n(?P<code>.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.*)$", re.M)
_LABELS = {
    "fixed": "After `dbhygiene fix`:\n\n",
    "fixed unsafe": "After `dbhygiene fix --unsafe-fixes`:\n\n",
    "possible": "With `--min-confidence possible`:\n\n",
}


def plain_text(markdown: str) -> str:
    """Return the page with indented code, underlined headings, and addresses after links."""
    blocks: list[str] = []

    def indent(fence: re.Match[str]) -> str:
        lines = fence["code"].rstrip().split("\n")
        code = "\n".join(f"    {line}".rstrip() for line in lines)
        words = fence["words"].strip()
        label = _LABELS.get(words, f"`{words}`:\n\n" if words else "")
        blocks.append(label + code)
        return f"\0{len(blocks) - 1}\0"

    text = _FENCE.sub(indent, markdown)
    text = _HEADING.sub(lambda heading: f"{heading['text']}\n{'=' * len(heading['text'])}", text)
    text = _LINK.sub(lambda link: link[1] if link[1] == link[2] else f"{link[1]} <{link[2]}>", text)
    return re.sub("\0(\\d+)\0", lambda number: blocks[int(number[1])], text)
