"""`ItemRow`: the items between brackets, and where one more goes so that it looks like its neighbours.

create_engine(                   create_engine(
    url,                ──▶          url,
)                                    pool_pre_ping=True,
                                 )
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeAlias, TypeVar, cast

import libcst as cst

from dbhygiene.source.records import Record

Gap: TypeAlias = cst.BaseParenthesizableWhitespace
ItemT = TypeVar("ItemT", bound="cst.Arg | cst.BaseDictElement | cst.ImportAlias")
ExprT = TypeVar("ExprT", bound=cst.BaseExpression)

NOTHING = cst.SimpleWhitespace("")
SPACE = cst.SimpleWhitespace(" ")


class ItemRow(Record, Generic[ItemT]):
    """Items, and the blanks and comments around them: `gaps[i]` before item `i`, the last before the bracket."""

    items: tuple[ItemT, ...]
    gaps: tuple[Gap, ...]
    trailing_comma: bool

    @classmethod
    def of(cls, items: Sequence[ItemT], opening: Gap, closing: Gap) -> ItemRow[ItemT]:
        """Return the row of these items; a trailing comma's blanks count as those before the bracket."""
        if not items:
            return cls((), (opening,), False)
        commas = [item.comma for item in items]
        inner = [comma.whitespace_after for comma in commas[:-1] if isinstance(comma, cst.Comma)]
        last = commas[-1]
        if not isinstance(last, cst.Comma):
            return cls(tuple(items), (opening, *inner, closing), False)
        after = last.whitespace_after
        return cls(tuple(items), (opening, *inner, closing if after.empty else after), True)

    def insert(self, index: int, item: ItemT) -> ItemRow[ItemT]:
        """Return the row with one more item, before another or at the end; on its own line if the others are."""
        items = (*self.items[:index], item, *self.items[index:])
        if index < len(self.items):
            before, after = _split(self.gaps[index], first=index == 0)
            return ItemRow(items, (*self.gaps[:index], before, after, *self.gaps[index + 1 :]), self.trailing_comma)
        if not self.items:
            return ItemRow(items, (NOTHING, *self.gaps), False)
        closing, separator = self.gaps[-1], self._separator()
        if isinstance(separator, cst.ParenthesizedWhitespace):
            separator = _bare(separator)
            if isinstance(closing, cst.ParenthesizedWhitespace):  # the last item keeps its comment
                separator = separator.with_changes(first_line=closing.first_line, empty_lines=closing.empty_lines)
                closing = _bare(closing)
        return ItemRow(items, (*self.gaps[:-1], separator, closing), self.trailing_comma or self._has_lines)

    @property
    def _has_lines(self) -> bool:
        """Whether there is a single item, of several lines, between brackets on lines of their own."""
        brackets = self.gaps[0], self.gaps[-1]
        return (
            len(self.items) == 1
            and all(isinstance(gap, cst.ParenthesizedWhitespace) for gap in brackets)
            and "\n" in cst.Module([]).code_for_node(self.items[0])
        )

    def _separator(self) -> Gap:
        opening, closing = self.gaps[0], self.gaps[-1]
        if len(self.items) > 1:
            gap = self.gaps[-2]
            return gap if isinstance(gap, cst.ParenthesizedWhitespace) or not gap.value.strip(" \t") else SPACE  # type: ignore[attr-defined]
        if isinstance(opening, cst.ParenthesizedWhitespace) and isinstance(closing, cst.ParenthesizedWhitespace):
            if self._has_lines:
                return opening
            return opening if self.trailing_comma or closing.first_line.comment or closing.empty_lines else SPACE
        return SPACE

    @property
    def opening(self) -> Gap:
        return self.gaps[0]

    @property
    def closing(self) -> Gap:
        """The blanks before the bracket, unless a trailing comma holds them."""
        return NOTHING if self.trailing_comma else self.gaps[-1]

    @property
    def with_commas(self) -> list[ItemT]:
        """The items with their commas."""
        result: list[ItemT] = []
        for item, gap in zip(self.items, self.gaps[1:], strict=True):
            comma: cst.Comma | cst.MaybeSentinel = cst.MaybeSentinel.DEFAULT
            if len(result) < len(self.items) - 1 or self.trailing_comma:
                old = item.comma if isinstance(item.comma, cst.Comma) else cst.Comma()
                comma = old.with_changes(whitespace_after=gap)
            result.append(cast(ItemT, item.with_changes(comma=comma)))
        return result


def _bare(gap: cst.ParenthesizedWhitespace) -> cst.ParenthesizedWhitespace:
    """Return a line break without the comments in it."""
    return gap.with_changes(first_line=cst.TrailingWhitespace(newline=gap.first_line.newline), empty_lines=())


