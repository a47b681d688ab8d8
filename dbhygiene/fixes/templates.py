"""`Piece`: code that an edit brings along, as LibCST nodes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, TypeVar, cast

import libcst as cst

from dbhygiene.fixes.targets import EditError

Statement: TypeAlias = "cst.SimpleStatementLine | cst.BaseCompoundStatement"
NodeT = TypeVar("NodeT", cst.BaseExpression, cst.With)

VALUE = "__the_old_value__"  # `$value`, as a name that Python accepts

_ATOMS = (
    *(cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.BaseNumber, cst.SimpleString, cst.FormattedString),
    *(cst.List, cst.Dict, cst.Set, cst.ListComp, cst.SetComp, cst.DictComp, cst.Ellipsis),
)
_CLOSED = (cst.Tuple, cst.Yield, cst.NamedExpr, cst.GeneratorExp)  # want their own parentheses nearly everywhere
_ROOMY = (cst.Arg, cst.Assign, cst.AnnAssign, cst.Return, cst.Expr, cst.WithItem, cst.DictElement, cst.Element)


class Piece(NamedTuple):
    """Statements to be inserted, and the blank lines after them."""

    statements: Sequence[Statement]
    blank: Sequence[cst.EmptyLine]


def piece(code: str) -> Piece:
    """Return these statements; blank lines before the first are its leading lines."""
    module = cst.parse_module(textwrap.dedent(code).rstrip(" \t") + ("" if code.endswith("\n") else "\n"))
    if not module.body:
        raise EditError("there is nothing to insert")
    first, *rest = module.body
    first = first.with_changes(leading_lines=[*module.header, *first.leading_lines])
    return Piece([first, *rest], module.footer)


def pass_statement() -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine([cst.Pass()])


def expression(code: str, value: cst.BaseExpression | None = None) -> cst.BaseExpression:
    """Return an expression, in which `value` takes the place of `$value`."""
    parsed = cst.parse_expression(code.replace("$value", VALUE))
    return _fill(parsed, value)


def items(code: str, value: cst.BaseExpression) -> Sequence[cst.WithItem]:
    """Return the items of a `with`, in which `value` takes the place of `$value`."""
    statement = cst.parse_statement(f"with {code.replace('$value', VALUE)}: pass")
    if not isinstance(statement, cst.With):
        raise EditError("its items are not valid in a `with`")
    return _fill(statement, value).items


def attempt(clause: str, body: cst.IndentedBlock, handler: cst.IndentedBlock) -> cst.Try:
    """Return `try: body` with this clause."""
    statement = cst.parse_statement(f"try:\n    pass\n{clause}:\n    pass\n")
    if not isinstance(statement, cst.Try):
        raise EditError("its clause is not valid in a `try`")
    if statement.finalbody:
        return statement.with_changes(body=body, finalbody=statement.finalbody.with_changes(body=handler))
    return statement.with_changes(body=body, handlers=[statement.handlers[0].with_changes(body=handler)])


def parenthesise(value: cst.BaseExpression, parent: cst.CSTNode | None) -> cst.BaseExpression:
    """Return the expression, with parentheses where it cannot stand in `parent` without."""
    if value.lpar or isinstance(value, _ATOMS):
        return value
    if isinstance(parent, (cst.Assign, cst.AnnAssign, cst.Expr)) and not isinstance(value, cst.NamedExpr):
        return value
    if isinstance(parent, (cst.If, cst.While)) and isinstance(value, cst.Comparison):
        return value
    if isinstance(parent, _ROOMY) and not isinstance(value, _CLOSED):
        return value
    return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _fill(node: NodeT, value: cst.BaseExpression | None) -> NodeT:
    return node if value is None else cast(NodeT, node.visit(_Filler(value)))


class _Filler(cst.CSTTransformer):
    """Puts the value where `$value` stands; the only argument of a call does without its own parentheses."""

    def __init__(self, value: cst.BaseExpression) -> None:
        super().__init__()
        self.value = value
        self.around: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        self.around.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        self.around.pop()
        match updated_node:
            case cst.Name(value=name) if name == VALUE:
                return parenthesise(self.value, self.around[-1] if self.around else None)
            case cst.Call(args=[cst.Arg(value=value) as arg]) if value is self.value and len(value.lpar) == 1:
                if isinstance(value, _CLOSED):
                    return updated_node
                inner = arg.with_changes(
                    value=value.with_changes(lpar=(), rpar=()), whitespace_after_arg=value.rpar[0].whitespace_before
                )
                return updated_node.with_changes(args=[inner], whitespace_before_args=value.lpar[0].whitespace_after)
        return updated_node
