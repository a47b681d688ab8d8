"""Edits written against pieces of text, so that a test reads as before and after."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from dbhygiene.diagnostics.edits import Edit
from dbhygiene.fixes import imports, verify
from dbhygiene.fixes.editor import Editor
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span


def file_of(text: str) -> File:
    return File(Path("example.py"), text)


class Places:
    """Finds the spans of statements and expressions by how they begin."""

    def __init__(self, text: str) -> None:
        self.file = file_of(text)

    def statement(self, start: str) -> Span:
        return self._find(ast.stmt, start)

    def expression(self, start: str) -> Span:
        return self._find(ast.expr, start)

    def call(self, start: str) -> Span:
        return self._find(ast.Call, start)

    def dict(self) -> Span:
        return self._find(ast.Dict, "{")

    def _find(self, kind: type[ast.AST], start: str) -> Span:
        found = [
            node
            for node in ast.walk(self.file.tree)
            if isinstance(node, kind) and self.file.segment(node).startswith(start)  # type: ignore[arg-type]
        ]
        assert found, start
        exact = [node for node in found if self.file.segment(node) == start]  # type: ignore[arg-type]
        return self.file.span((exact or found)[0])  # type: ignore[arg-type]


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text after these edits, which must mean what `expected` says."""
    file = file_of(text)
    spelled = imports.spell_names(file, edits)
    result = Editor(text).edit(spelled)
    assert verify.same_meaning(file, spelled, result)
    return result
