"""`Edit`: one change of a fix, as data, such as `InsertBefore` or `WrapInTry`; `fixes.editor` carries it out.

An edit names its targets by their `Span` in the checked text. Code in an edit names an import in braces,
`{contextlib.closing}(...)`: the editor writes the name as the file spells it, and adds the import if there is none.
`$value` stands for the text of a replaced expression. Text of the user must go through `verbatim`, since it may contain
braces. Code that is inserted beside a statement stays outside of a `with` or `try` that begins or ends with it. If two
of those enclose the same statements, the first one is the inner one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from dbhygiene.source.nodes import Span
from dbhygiene.source.records import Row


class AddKeyword(Row):
    """`f(a)` -> `f(a, name=value)`."""

    call: Span
    name: str
    value: str
    verb: Literal["AddKeyword"] = "AddKeyword"


class SetKeyword(Row):
    """`f(a, name=old)` -> `f(a, name=value)`; `$value` stands for the old one."""

    call: Span
    name: str
    value: str
    verb: Literal["SetKeyword"] = "SetKeyword"


class AddItem(Row):
    """`{k: v}` -> `{k: v, key: value}`; `key` and `value` are code."""

    dict: Span
    key: str
    value: str
    verb: Literal["AddItem"] = "AddItem"


class Replace(Row):
    """Replace an expression by another; `$value` stands for the old one."""

    expression: Span
    code: str
    verb: Literal["Replace"] = "Replace"


class ReplaceItem(Row):
    """`with expression as x:` -> `with items:`; `items` is code, such as `{contextlib.closing}($value) as x, x`."""

    expression: Span
    items: str
    verb: Literal["ReplaceItem"] = "ReplaceItem"


class AddName(Row):
    """`from m import a` -> `from m import a, name`, in sorted order; the editor makes these from names in braces."""

    statement: Span
    name: str
    verb: Literal["AddName"] = "AddName"


class InsertBefore(Row):
    """Statements, on lines of their own, before a statement and the comments right above it.

    Blank lines at either end of `code` are kept, here and in `InsertAfter`.
    """

    statement: Span
    code: str
    verb: Literal["InsertBefore"] = "InsertBefore"


class InsertAfter(Row):
    """Statements, on lines of their own, after a statement."""

    statement: Span
    code: str
    verb: Literal["InsertAfter"] = "InsertAfter"


class InsertFirst(Row):
    """Statements, first in the body of a loop, a function or a `with`; after its docstring."""

    owner: Span
    code: str
    verb: Literal["InsertFirst"] = "InsertFirst"


class Remove(Row):
    """Remove a statement. Its comments stay, unless they are directives of a tool.

    An emptied block gets a `pass`. An emptied `finally` is removed, and so is a `try` without any clause.
    """

    statement: Span
    verb: Literal["Remove"] = "Remove"


class MoveIntoWith(Row):
    """`assign; ...; last` -> `with items: ...; last`, for statements of one block.

    `assign` is replaced by the `with`; `items` is code, such as `{contextlib.closing}($value) as conn`, in which
    `$value` stands for the assigned expression. `is_async` makes it `async with`. Where `last` is `assign`, the body
    is a `pass`.
    """

    assign: Span
    last: Span
    items: str
    is_async: bool = False
    verb: Literal["MoveIntoWith"] = "MoveIntoWith"


class WrapInTry(Row):
    """`first; ...; last` -> `try: first; ...; last` and a clause, for statements of one block.

    `clause` is `finally` or `except BaseException`; `code` is its body. `moved` are statements that `code` stands
    for: they are removed, and their comments go with it. A lone `try` without a `finally` is given one.
    """

    first: Span
    last: Span
    clause: str
    code: str
    moved: tuple[Span, ...] = ()
    verb: Literal["WrapInTry"] = "WrapInTry"


class EditComment(Row):
    """Replace a comment. An empty text removes it, and its line if that contains nothing else.

    A fix with this edit has no edits of other kinds.
    """

    comment: Span
    text: str
    verb: Literal["EditComment"] = "EditComment"


_NOT_A_NAME = "\0"  # after a brace of the user's: no Python text contains one


def verbatim(code: str) -> str:
    """Return code of the user's as a part of an edit's code: none of its braces holds a name that is to be imported."""
    return code.replace("{", "{" + _NOT_A_NAME)


def without_marks(code: str) -> str:
    """Return the code of an edit without the marks of `verbatim`."""
    return code.replace(_NOT_A_NAME, "")


NARROW, WIDE = 100, 120


def widest(lines: Sequence[str], limit: int | None = None) -> int:
    """Return the maximum width of a new line: the project's limit.

    Without one, it is 100, or the width of the file's widest line, up to 120.
    """
    return limit or max(NARROW, min(WIDE, max(map(len, lines), default=0)))


Edit: TypeAlias = (
    "AddKeyword | SetKeyword | AddItem | Replace | ReplaceItem | AddName | InsertBefore | InsertAfter | InsertFirst"
    " | Remove | MoveIntoWith | WrapInTry | EditComment"
)
