"""`OpenNotebook`: a notebook that is open in the editor, whose cells are documents with addresses of their own.

All its cells are checked as one program, as those of its file would be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeAlias

from lsprotocol import types

from dbhygiene.lsp.documents import Document, document_path
from dbhygiene.lsp.positions import Encoding
from dbhygiene.source.file import NOTEBOOK, File, split_lines
from dbhygiene.source.records import Frozen, replace

SYNC = types.NotebookDocumentSyncOptions(
    [
        types.NotebookDocumentFilterWithCells(
            # Cells with text are counted, too, when a message says "cell 3".
            [types.NotebookCellLanguage(language) for language in ("python", "markdown", "raw")],
            notebook="jupyter-notebook",
        )
    ],
    save=True,
)


class OpenNotebook(Frozen):
    """An open notebook. `cells` are the addresses of its cells, in order; `texts` are those that are Python."""

    uri: str
    path: Path
    cells: tuple[str, ...]
    texts: Mapping[str, Document]

    @classmethod
    def open(cls, params: types.DidOpenNotebookDocumentParams, directory: Path) -> OpenNotebook | None:
        """Return a notebook that the editor has opened; None if it is neither a file nor new, or no `.ipynb`.

        Arguments:
            directory: where a new notebook will be saved, as far as its imports are concerned.
        """
        notebook = params.notebook_document
        path = document_path(notebook.uri, directory)
        if path is None or path.suffix != NOTEBOOK:
            return None
        cells = tuple(cell.document for cell in notebook.cells)
        return cls(notebook.uri, path, cells, _python(params.cell_text_documents, path))

    def with_changes(self, changes: types.NotebookDocumentCellChanges, encoding: Encoding) -> OpenNotebook:
        """Return the notebook after changes of its cells: first those of the list, then those of texts."""
        cells, texts = self.cells, {**self.texts}
        if (structure := changes.structure) is not None:
            start, array = structure.array.start, structure.array
            new = (cell.document for cell in array.cells or ())
            cells = (*cells[:start], *new, *cells[start + array.delete_count :])
            opened = structure.did_open or ()
            for uri in [each.uri for each in structure.did_close or ()] + [each.uri for each in opened]:
                texts.pop(uri, None)  # a cell that is opened again may have another language
            texts |= _python(opened, self.path)
        for change in changes.text_content or ():
            if (known := texts.get(change.document.uri)) is not None:
                texts[known.uri] = known.with_changes(change.document.version, change.changes, encoding)
        return replace(self, cells=cells, texts=texts)

    @cached_property
    def documents(self) -> Mapping[str, Document]:
        """Its Python cells with their numbers, by their addresses."""
        numbers = {uri: number for number, uri in enumerate(self.cells, 1) if uri in self.texts}
        return {uri: replace(self.texts[uri], cell=number) for uri, number in numbers.items()}

    @cached_property
    def text(self) -> str:
        """The JSON text of a file with these cells."""
        return json.dumps({"cells": [self._json(uri) for uri in self.cells]})

    def _json(self, uri: str) -> Mapping[str, str]:
        text = self.texts.get(uri)
        return {"cell_type": "raw"} if text is None else {"cell_type": "code", "source": text.text}

    def encode(self) -> bytes:
        """Return the text as the bytes of a file."""
        return self.text.encode()


def _python(items: Iterable[types.TextDocumentItem], path: Path) -> dict[str, Document]:
    return {
        each.uri: Document(each.uri, each.version, each.text, path) for each in items if each.language_id == "python"
    }


Texts: TypeAlias = "Mapping[str, Document | OpenNotebook]"  # by their addresses


def documents_of(texts: Texts) -> Mapping[str, Document]:
    """Return open texts and the cells of open notebooks, by their addresses."""
    found: dict[str, Document] = {}
    for uri, text in texts.items():
        found |= {uri: text} if isinstance(text, Document) else text.documents
    return found


class DocumentPart(NamedTuple):
    """What a document holds of a file's program: the number of lines above it, its text, and the lines of that."""

    above: int
    text: str
    lines: Sequence[str]


def part_of(file: File, number: int | None) -> DocumentPart:
    """Return the cell of a notebook with a number, with its magics; without a number, the whole file."""
    cell = file.notebook.cell(number) if file.notebook is not None and number is not None else None
    return (
        DocumentPart(0, file.text, file.lines)
        if cell is None
        else DocumentPart(cell.line - 1, cell.source, split_lines(cell.source))
    )
