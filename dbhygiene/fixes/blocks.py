"""`Block`: the statements of one block, which a fix wraps, moves or removes, with the comments above each.

conn = connect()                 conn = connect()
work(conn)              ──▶      try:
conn.close()                         work(conn)
                                 finally:
                                     conn.close()
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import libcst as cst

from dbhygiene.diagnostics.edits import InsertAfter, InsertBefore, MoveIntoWith, Remove, WrapInTry
from dbhygiene.fixes import templates
from dbhygiene.fixes.targets import PRAGMA, EditError
from dbhygiene.fixes.templates import Piece, Statement
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import Record, replace

BlockEdit: TypeAlias = "InsertBefore | InsertAfter | Remove | MoveIntoWith | WrapInTry"
Lines: TypeAlias = "Sequence[cst.EmptyLine]"


class Unit(Record):
    """One statement of a block, or several that are now one, with the code inserted around it.

    `left` are the comments of a statement that was removed, `here` then being None.
    """

    first: Span
    last: Span
    here: Statement | None
    before: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()
    left: tuple[cst.EmptyLine, ...] = ()


class Block(Record):
    """The edits of the statements of one block.

    `comments` are those of the statements that each `WrapInTry` moves; `indent` is what a block in it is indented by.
    `moved` are those statements, but for `gone`, which share their lines with
    others, and leave their comments there.
    """

    edits: Sequence[BlockEdit]
    indent: str
    comments: Mapping[WrapInTry, Lines] = {}
    moved: frozenset[Span] = frozenset()
    gone: frozenset[Span] = frozenset()

    def rearrange(self, units: Iterable[Unit]) -> tuple[list[Statement], list[cst.EmptyLine]]:
        """Return the new statements, and the comments after the last one."""
        units = [self._insert_around(unit) for unit in units]
        places = {unit.first: place for place, unit in enumerate(units)}
        wraps = [edit for edit in self.edits if isinstance(edit, (MoveIntoWith, WrapInTry))]
        for edit in sorted(wraps, key=lambda edit: _length(edit, places)):
            first = edit.assign if isinstance(edit, MoveIntoWith) else edit.first
            start = next((i for i, unit in enumerate(units) if unit.first == first), None)
            stop = next((i for i, unit in enumerate(units) if unit.last == edit.last), None)
            if start is None or stop is None or stop < start:
                raise EditError("its parts are not in one block, or they overlap")
            inner = units[start : stop + 1]
            units[start : stop + 1] = [
                self._with(edit, inner) if isinstance(edit, MoveIntoWith) else self._try(edit, inner)
            ]
        return join_units(units)

    def _insert_around(self, unit: Unit) -> Unit:
        for edit in dict.fromkeys(self.edits):
            match edit:
                case InsertBefore(statement, code) if statement == unit.first:
                    unit = replace(unit, before=(*unit.before, templates.piece(code)))
                case InsertAfter(statement, code) if statement == unit.last:
                    unit = replace(unit, after=(*unit.after, templates.piece(code)))
                case Remove(statement) if statement == unit.first and unit.here:
                    unit = replace(unit, here=None, left=tuple(comments_of(unit.here)))
        if unit.first in self.gone and unit.here:
            unit = replace(unit, here=None, left=tuple(comments_of(unit.here)))
        if unit.first in self.moved and unit.here:  # its comments are in the clause; blank lines stay
            unit = replace(unit, here=None, left=tuple(_blank_run(unit.here.leading_lines)))
        return unit

    def _body(self, units: Iterable[Unit]) -> cst.IndentedBlock:
        statements, left = join_units(units)
        body = cst.IndentedBlock(statements or [templates.pass_statement()], indent=self.indent, footer=left)
        return cast(cst.IndentedBlock, body.visit(_Deeper(self.indent)))

    def _with(self, edit: MoveIntoWith, units: Sequence[Unit]) -> Unit:
        head, *rest = units
        match head.here:
            case cst.SimpleStatementLine(body=[cst.Assign(targets=[_], value=value)]):
                pass
            case cst.SimpleStatementLine(body=[cst.AnnAssign(value=cst.BaseExpression() as value)]):
                pass
            case _:
                raise EditError("it is not opened by a plain assignment")
        after: tuple[Piece, ...] = head.after
        if rest:
            after = rest[-1].after
            rest = [Unit(head.first, head.first, None, after=head.after), *rest]
            rest[-1] = replace(rest[-1], after=())
        body = self._body(_without_leading_blanks(rest)).with_changes(header=head.here.trailing_whitespace)
        statement = cst.With(
            templates.items(edit.items, value),
            body,
            asynchronous=cst.Asynchronous() if edit.is_async else None,
            leading_lines=head.here.leading_lines,
        )
        return Unit(head.first, units[-1].last, statement, before=head.before, after=after)

    def _try(self, edit: WrapInTry, units: Sequence[Unit]) -> Unit:
        first, last = units[0], units[-1]
        clause = self._clause(edit)
        match units:
            case [Unit(here=(cst.Try(finalbody=None) | cst.TryStar(finalbody=None)) as only)] if (
                edit.clause == "finally"
            ):
                return replace(first, here=only.with_changes(finalbody=cst.Finally(clause)))
        inner = list(units)
        outer: Lines = ()
        if first.here:
            outer, own = above(first.here.leading_lines)
            inner[0] = replace(first, here=first.here.with_changes(leading_lines=own))
        inner[0] = replace(inner[0], before=())  # it stands above the new statement
        inner[-1] = replace(inner[-1], after=())
        statement = templates.attempt(edit.clause, self._body(inner), clause).with_changes(leading_lines=outer)
        return Unit(first.first, last.last, statement, before=first.before, after=last.after)

    def _clause(self, edit: WrapInTry) -> cst.IndentedBlock:
        statements = list(templates.piece(edit.code).statements)
        lines = [*self.comments.get(edit, ()), *statements[0].leading_lines]
        statements[0] = statements[0].with_changes(leading_lines=lines)
        return cst.IndentedBlock(statements, indent=self.indent)


def without_empty_finally(unit: Unit) -> list[Unit]:
    """Return a `try` without its emptied `finally`; if it has no handler, return its body."""
    match unit.here:
        case cst.Try(finalbody=cst.Finally(body=cst.IndentedBlock(body=())) as clause) as statement:
            pass
        case cst.TryStar(finalbody=cst.Finally(body=cst.IndentedBlock(body=())) as clause) as statement:
            pass
        case _:
            return [unit]
    left = tuple(line for line in _lines_of(clause) if line.comment)
    if statement.handlers:
        bare = statement.with_changes(finalbody=None)
        if not left:
            return [replace(unit, here=bare)]
        return [Unit(unit.first, NOWHERE, bare), Unit(NOWHERE, unit.last, None, left=left)]
    header, body, footer = _split_suite(statement.body)
    return [
        Unit(unit.first, NOWHERE, None, left=(*statement.leading_lines, *header)),
        *(Unit(NOWHERE, NOWHERE, each) for each in body),
        Unit(NOWHERE, unit.last, None, left=(*footer, *left)),
    ]


def without_empty_else(node: cst.BaseCompoundStatement) -> cst.BaseCompoundStatement:
    """Return a statement without its emptied `else`, unless comments are left there."""
    match getattr(node, "orelse", None):
        case cst.Else(body=cst.IndentedBlock(body=()) as body) as clause:
            kept = clause.with_changes(body=body.with_changes(body=[templates.pass_statement()]))
            return node.with_changes(orelse=kept if any(line.comment for line in _lines_of(clause)) else None)
    return node


NOWHERE = Span(0, 0, 0, 0)


def _split_suite(suite: cst.BaseSuite) -> tuple[Lines, Sequence[Statement], Lines]:
    """Return the comment at the start of a block, its statements, and the comments at its end."""
    if isinstance(suite, cst.SimpleStatementSuite):
        return (), (lines(suite),), ()
    assert isinstance(suite, cst.IndentedBlock)
    return _as_lines(suite.header), cast("Sequence[Statement]", suite.body), suite.footer


def lines(suite: cst.SimpleStatementSuite) -> cst.SimpleStatementLine:
    """Return the statements after a colon, as a line of their own."""
    return cst.SimpleStatementLine(suite.body, trailing_whitespace=suite.trailing_whitespace)


def _lines_of(clause: cst.Finally | cst.Else) -> Iterator[cst.EmptyLine]:
    """Return the comments and blank lines of a clause."""
    yield from clause.leading_lines
    assert isinstance(clause.body, cst.IndentedBlock)
    yield from _as_lines(clause.body.header)
    yield from clause.body.footer


def _as_lines(rest: cst.TrailingWhitespace) -> tuple[cst.EmptyLine, ...]:
    """Return a comment at the end of a line, as a line of its own."""
    return (cst.EmptyLine(comment=rest.comment),) if rest.comment else ()


def _without_leading_blanks(units: Sequence[Unit]) -> Sequence[Unit]:
    """Return the units without the blank lines above the first."""
    match units:
        case [Unit(here=None, after=()) as empty, *rest]:
            return [empty, *_without_leading_blanks(rest)]
        case [Unit(here=(cst.SimpleStatementLine() | cst.BaseCompoundStatement()) as first) as unit, *rest]:
            lines = first.leading_lines[len(_blank_run(first.leading_lines)) :]
            return [replace(unit, here=first.with_changes(leading_lines=lines)), *rest]
    return units


_CONTINUED = re.compile(r"\\\r?\n")


class _Deeper(cst.CSTTransformer):
    """Indents the lines that LibCST leaves where they are when their block moves.

    These are the ones behind a backslash, and those that stand further left than their block. A blank line that comes
    from the top of a module, where it counts as indented by nothing, stays empty.
    """

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        match updated_node:
            case cst.SimpleWhitespace(value=value) if "\\" in value:
                return updated_node.with_changes(value=_CONTINUED.sub(lambda match: match[0] + self.step, value))
            case cst.ParenthesizedWhitespace(indent=False, last_line=blank):
                return updated_node.with_changes(last_line=self._deeper(blank))
            case cst.EmptyLine(comment=None):
                return updated_node.with_changes(indent=False)
            case cst.EmptyLine(indent=False, whitespace=blank):
                return updated_node.with_changes(whitespace=self._deeper(blank))
        return updated_node

    def _deeper(self, blank: cst.SimpleWhitespace) -> cst.SimpleWhitespace:
        return blank.with_changes(value=self.step + blank.value)


def _length(edit: MoveIntoWith | WrapInTry, places: Mapping[Span, int]) -> int:
    first = edit.assign if isinstance(edit, MoveIntoWith) else edit.first
    return places.get(edit.last, 0) - places.get(first, 0)


def join_units(units: Iterable[Unit]) -> tuple[list[Statement], list[cst.EmptyLine]]:
    """Return the statements of these units in order, and the comments after the last one."""
    result: list[Statement] = []
    waiting: list[cst.EmptyLine] = []  # blank lines and comments that the next statement is given
    for unit in units:
        here, before = unit.here, list(unit.before)
        if here and before:
            outer, own = above(here.leading_lines)
            waiting = _merge_lines(waiting, outer)
            here = here.with_changes(leading_lines=own)
        for statement, after in [*_stream(before), *([(here, ())] if here else []), *_stream(unit.after)]:
            lines = _merge_lines(waiting, statement.leading_lines)
            if lines != list(statement.leading_lines):  # else it stays the same object, which need not be written anew
                statement = statement.with_changes(leading_lines=lines)
            result.append(statement)
            waiting = list(after)
        if not here:
            waiting = _merge_lines(waiting, unit.left)
    return result, waiting if any(line.comment for line in waiting) else []


def _stream(pieces: Iterable[Piece]) -> Iterator[tuple[Statement, Lines]]:
    for piece in pieces:
        *rest, last = piece.statements
        yield from ((statement, ()) for statement in rest)
        yield last, piece.blank


def above(lines: Lines) -> tuple[Lines, Lines]:
    """Return the lines above a statement: those up to the last blank line, and the comments directly above it."""
    start = max((i + 1 for i, line in enumerate(lines) if line.comment is None), default=0)
    return lines[:start], lines[start:]


def _blank_run(lines: Lines) -> Lines:
    stop = next((i for i, line in enumerate(lines) if line.comment), len(lines))
    return lines[:stop]


def _merge_lines(lines: Lines, following: Lines) -> list[cst.EmptyLine]:
    """Join two runs of lines; blank lines do not add up."""
    if any(line.comment for line in lines):
        return [*lines, *following]
    blank = _blank_run(following)
    return [*max(lines, blank, key=len), *following[len(blank) :]]


def comments_of(statement: Statement) -> list[cst.EmptyLine]:
    """Return the remains of a removed statement: the lines above it, and its comments, each on its own line."""
    if isinstance(statement, cst.SimpleStatementLine):
        inner: list[cst.Comment] = _comments(statement.with_changes(leading_lines=()))
    else:
        inner = _comments(statement.with_changes(leading_lines=()))
    kept = [cst.EmptyLine(comment=comment) for comment in inner if not PRAGMA.match(comment.value)]
    return [*statement.leading_lines, *kept]


def _comments(node: cst.CSTNode) -> list[cst.Comment]:
    if isinstance(node, cst.Comment):
        return [node]
    return [comment for child in node.children for comment in _comments(child)]
