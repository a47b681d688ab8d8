"""`markup`: the Markdown of rule pages as HTML; what these pages do not use is left as text.

inline("call `close()`")             # "call <code>close()</code>"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

_LABELS = {"possible": "with --min-confidence possible"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def remove_controls(text: str) -> str:
    """Return a text without the characters that HTML does not allow."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def inline(text: str) -> str:
    """Return a text with its `code`, *emphasis* and links."""
    html = escape(remove_controls(" ".join(text.split())), quote=False)
    html = re.sub(r"`([^`]+)`|\*(\w+)\*", _mark, html)
    return re.sub(r"\[([^\]]+)\]\((https://[^)\s\"]+)\)", r'<a href="\2">\1</a>', html)


def _mark(found: re.Match[str]) -> str:
    return f"<code>{found[1]}</code>" if found[1] else f"<em>{found[2]}</em>"


def markup(page: str) -> str:
    """Return a page as HTML."""
    return "".join(_blocks(page))


def _blocks(page: str) -> Iterator[str]:
    """Yield the blocks: every second part between fences is code, after the words of its fence."""
    for number, part in enumerate(re.split(r"^```", page.strip() + "\n", flags=re.M)):
        if number % 2:
            words, _, code = part.partition("\n")
            name = words.partition(" ")[2]
            label = "after the fix" if " fixed" in words else _LABELS.get(name, name)
            yield f"<p>{escape(label)}:</p>" if label else ""
            yield f"<pre>{escape(remove_controls(code))}</pre>\n"
        else:
            yield from (_paragraph(text) for text in part.split("\n\n") if text.strip())


def _paragraph(text: str) -> str:
    if text.lstrip().startswith("#"):
        return f"<h3>{inline(text.strip().lstrip('# '))}</h3>\n"
    if text.lstrip().startswith("|"):
        return f"<pre>{escape(remove_controls(text.strip()))}</pre>\n"
    if text.lstrip().startswith("- "):
        items = re.split(r"^- ", text.strip(), flags=re.M)[1:]
        return f"<ul>{''.join(f'<li>{inline(item)}</li>' for item in items)}</ul>\n"
    return f"<p>{inline(text)}</p>\n"
