"""Texts of the editor: positions in each encoding, and changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from dbhygiene.lsp.documents import Document
from dbhygiene.lsp.positions import Encoding, column_at, range_of
from dbhygiene.source.nodes import Span

TEXT = "a = '早😀é'; b"
COLUMN = {Encoding.Utf8: 15, Encoding.Utf16: 10, Encoding.Utf32: 9}  # of the quotation mark at the end
EVERY = list(COLUMN)


def document(text: str) -> Document:
    return Document("file:///a.py", 1, text, Path("/a.py"))


def change(start: tuple[int, int], end: tuple[int, int], text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(types.Range(types.Position(*start), types.Position(*end)), text)


@pytest.mark.parametrize("encoding", EVERY)
def test_columns_count_the_units_of_the_encoding(encoding: Encoding) -> None:
    column = TEXT.rindex("'")
    found = range_of(Span(1, column, 1, column + 1), [TEXT], encoding)
    assert (found.start.character, found.end.character) == (COLUMN[encoding] - 1, COLUMN[encoding])
    assert column_at(found.start.character, TEXT, encoding) == column


def test_a_column_within_a_character_counts_as_before_it() -> None:
    smile = TEXT.index("😀")
    assert column_at(smile + 1, TEXT, Encoding.Utf16) == smile
    assert column_at(len(TEXT[:smile].encode()) + 3, TEXT, Encoding.Utf8) == smile


def test_a_place_beyond_the_text_has_a_position() -> None:
    found = range_of(Span(9, 4, 9, 5), ["x"], Encoding.Utf16)  # the file has become shorter meanwhile
    assert (found.start.line, found.start.character) == (8, 4)
    assert column_at(99, "é", Encoding.Utf16) == 1


@pytest.mark.parametrize("encoding", EVERY)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_changes_apply_in_turn(encoding: Encoding, end: str) -> None:
    before = document(f"x{end}{TEXT}{end}z")
    after = before.with_changes(
        2, [change((1, COLUMN[encoding]), (1, COLUMN[encoding]), "!"), change((0, 0), (1, 0), "")], encoding
    )
    assert after.text == f"{TEXT.replace(chr(39) + ';', chr(39) + '!;')}{end}z"
    assert after.version == 2


def test_a_form_feed_does_not_end_a_line() -> None:
    after = document("a\f\x0b\u2028b\nc\n").with_changes(2, [change((1, 0), (1, 1), "d")], Encoding.Utf16)
    assert after.text == "a\f\x0b\u2028b\nd\n"


def test_a_change_beyond_the_end_appends() -> None:
    assert document("a\n").with_changes(2, [change((7, 0), (9, 3), "b")], Encoding.Utf16).text == "a\nb"


def test_a_whole_text_replaces_the_old_one() -> None:
    whole = types.TextDocumentContentChangeWholeDocument("new")
    assert document("old").with_changes(5, [whole], Encoding.Utf8).text == "new"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("é", b"\xc3\xa9"),
        ("# coding: latin-1\né", b"# coding: latin-1\n\xe9"),
        ("# coding: latin-1\n早", b"# coding: latin-1\n?"),
        ("# coding: none\né", b"# coding: none\n\xc3\xa9"),
        ("\ud83d", b"?"),  # half of a character, as an editor sends it in the middle of typing
    ],
)
def test_texts_are_checked_as_their_files_would_be(text: str, data: bytes) -> None:
    assert document(text).encode() == data


def test_a_new_text_lies_in_the_folder_and_others_are_left_alone() -> None:
    def opened(uri: str) -> Document | None:
        return Document.open(types.TextDocumentItem(uri, "python", 1, ""), Path("/shop"))

    new, file = opened("untitled:Untitled-1"), opened("file:///shop/a%20b.py")
    assert (new and new.path, file and file.path) == (Path("/shop/Untitled-1"), Path("/shop/a b.py"))
    assert opened("git:/shop/a.py?HEAD") is None
    assert opened("vscode-notebook-cell:/shop/n.ipynb#W0") is None
    assert opened("file:///shop/n.ipynb") is None  # its JSON text: it is checked as a notebook
