"""`Editor`: carry out edits on a text, and leave every other character unchanged.

create_engine(url)           # after AddKeyword(..., "pool_pre_ping", "True"): create_engine(url, pool_pre_ping=True)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from dbhygiene.diagnostics.edits import (
    AddItem,
    AddKeyword,
    AddName,
    Edit,
    InsertAfter,
    InsertBefore,
    InsertFirst,
    MoveIntoWith,
    Remove,
    Replace,
    ReplaceItem,
    SetKeyword,
    WrapInTry,
    widest,
)
from dbhygiene.fixes import layout, templates
from dbhygiene.fixes.blocks import (
    NOWHERE,
    Block,
    Unit,
    above,
    comments_of,
    join_units,
    lines,
    without_empty_else,
    without_empty_finally,
)
from dbhygiene.fixes.targets import EditError, NameOrder, common_orders, insertion_index, target_spans
from dbhygiene.fixes.templates import Statement
from dbhygiene.fixes.writer import ModuleWriter
from dbhygiene.source.file import split_lines
from dbhygiene.source.nodes import Span

_BLOCK = (InsertBefore, InsertAfter, Remove, MoveIntoWith, WrapInTry)
_NEWLINE = re.compile(r"[ \t\f]*(\r\n|\n|\r)")
_TIGHT = cst.AssignEqual(layout.NOTHING, layout.NOTHING)


class Editor:
    """A text, parsed once, from which edited versions are made."""

    def __init__(self, text: str, limit: int | None = None) -> None:
        self._limit = limit  # the maximum length of a line, if the project has one
        text, self._tail = _without_blank_end(text)
        self._lines = split_lines(text)
        try:
            self._module = cst.parse_module(text)
            self._writer = ModuleWriter(self._module, text)
            if self._writer.code(self._module) != text:
                raise EditError("LibCST does not reproduce this file exactly")
            wrapper = MetadataWrapper(self._module, unsafe_skip_copy=True)
            self._positions = wrapper.resolve(PositionProvider)
        except (cst.ParserSyntaxError, RecursionError) as error:
            raise EditError("LibCST cannot read this file") from error

    def edit(self, edits: Iterable[Edit]) -> str:
        """Return the text after these edits; raise EditError if one of them cannot be carried out."""
        edits = list(dict.fromkeys(edits))
        rewriter = _Rewriter(
            self._positions, edits, self._lines, self._module.default_indent, widest(self._lines, self._limit)
        )
        try:
            rewriter.name_orders = _name_orders(self._module) if any(isinstance(e, AddName) for e in edits) else ()
            module = self._module.visit(rewriter)
        except cst.ParserSyntaxError as error:
            raise EditError(f"the new code is wrong: {error.message}") from error
        except (cst.CSTValidationError, RecursionError) as error:
            raise EditError(f"LibCST cannot write it: {error}") from error
        if rewriter.pending:
            raise EditError(_missing_target(next(iter(rewriter.pending))))
        return self._writer.code(module) + self._tail


def width(text: str, limit: int | None) -> int:
    """Return the maximum width of a new line of a text."""
    return widest(split_lines(_without_blank_end(text)[0]), limit)


def _without_blank_end(text: str) -> tuple[str, str]:
    """Split a text after its last line that is not blank: LibCST may not reproduce the rest."""
    end = len(text.rstrip())
    if newline := _NEWLINE.match(text, end):
        end = newline.end()
    return text[:end], text[end:]


def _missing_target(edit: Edit) -> str:
    if isinstance(edit, _BLOCK):
        return "there is no statement at the place of the change (an `elif` is not one)"
    return "the code to change is not at its place"


class _Rewriter(cst.CSTTransformer):
    """Walks the statements that contain a target, and removes each edit that it carries out from `pending`."""

    def __init__(
        self,
        positions: Mapping[cst.CSTNode, CodeRange],
        edits: Sequence[Edit],
        text: Sequence[str],
        indent: str,
        widest: int,
    ) -> None:
        super().__init__()
        self.text, self.indent, self.widest = text, indent, widest
        self.positions = positions
        self.name_orders: Sequence[NameOrder] = ()
        self.pending: dict[Edit, None] = dict.fromkeys(edits)
        self.lines = sorted({span.line for edit in edits for span in target_spans(edit)})
        self.statements: dict[Span, list[Edit]] = {}
        self.others: dict[Span, list[Edit]] = {}
        for edit in edits:
            for span in target_spans(edit):
                (self.statements if isinstance(edit, _BLOCK) else self.others).setdefault(span, []).append(edit)
        self.moved = frozenset(span for edit in edits if isinstance(edit, WrapInTry) for span in edit.moved)
        self.comments = self._comments_to_move(edits)
        self.gone = frozenset(span for edit in self.comments for span in edit.moved) - self.moved
        self.around: list[cst.CSTNode] = []

    def span(self, node: cst.CSTNode) -> Span:
        where = self.positions[node]
        return Span(where.start.line, where.start.column, where.end.line, where.end.column)

    def _comments_to_move(self, edits: Sequence[Edit]) -> dict[WrapInTry, list[cst.EmptyLine]]:
        """Return the comments of the statements that move into a clause, without blank lines above them."""
        if not self.moved:
            return {}
        lines: dict[Span, Statement] = {}
        for node in self.positions:
            if isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1:
                lines[self.span(node.body[0])] = node
            elif isinstance(node, cst.BaseCompoundStatement):
                lines[self.span(node)] = node
        self.moved &= lines.keys()  # a statement that shares its line is removed, and the comment of the line stays
        return {
            edit: [line for span in edit.moved if span in lines for line in comments_of(lines[span]) if line.comment]
            for edit in edits
            if isinstance(edit, WrapInTry) and edit.moved
        }

    # -- the walk -------------------------------------------------------------------------------------

    def on_visit(self, node: cst.CSTNode) -> bool:
        self.around.append(node)
        if isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            decorators: Sequence[cst.CSTNode] = getattr(node, "decorators", ())
            start = self.positions[decorators[0] if decorators else node].start.line
            return any(start <= line <= self.positions[node].end.line for line in self.lines)
        return not isinstance(node, (cst.BaseParenthesizableWhitespace, cst.TrailingWhitespace, cst.EmptyLine))

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        self.around.pop()
        match original_node, updated_node:
            case cst.BaseExpression(), cst.BaseExpression():
                return self._expression(original_node, updated_node)
            case cst.ImportFrom(), cst.ImportFrom():
                return self._import(original_node, updated_node)
            case cst.IndentedBlock(), cst.IndentedBlock():
                return self._rewrite_block(original_node, updated_node)
            case cst.SimpleStatementSuite(), cst.SimpleStatementSuite():
                return self._suite(original_node, updated_node)
            case cst.Module(), cst.Module():
                updated_node = _with_short_header(updated_node)
                statements, left = self._rearrange(original_node.body, updated_node.body, None)
                return updated_node.with_changes(body=statements, footer=[*left, *updated_node.footer])
            case cst.BaseCompoundStatement(), cst.BaseCompoundStatement():
                return self._compound(original_node, updated_node)
        return updated_node

    def _take_edits(self, span: Span, *kinds: type[Edit]) -> list[Edit]:
        found = [edit for edit in self.others.get(span, ()) if isinstance(edit, kinds)]
        for edit in found:
            self.pending.pop(edit, None)
        return found

    # -- expressions ----------------------------------------------------------------------------------

    def _expression(self, original: cst.BaseExpression, node: cst.BaseExpression) -> cst.BaseExpression:
        span = self.span(original)
        bracketed = isinstance(original, (cst.Tuple, cst.GeneratorExp)) and bool(original.lpar)
        if bracketed:  # `ast` counts these parentheses in
            start, end = self.span(original.lpar[-1]), self.span(original.rpar[0])
            span = Span(start.line, start.column, end.end_line, end.end_column)
        if span not in self.others:
            return node
        for edit in self._take_edits(span, AddKeyword, SetKeyword, AddItem):
            match edit, node:
                case AddKeyword(name=name, value=value), cst.Call():
                    if _keyword(node, name):
                        raise EditError(f"`{name}` is already there")
                    node = layout.add_argument(node, _argument(name, templates.expression(value)))
                case SetKeyword(name=name, value=value), cst.Call():
                    node = _with_keyword(node, name, value)
                case AddItem(key=key, value=value), cst.Dict():
                    node = layout.add_item(node, templates.expression(key), templates.expression(value))
                case _:
                    raise EditError(_missing_target(edit))
        if isinstance(original, cst.Call) and isinstance(node, cst.Call) and self._too_wide(span, original, node):
            node = layout.one_per_line(node, self.indent)
        for edit in self._take_edits(span, Replace):
            assert isinstance(edit, Replace)
            kept = (1, -1) if bracketed else (0, None)
            outer_left, outer_right = node.lpar[: len(node.lpar) - kept[0]], node.rpar[kept[0] :]
            bare = node.with_changes(lpar=node.lpar[len(node.lpar) - kept[0] :], rpar=node.rpar[: kept[0]])
            new = templates.expression(edit.code, bare)
            if outer_left:
                new = new.with_changes(lpar=[*outer_left, *new.lpar], rpar=[*new.rpar, *outer_right])
            node = templates.parenthesise(new, self.around[-1] if self.around else None)
        return node

    def _too_wide(self, span: Span, original: cst.Call, node: cst.Call) -> bool:
        """Whether a call on one line has become longer than the maximum."""
        return span.line == span.end_line and self._grows_too_wide(span, original, node)

    def _grows_too_wide(self, span: Span, original: cst.CSTNode, node: cst.CSTNode) -> bool:
        if node is original:
            return False
        code = cst.Module([]).code_for_node
        grown = len(code(node)) - len(code(original))
        return grown > 0 and len(self.text[span.line - 1]) + grown > self.widest

    def _import(self, original: cst.ImportFrom, node: cst.ImportFrom) -> cst.ImportFrom:
        span = self.span(original)
        for edit in self._take_edits(span, AddName):
            assert isinstance(edit, AddName)
            if isinstance(node.names, cst.ImportStar):
                raise EditError(_missing_target(edit))
            alias = cst.parse_statement(f"from m import {edit.name}\n").body[0].names[0]  # type: ignore[union-attr,index]
            names = [name.evaluated_name for name in node.names]
            node = layout.add_name(node, insertion_index(names, alias.evaluated_name, self.name_orders), alias)
        if span.line == span.end_line and self._grows_too_wide(span, original, node):
            return layout.one_name_per_line(node, self.indent)
        return node

    # -- statements -----------------------------------------------------------------------------------

    def _compound(self, original: cst.BaseCompoundStatement, node: cst.BaseCompoundStatement) -> cst.CSTNode:
        if isinstance(original, cst.With) and isinstance(node, cst.With):
            node = self._with_items(original, node)
        for edit in self._take_edits(self.span(original), InsertFirst):
            assert isinstance(edit, InsertFirst)
            node = node.with_changes(body=_first_in(node, edit.code))
        return without_empty_else(node)

    def _with_items(self, original: cst.With, node: cst.With) -> cst.With:
        items: list[cst.WithItem] = []
        indent = self.span(original).column
        for old, item in zip(original.items, node.items, strict=True):
            new: Sequence[cst.WithItem] = [item]
            for edit in self._take_edits(self.span(old.item), ReplaceItem):
                assert isinstance(edit, ReplaceItem)
                by, place = edit.items.index("$value"), self.span(old.item)
                new = templates.items(edit.items, layout.moved_right(item.item, by, place.column, indent))
                new = [*new[:-1], new[-1].with_changes(comma=item.comma)]
            items += new
        return node.with_changes(items=items)

    def _rewrite_block(self, original: cst.IndentedBlock, node: cst.IndentedBlock) -> cst.IndentedBlock:
        statements, left = self._rearrange(original.body, node.body, node.indent)
        return node.with_changes(body=statements or self._nothing, footer=[*left, *node.footer])

    def _suite(self, original: cst.SimpleStatementSuite, node: cst.SimpleStatementSuite) -> cst.BaseSuite:
        """Return the body of `if x: y()` as a block of lines."""
        if not any(self.span(small) in self.statements for small in original.body):
            return node
        line = cst.SimpleStatementLine(original.body)
        statements, left = self._rearrange([line], [lines(node)], None)
        return cst.IndentedBlock(statements or self._nothing, footer=left)

    @property
    def _nothing(self) -> Sequence[Statement]:
        """Return the body of an emptied block; an emptied `finally` or `else` is removed: see `blocks`."""
        return () if isinstance(self.around[-1], (cst.Finally, cst.Else)) else (templates.pass_statement(),)

    def _rearrange(
        self, original: Sequence[cst.BaseStatement], updated: Sequence[cst.BaseStatement], indent: str | None
    ) -> tuple[Sequence[cst.BaseStatement], Sequence[cst.EmptyLine]]:
        units = [unit for pair in zip(original, updated, strict=True) for unit in self._units(*pair)]
        edits = dict.fromkeys(edit for unit in units for edit in self.statements.get(unit.first, ()))
        here = {unit.first for unit in units}
        whole = [edit for edit in edits if target_spans(edit)[0] in here]
        for edit in whole:
            self.pending.pop(edit, None)
        return Block(whole, indent or self.indent, self.comments, self.moved, self.gone).rearrange(units)  # type: ignore[arg-type]

    def _units(self, original: cst.BaseStatement, updated: cst.BaseStatement) -> list[Unit]:
        """Return a statement as a unit; `a; b` as several if one of them is a target."""
        if isinstance(original, cst.SimpleStatementLine) and isinstance(updated, cst.SimpleStatementLine):
            spans = [self.span(small) for small in original.body]
            if len(spans) == 1 or not any(span in self.statements for span in spans):
                return [Unit(spans[0], spans[-1], updated)]
            lines = _separate(updated)
            return [Unit(span, span, line) for span, line in zip(spans, lines, strict=True)]
        span = self.span(original)
        return without_empty_finally(Unit(span, span, updated))  # type: ignore[arg-type]


def _with_short_header(module: cst.Module) -> cst.Module:
    """Return the module with the comments directly above its first statement as part of that statement."""
    outer, own = above(module.header)
    if not module.body or not any(line.comment for line in outer):
        return module
    first, *rest = module.body
    first = first.with_changes(leading_lines=[*own, *first.leading_lines])
    return module.with_changes(header=outer, body=[first, *rest])


def _separate(line: cst.SimpleStatementLine) -> list[cst.SimpleStatementLine]:
    """Split `a; b  # c` into lines; the lines above belong to the first, the comment to the last."""
    bare = [small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for small in line.body]
    lines = [cst.SimpleStatementLine([small]) for small in bare]
    lines[0] = lines[0].with_changes(leading_lines=line.leading_lines)
    lines[-1] = lines[-1].with_changes(trailing_whitespace=line.trailing_whitespace)
    return lines


def _argument(name: str, value: cst.BaseExpression) -> cst.Arg:
    return cst.Arg(templates.parenthesise(value, cst.Arg(value)), keyword=cst.Name(name), equal=_TIGHT)


def _keyword(call: cst.Call, name: str) -> cst.Arg | None:
    return next((arg for arg in call.args if arg.keyword and arg.keyword.value == name), None)


def _with_keyword(call: cst.Call, name: str, code: str) -> cst.Call:
    old = _keyword(call, name)
    if old is None:
        raise EditError(f"there is no keyword `{name}`")
    value = templates.parenthesise(templates.expression(code, old.value), old)
    new = old.with_changes(value=value)
    return call.with_changes(args=[new if arg is old else arg for arg in call.args])


def _first_in(node: cst.BaseCompoundStatement, code: str) -> cst.IndentedBlock:
    """Return the body of a compound statement with new statements at its start, after a docstring."""
    body = node.body
    if isinstance(body, cst.SimpleStatementSuite):
        body = cst.IndentedBlock(_separate(lines(body)))
    if not isinstance(body, cst.IndentedBlock):
        raise EditError("it has no body")
    units = [Unit(NOWHERE, NOWHERE, statement) for statement in body.body]  # type: ignore[arg-type]
    place = (
        1 if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.get_docstring(clean=False) is not None else 0
    )
    units.insert(place, Unit(NOWHERE, NOWHERE, None, after=(templates.piece(code),)))
    statements, left = join_units(units)
    return body.with_changes(body=statements, footer=[*left, *body.footer])


def _name_orders(module: cst.Module) -> list[NameOrder]:
    """Return the sort orders of the names of all imports in the body of a module."""
    small = [each for line in module.body if isinstance(line, cst.SimpleStatementLine) for each in line.body]
    lines = [each.names for each in small if isinstance(each, cst.ImportFrom)]
    return common_orders(
        [name.evaluated_name for name in names] for names in lines if not isinstance(names, cst.ImportStar)
    )
