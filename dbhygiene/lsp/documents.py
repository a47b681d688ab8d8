"""`Document`: a text that is open in the editor, with its unsaved changes.

The documents of pygls are not used: they count a form feed as the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsprotocol.types import (
    Position,
    TextDocumentContentChangeEvent,
    TextDocumentContentChangePartial,
    TextDocumentItem,
)
from pygls.uris import from_fs_path, to_fs_path

from dbhygiene.lsp.positions import Encoding, column_at
from dbhygiene.source.file import NOTEBOOK, encoding_of
from dbhygiene.source.records import Frozen, replace

_LINE_END = re.compile(r"\r\n|\r|\n")


class Document(Frozen):
    """An open text. `path` is that of its file, which need not exist; `cell` is its number in a notebook, from 1."""

    uri: str
    version: int
    text: str
    path: Path
    cell: int | None = None

    @classmethod
    def open(cls, item: TextDocumentItem, directory: Path) -> Document | None:
        """Return a document that the editor has opened; None if it is neither a file nor a new text, or a notebook.

        Editors open other texts, too: an earlier version of a file, or the JSON text of a notebook.

        Arguments:
            directory: where a new text will be saved, as far as its imports are concerned.
        """
        path = document_path(item.uri, directory)
        return cls(item.uri, item.version, item.text, path) if path and path.suffix != NOTEBOOK else None

    def with_changes(
        self, version: int, changes: Iterable[TextDocumentContentChangeEvent], encoding: Encoding
    ) -> Document:
        """Return the document after these changes, each of which is about the text after those before it."""
        text = self.text
        for change in changes:
            if isinstance(change, TextDocumentContentChangePartial):
                starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
                start, end = (_offset(text, starts, at, encoding) for at in (change.range.start, change.range.end))
                text = text[:start] + change.text + text[max(start, end) :]
            else:
                text = change.text
        return replace(self, version=version, text=text)

    def encode(self) -> bytes:
        """Return the text in the encoding that it declares; a character that this lacks becomes `?`."""
        data = self.text.encode("utf-8", "replace")
        try:
            declared = encoding_of(data)
            return data if declared.startswith("utf-8") else self.text.encode(declared, "replace")
        except (SyntaxError, LookupError):  # the check reports it
            return data


def _offset(text: str, starts: list[int], place: Position, encoding: Encoding) -> int:
    """Return the offset of a position; `starts` are those of the lines."""
    if place.line >= len(starts):
        return len(text)
    stop = starts[place.line + 1] if place.line + 1 < len(starts) else len(text)
    line = text[starts[place.line] : stop].rstrip("\r\n")
    return starts[place.line] + column_at(place.character, line, encoding)


def document_path(uri: str, directory: Path) -> Path | None:
    """Return the path of a file's address, or one in a directory for a new text; None for other addresses."""
    address = urlsplit(uri)
    if address.scheme == "untitled":
        return directory / (Path(unquote(address.path)).name or "untitled")
    return uri_to_path(uri)


def uri_to_path(uri: str) -> Path | None:
    """Return the path of a file's address; None if it is the address of something else."""
    path = to_fs_path(uri)
    return Path(path) if path else None


def uri_of(path: Path) -> str:
    """Return the address of a file."""
    return from_fs_path(str(path)) or ""
