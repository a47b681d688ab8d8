"""`SectionEditor`: carry out edits in the sections of a file, each by itself: a fix changes one cell of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from dbhygiene.diagnostics.edits import Edit, EditComment
from dbhygiene.fixes import comments, imports
from dbhygiene.fixes.editor import Editor, target_spans
from dbhygiene.fixes.templates import EditError
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span

EditT = TypeVar("EditT", bound="Edit")


class SectionEditor:
    """A file, from which edited versions are made; each of its sections is parsed once."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._editors: dict[int, Editor] = {}

    def spell(self, fixes: Iterable[Sequence[Edit]]) -> list[Edit]:
        """Return the edits of several fixes as the file spells them; raise EditError if one changes two cells.

        A cell may run without those before it: each cell with a fix imports what the fix adds.
        """
        groups: dict[int, list[Edit]] = {}
        for edits in fixes:
            groups.setdefault(self._section_of(edits), []).extend(edits)
        return [edit for edits in groups.values() for edit in imports.spell_names(self._file, edits)]

    def _section_of(self, edits: Sequence[Edit]) -> int:
        lines = [line for edit in edits for span in target_spans(edit) for line in (span.line, span.end_line)]
        numbers = {self._file.section_at(line) for line in lines}
        if len(numbers) > 1:
            cells = sorted({self._file.line_name(line).partition(",")[0].removeprefix("cell ") for line in lines})
            raise EditError(f"the fix would change cells {' and '.join(cells)}: a fix may change one cell only")
        return next(iter(numbers))

    def edit(self, edits: Iterable[Edit]) -> File:
        """Return the file after these edits; raise EditError if one of them cannot be carried out."""
        return self._with(edits, lambda number, own: self._editor(number).edit(own))

    def edit_comments(self, edits: Iterable[EditComment]) -> File:
        """Return the file after these edits of comments."""
        texts = [section.text for section in self._file.sections]
        return self._with(edits, lambda number, own: comments.edit_comments(texts[number], own))

    def _editor(self, number: int) -> Editor:
        if number not in self._editors:
            file = self._file
            self._editors[number] = Editor(file.sections[number].text, file.project.line_length(file))
        return self._editors[number]

    def _with(self, edits: Iterable[EditT], change: Callable[[int, list[EditT]], str]) -> File:
        groups: dict[int, list[EditT]] = {}
        for edit in edits:
            number = self._file.section_at(target_spans(edit)[0].line)
            groups.setdefault(number, []).append(_move_up(edit, self._file.sections[number].line - 1))
        return _with_sections(self._file, {number: change(number, own) for number, own in groups.items()})


def _with_sections(file: File, texts: Mapping[int, str]) -> File:
    try:
        return file.with_sections(texts)
    except UnicodeError as error:
        raise EditError("the notebook holds text that is no Unicode") from error
    except ValueError as error:
        raise EditError(str(error)) from error


def _move_up(edit: EditT, lines: int) -> EditT:
    """Return an edit with all of its spans so many lines higher."""
    if not lines:
        return edit

    def move(value: Any) -> Any:
        if isinstance(value, Span):
            return Span(value.line - lines, value.column, value.end_line - lines, value.end_column)
        return tuple(map(move, value)) if isinstance(value, tuple) else value

    return edit._replace(**{name: move(value) for name, value in edit._asdict().items()})  # type: ignore[return-value]
