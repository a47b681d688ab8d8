"""`given_fields`: the fields of a named tuple or a dataclass without methods, which only holds its arguments.

Link = namedtuple("Link", "conn cursor")
link = Link(conn, conn.cursor())         # holds the connection as its first field, `conn`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from dbhygiene.library.resources import Element
from dbhygiene.program.definitions import Definition
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Called
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, last_name, without_arguments

_TUPLES = frozenset({"typing.NamedTuple", "typing_extensions.NamedTuple"})
_DATACLASSES = frozenset(
    "dataclasses.dataclass attr.define attr.frozen attr.dataclass attrs.define attrs.frozen attrs.mutable".split()
)


def given_fields(
    file: File, call: ast.Call, definitions: Sequence[Definition]
) -> list[tuple[Element, ast.expr]] | None:
    """Return the fields of a record that a call makes, each with the argument that it holds; None for other calls.

    Arguments:
        definitions: what the call runs, as far as the project defines it.
    """
    fields = _fields(file, call, definitions)
    if fields is None or any(isinstance(arg, ast.Starred) for arg in call.args) or len(call.args) > len(fields):
        return None
    by_name = {field.name: field for field in fields}
    if any(keyword.arg not in by_name for keyword in call.keywords):
        return None
    return [*zip(fields, call.args, strict=False), *((by_name[k.arg], k.value) for k in call.keywords)]


def _fields(file: File, call: ast.Call, definitions: Sequence[Definition]) -> list[Element] | None:
    match definitions:
        case [Definition(node=ast.ClassDef() as cls, file=where)]:
            return _fields_of_class(where, cls)
        case [] if isinstance(call.func, (ast.Name, ast.Attribute)) and "namedtuple" in file.text:
            match evaluate(file, call.func):
                case Called(name="collections.namedtuple", call=ast.Call(args=[_, named, *_])):
                    names = list(_names(named))
                    return [Element(index, name) for index, name in enumerate(names)] or None
    return None


def _fields_of_class(file: File, cls: ast.ClassDef) -> list[Element] | None:
    if cls.keywords or any(isinstance(part, FUNCTION) or _is_no_plain_field(part) for part in cls.body):
        return None
    names = [
        part.target.id for part in cls.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    ]
    match cls.bases, cls.decorator_list:
        case [base], [] if file.resolve(base) in _TUPLES:
            return [Element(index, name) for index, name in enumerate(names)]
        case [], [decorator]:
            made_by = without_arguments(decorator)
            return [Element(None, name) for name in names] if file.resolve(made_by) in _DATACLASSES else None
    return None


def _is_no_plain_field(part: ast.stmt) -> bool:
    """Whether an annotation is of no argument of the constructor, or of one at another place."""
    match part:
        case ast.AnnAssign(value=ast.Call(keywords=given)) if any(each.arg == "init" for each in given):
            return True
        case ast.AnnAssign(annotation=ast.Subscript(value=annotation) | annotation):
            return last_name(annotation) in {"ClassVar", "KW_ONLY", "InitVar"}
    return False


def _names(named: ast.expr) -> Iterator[str]:
    """Yield the fields that `namedtuple` is given: one text, or a list of them."""
    match named:
        case ast.Constant(value=str(text)):
            yield from text.replace(",", " ").split()
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            yield from (str(each.value) for each in elements if isinstance(each, ast.Constant))


def element_value(
    value: ast.expr, element: Element | None, fields: list[tuple[Element, ast.expr]] | None
) -> ast.expr | None:
    """Return what an expression that makes a tuple, a dict or a record puts at one place of it.

    Arguments:
        fields: those of the record that a call makes.
    """
    if element is None:
        return None
    match value:
        case ast.Tuple(elts=elements) if element.position is not None and element.position < len(elements):
            return elements[element.position]
        case ast.Dict(keys=keys, values=values):
            for key, each in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value == element.name:
                    return each
    return next((each for field, each in fields or () if field == element), None)
