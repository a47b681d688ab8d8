"""`range_of`: positions of the protocol: lines from 0, columns in units of the encoding of client and server.

`Encoding.Utf16` counts a character beyond U+FFFF twice, `Utf8` counts bytes; a `Span` counts characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol.types import Position, PositionEncodingKind, Range

from dbhygiene.source.nodes import Span

Encoding = PositionEncodingKind
_CODECS = {Encoding.Utf8: ("utf-8", 1), Encoding.Utf16: ("utf-16-le", 2)}  # and the bytes of a unit


def range_of(span: Span, lines: Sequence[str], encoding: Encoding) -> Range:
    """Return the range of a span in a text with these lines."""
    line, column, end_line, end_column = span
    return Range(_position(line, column, lines, encoding), _position(end_line, end_column, lines, encoding))


def column_at(character: int, line: str, encoding: Encoding) -> int:
    """Return the column of a position in a line; one within a character counts as before it."""
    if encoding not in _CODECS or line.isascii():
        return min(character, len(line))
    codec, unit = _CODECS[encoding]
    return len(line.encode(codec, "surrogatepass")[: character * unit].decode(codec, "ignore"))


def _position(line: int, column: int, lines: Sequence[str], encoding: Encoding) -> Position:
    text = lines[line - 1] if line <= len(lines) else ""  # the file may have changed since
    return Position(line - 1, _units(text[:column], encoding) + max(0, column - len(text)))


def _units(text: str, encoding: Encoding) -> int:
    if encoding not in _CODECS or text.isascii():
        return len(text)
    codec, unit = _CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // unit