def _split(gap: Gap, *, first: bool) -> tuple[Gap, Gap]:
    """Return the whitespace before and after a new item; comments stay next to their item."""
    if isinstance(gap, cst.ParenthesizedWhitespace):
        return gap.with_changes(empty_lines=()), _bare(gap).with_changes(empty_lines=gap.empty_lines)
    return gap, SPACE if first else gap


def moved_right(value: ExprT, by: int, column: int, indent: int) -> ExprT:
    """Return an expression that moves to the right, with its lines that are aligned with something on the first one.

    Arguments:
        column: where it begins on its first line.
        indent: by how much its statement is indented.
    """
    first = cst.Module([]).code_for_node(value).partition("\n")[0]
    if first.rstrip()[-1:] in "([{":
        return value
    moved = value.visit(_AlignedLines(by, column - indent))
    return cast(ExprT, moved)


class _AlignedLines(cst.CSTTransformer):
    """Moves the lines of an expression that begin to the right of a column."""

    def __init__(self, by: int, column: int) -> None:
        super().__init__()
        self.by, self.column = by, column

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        match updated_node:
            case cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(value=blank)):
                if not blank.strip(" ") and len(blank) > self.column:
                    return updated_node.with_changes(last_line=cst.SimpleWhitespace(blank + " " * self.by))
        return updated_node


def add_argument(call: cst.Call, arg: cst.Arg) -> cst.Call:
    """Return the call with one more argument, the last one except for `**more`."""
    args = list(call.args)
    match args:
        case [cst.Arg(value=cst.GeneratorExp() as only, star="")] if not only.lpar:
            args = [args[0].with_changes(value=only.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))]
    closing = args[-1].whitespace_after_arg if args else NOTHING
    index = len(args)
    while index and args[index - 1].star == "**":
        index -= 1
    bare = [each.with_changes(whitespace_after_arg=NOTHING) for each in args]
    row = ItemRow.of(bare, call.whitespace_before_args, closing).insert(index, arg)
    *rest, last = row.with_commas
    last = last.with_changes(whitespace_after_arg=row.closing)
    return call.with_changes(args=[*rest, last], whitespace_before_args=row.opening)


def one_per_line(call: cst.Call, indent: str) -> cst.Call:
    """Return the call with each argument on a line of its own."""
    line = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(indent))
    *rest, last = [arg.with_changes(whitespace_after_arg=NOTHING) for arg in call.args]
    args = [arg.with_changes(comma=cst.Comma(whitespace_after=line)) for arg in rest]
    end = cst.Comma(whitespace_after=cst.ParenthesizedWhitespace(indent=True))
    return call.with_changes(args=[*args, last.with_changes(comma=end)], whitespace_before_args=line)


def one_name_per_line(node: cst.ImportFrom, indent: str) -> cst.ImportFrom:
    """Return the import with each name on a line of its own, between parentheses."""
    assert not isinstance(node.names, cst.ImportStar)
    line = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(indent))
    last = cst.Comma(whitespace_after=cst.ParenthesizedWhitespace(indent=True))
    names = [name.with_changes(comma=cst.Comma(whitespace_after=line)) for name in node.names]
    names[-1] = names[-1].with_changes(comma=last)
    return node.with_changes(names=names, lpar=cst.LeftParen(whitespace_after=line), rpar=cst.RightParen())


def add_item(node: cst.Dict, key: cst.BaseExpression, value: cst.BaseExpression) -> cst.Dict:
    """Return the dict with one more item, the last."""
    item: cst.BaseDictElement = cst.DictElement(key, value)
    opening, closing = node.lbrace.whitespace_after, node.rbrace.whitespace_before
    row = ItemRow.of(node.elements, opening, closing)
    row = row.insert(len(row.items), item)
    return node.with_changes(
        elements=row.with_commas,
        lbrace=node.lbrace.with_changes(whitespace_after=row.opening),
        rbrace=node.rbrace.with_changes(whitespace_before=row.closing),
    )


def add_name(node: cst.ImportFrom, index: int, name: cst.ImportAlias) -> cst.ImportFrom:
    """Return the import with one more name, before the one at `index`."""
    assert not isinstance(node.names, cst.ImportStar)
    left, right = node.lpar, node.rpar
    opening = left.whitespace_after if left else NOTHING
    closing = right.whitespace_before if right else NOTHING
    row = ItemRow.of(node.names, opening, closing).insert(index, name)
    if left and right:
        left = left.with_changes(whitespace_after=row.opening)
        right = right.with_changes(whitespace_before=row.closing)
    return node.with_changes(names=row.with_commas, lpar=left, rpar=right)
