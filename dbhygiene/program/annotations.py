"""`declared_value`: the class that an annotation declares for a variable, and the defaults of parameters.

def store(session: Optional[Session] = None): ...    # declared: an `Instance` of Session; default: None
"""

from __future__ import annotations

import ast

from dbhygiene.program.arguments import defaults, is_kwargs, named_parameters
from dbhygiene.program.bindings import Place
from dbhygiene.program.names import canonical_name, project_bases
from dbhygiene.program.values import UNKNOWN, Instance, Value
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.scopes import Scope


def is_record(file: File, scope: Scope) -> bool:
    """Whether the fields of a class are arguments of its constructor: a dataclass, or a class of pydantic or attrs."""
    node = scope.node
    if not isinstance(node, ast.ClassDef):
        return False
    own = len(project_bases(file, scope))
    return (
        bool(node.decorator_list)
        or len(node.bases) > own
        or any(is_record(*base) for base in project_bases(file, scope))
    )


def declared_value(file: File, given: ast.expr | None) -> Value:
    """Return the declared class of a variable whose value is not visible."""
    match given:
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return declared_value(file, left)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            return declared_value(file, inner)
        case ast.Subscript(value=generic):  # `sessionmaker[Session]`
            return declared_value(file, generic)
        case ast.Name() | ast.Attribute():
            name = file.resolve(given)
        case ast.Constant(value=str(quoted)) if quoted.isidentifier():
            name = file.meaning(quoted, file.scope)
        case _:
            return UNKNOWN
    return Instance(canonical_name(file, name)) if name and "." in name else UNKNOWN  # `str` may be any string


def field_annotation(scope: Scope, name: str) -> ast.expr | None:
    """Return the annotation of a field, in the body of its class."""
    for statement in scope.node.body if isinstance(scope.node, ast.ClassDef) else ():
        match statement:
            case ast.AnnAssign(target=ast.Name(id=target), annotation=given) if target == name:
                return given
    return None


def default_of_parameter(place: Place) -> tuple[ast.expr | None, bool] | None:
    """Return the default of a parameter, and whether it is `**options`; None for a variable that is no parameter."""
    node = place.scope.node
    if not isinstance(node, (*FUNCTION, ast.Lambda)):
        return None
    args = node.args
    if is_kwargs(node, place.path):
        return None, True
    if any(each.arg == place.path for each in named_parameters(node)):
        return defaults(node).get(place.path), False
    return (None, False) if args.vararg is not None and args.vararg.arg == place.path else None
