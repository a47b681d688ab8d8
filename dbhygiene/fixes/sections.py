"""`SectionEditor`: carry out edits in the sections of a file, each by itself: a fix changes one cell of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from dbhygiene.diagnostics.edits import Edit, EditComment
from dbhygiene.fixes import comments, imports
from dbhygiene.fixes.plain import plain_edit
from dbhygiene.fixes.targets import EditError, target_spans
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span

if TYPE_CHECKING:
    from dbhygiene.fixes.editor import Editor  # it imports LibCST
    from dbhygiene.fixes.folding import Folded

EditT = TypeVar("EditT", bound="Edit")


class SectionEditor:
    """A file, from which edited versions are made; each of its sections is parsed once."""

    def __init__(self, file: File, places: Iterable[Edit] = ()) -> None:
        """`places` are edits that may be carried out: the functions without any are neither read nor written."""
        self._file = file
        self._editors: dict[int, Editor] = {}
        self._places = [_region(edit) for edit in places]

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
        return self._with(edits, self._edit_section)

    def _edit_section(self, number: int, edits: Sequence[Edit]) -> str:
        if (text := plain_edit(self._file, edits)) is not None:
            return text
        if self._folded is not None and (text := self._edit_folded(edits)) is not None:
            return text
        return self._editor(number).edit(edits)

    def _edit_folded(self, edits: Sequence[Edit]) -> str | None:
        """Return the text after edits, without a look at other functions; None if that fails."""
        folded = self._folded
        assert folded is not None
        if any(folded.hides(_region(edit)) for edit in edits):
            return None
        try:
            return folded.unfold(self._folded_editor.edit([_move_up(each, folded.lines_above) for each in edits]))
        except EditError:  # which the whole text may not raise, or in other words
            return None

    @cached_property
    def _folded(self) -> Folded | None:
        file = self._file
        if file.notebook is not None or not self._places:
            return None
        from dbhygiene.fixes.folding import Folded  # most fixes are simple

        folded = Folded(file.text, file.tree, self._places)
        return folded if folded.folds else None

    @cached_property
    def _folded_editor(self) -> Editor:
        from dbhygiene.fixes.editor import Editor, width

        assert self._folded is not None
        file = self._file
        return Editor(self._folded.text, width(file.text, file.project.line_length(file)))

    def edit_comments(self, edits: Iterable[EditComment]) -> File:
        """Return the file after these edits of comments."""
        texts = [section.text for section in self._file.sections]
        return self._with(edits, lambda number, own: comments.edit_comments(texts[number], own))

    def _editor(self, number: int) -> Editor:
        if number not in self._editors:
            from dbhygiene.fixes.editor import Editor

            file = self._file
            self._editors[number] = Editor(file.sections[number].text, file.project.line_length(file))
        return self._editors[number]

    def _with(self, edits: Iterable[EditT], change: Callable[[int, list[EditT]], str]) -> File:
        groups: dict[int, list[EditT]] = {}
        for edit in edits:
            number = self._file.section_at(target_spans(edit)[0].line)
            groups.setdefault(number, []).append(self._in_section(number, edit))
        return _with_sections(self._file, {number: change(number, own) for number, own in groups.items()})

    def _in_section(self, number: int, edit: EditT) -> EditT:
        above = self._file.sections[number].line - 1
        return _move_up(edit, lambda _: above) if above else edit


def _with_sections(file: File, texts: Mapping[int, str]) -> File:
    try:
        return file.with_sections(texts)
    except UnicodeError as error:
        raise EditError("the notebook holds text that is no Unicode") from error
    except ValueError as error:
        raise EditError(str(error)) from error


def _region(edit: Edit) -> Span:
    """Return the lines from the first place of an edit to the last."""
    spans = target_spans(edit)
    return Span(min(span.line for span in spans), 0, max(span.end_line for span in spans), 0)


def _move_up(edit: EditT, above: Callable[[int], int]) -> EditT:
    """Return an edit with all of its spans higher: each line by as many lines as are left out above it."""

    def move(value: Any) -> Any:
        if isinstance(value, Span):
            line, end = value.line - above(value.line), value.end_line - above(value.end_line)
            return Span(line, value.column, end, value.end_column)
        return tuple(map(move, value)) if isinstance(value, tuple) else value

    return edit._replace(**{name: move(value) for name, value in edit._asdict().items()})  # type: ignore[return-value]
