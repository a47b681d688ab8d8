"""`ReplacedField`: a function stores a new connection in a field, or global variable, whose own is open (HYG105).

def reconnect(self):
    self.conn = pymysql.connect()        # what the constructor has opened stays open

def rows(self, sql):
    try:
        return self._rows(sql)
    except Exception:                    # a wrong statement, too: then the connection is as good as before
        self.reconnect()
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from dbhygiene.diagnostics.model import Step
from dbhygiene.library.test_files import is_test_file
from dbhygiene.library.words import words
from dbhygiene.lifetimes.fields import assignment_targets, is_seen_elsewhere
from dbhygiene.program.bindings import Place
from dbhygiene.program.callers import callers
from dbhygiene.program.code import nodes_of, own_nodes
from dbhygiene.recovery.errors import PYTHON, ErrorClass, classes_of
from dbhygiene.recovery.handles import bound_variable, handle_of
from dbhygiene.recovery.operations import has_query, of_block
from dbhygiene.recovery.repeated_calls import lost_by_next_call
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION, Function, first_parameter, last_name
from dbhygiene.source.records import Frozen

_FIRST = words("__init__ __new__ __enter__ __aenter__ __post_init__ setUp setUpClass asyncSetUp")
_ENDS = words("close disconnect terminate aclose quit ensure_closed release")
# Classes of a handler that catches the error of a wrong statement, too.
_BROAD = words("Exception BaseException Error MySQLError DatabaseError StandardError")


class ReplacedField(Frozen):
    """How the program comes to store a connection over an open one."""

    title: str
    path: tuple[Step, ...]


class _Field(Frozen):
    file: File
    place: Place
    library: str
    title: str


def replaced_field(
    file: File, birth: ast.Call, *, stays_open: bool, runs_again: Callable[[], bool]
) -> ReplacedField | None:
    """Return how a connection that a function stores replaces an open one; None if that is not known.

    Arguments:
        stays_open: the connection is open and in its place whenever the function returns.
        runs_again: whether the function runs again and again in one process.
    """
    method, made = function_around(file, birth), handle_of(file, birth)
    if method is None or made is None or method.name in _FIRST:
        return None
    found = (
        _find_replacement(file, birth, method, made.library, target, stays_open=stays_open)
        for target in _targets(file, method, birth)
    )
    replaced = next(filter(None, found), None)
    return _replaced_item(file, birth, method, runs_again) if replaced is None and stays_open else replaced


def _replaced_item(
    file: File, birth: ast.Call, method: Function, runs_again: Callable[[], bool]
) -> ReplacedField | None:
    """Return the same for the item of a module's dict: `kept["conn"] = connect()`. No code closes it."""
    for target in assignment_targets(file, birth):
        match target:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant()) if name in file.scope.aliases:
                if name in file.functions[method].bound or is_seen_elsewhere(file, name):
                    return None
                if any(isinstance(above, (ast.If, ast.ExceptHandler, ast.While)) for above in file.around(birth)):
                    return None
                uses = [part for part in file.nodes(ast.Name) if part.id == name and isinstance(part.ctx, ast.Load)]
                if any(part in own_nodes(method) and _is_before(part, target.value) for part in uses):
                    return None
                if not all(_only_uses_item(file, part, target) for part in uses):
                    return None
                calls = lost_by_next_call(file, None, method, is_open_before=False)
                if calls is None and not runs_again():
                    return None
                title = ast.unparse(target)
                return ReplacedField(title, (*(calls or ()), _step(file, birth, f"`{title}` is replaced")))
    return None


def _only_uses_item(file: File, use: ast.Name, item: ast.Subscript) -> bool:
    """Whether a use of a dict only queries on one of its items, or is about another item."""
    above = file.parents.get(use)
    if not isinstance(above, ast.Subscript) or not isinstance(above.slice, ast.Constant):
        return False
    if ast.unparse(above) != ast.unparse(item) or isinstance(above.ctx, ast.Store):
        return True
    reads = file.parents.get(above)
    return isinstance(reads, ast.Attribute) and reads.attr not in _ENDS and isinstance(above.ctx, ast.Load)


def _find_replacement(
    file: File, birth: ast.Call, method: Function, library: str, target: ast.expr, *, stays_open: bool
) -> ReplacedField | None:
    place = bound_variable(file, target)
    if place is None:
        return None
    field = _Field(file, place, library, ast.unparse(target))
    if _looks(field, method, birth):
        return None
    replaces = _step(file, birth, f"`{field.title}` is replaced")
    if not isinstance(place.scope.node, ast.ClassDef):
        calls = _call_while_open(field, method)
        if calls is None and stays_open:
            calls = lost_by_next_call(file, place, method, is_open_before=False)
        return ReplacedField(field.title, (*calls, replaces)) if calls is not None else None
    if not _is_closed_somewhere(field, place.scope.node):
        return None
    first = _first_opening(field, place.scope.node, method)
    calls = _call_while_open(field, method) if first is not None else None
    if calls is None and stays_open:
        calls = lost_by_next_call(file, place, method, is_open_before=first is not None)
    if calls is None and not (first is not None and _is_for_users(file, place.scope.node, method)):
        return None
    opens_first = (_step(file, first, "opens the first connection of each object"),) if first is not None else ()
    return ReplacedField(field.title, (*opens_first, *(calls or ()), replaces))


def _is_for_users(file: File, cls: ast.ClassDef, method: Function) -> bool:
    """Whether only the users of a library call a public method: its own code does not, nor does a framework."""
    if method.name.startswith("_") or method.decorator_list or not file.project.is_distributed or cls.bases:
        return False
    others = (other for other in file.project.files_calling(method.name) if other.is_program)
    return not any(method.name in other.calls for other in (file, *others))


def _step(file: File, node: ast.expr | ast.ExceptHandler, message: str) -> Step:
    return Step(file.path, file.span(node), message)


def _targets(file: File, function: Function, birth: ast.Call) -> Iterator[ast.expr]:
    """Yield the fields of `self`, and the global variables, that an assignment sets to what a call opens."""
    own = first_parameter(function)
    for target in assignment_targets(file, birth):
        match target:
            case ast.Attribute(value=ast.Name(id=name)) if name == own:
                yield target
            case ast.Name(id=name) if name in file.functions[function].globals:
                yield target


def _first_opening(field: _Field, cls: ast.ClassDef, method: Function) -> ast.Call | None:
    """Return the call by which the constructor opens the connection on each path: directly, or by this method."""
    init = next((each for each in cls.body if isinstance(each, FUNCTION) and each.name == "__init__"), None)
    for statement in init.body if init is not None else ():
        match statement:
            case ast.Assign(targets=targets, value=ast.Call() as opened):
                made = handle_of(field.file, opened)
                if any(bound_variable(field.file, each) == field.place for each in targets) and made is not None:
                    return opened
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)) as opened):
                if name == method.name or _stores(field, cls, name):
                    return opened
    return None


def _stores(field: _Field, cls: ast.ClassDef, name: str) -> bool:
    """Whether a method of the class does little but store a connection in the field."""
    found = next((each for each in cls.body if isinstance(each, FUNCTION) and each.name == name), None)
    return found is not None and any(
        isinstance(statement, ast.Assign)
        and any(bound_variable(field.file, each) == field.place for each in statement.targets)
        and handle_of(field.file, statement.value) is not None
        for statement in found.body
    )


def _is_closed_somewhere(field: _Field, cls: ast.ClassDef) -> bool:
    """Whether the class closes what the field holds; if it never does, HYG106 reports that."""
    return any(_ends(field, part) for part in ast.walk(cls))


def _ends(field: _Field, part: ast.AST) -> bool:
    return (
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and part.func.attr in _ENDS
        and bound_variable(field.file, part.func.value) == field.place
    )


def _looks(field: _Field, method: Function, birth: ast.Call) -> bool:
    """Whether a method does anything before that may close the old connection, or finds out whether it is open."""
    if any(isinstance(above, (ast.If, ast.ExceptHandler, ast.While)) for above in field.file.around(birth)):
        return True
    return any(_touches(field, part) for part in own_nodes(method) if _is_before(part, birth))


def _touches(field: _Field, part: ast.AST) -> bool:
    """Whether a node reads the field, or calls a method of the object, which may."""
    match part:
        case ast.Attribute(ctx=ast.Load()) | ast.Name(ctx=ast.Load()):
            return bound_variable(field.file, part) == field.place
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name)):
            return "log" not in name and "print" not in name
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")))):
            return True
    return False


def _is_before(part: ast.AST, other: ast.AST) -> bool:
    return isinstance(part, ast.expr) and isinstance(other, ast.expr) and _position(part) < _position(other)


def _position(expr: ast.expr) -> tuple[int, int]:
    return expr.lineno, expr.col_offset


# -- the calls of the method ------------------------------------------------------------------------------


def _call_while_open(field: _Field, method: Function) -> tuple[Step, ...] | None:
    """Return the call of a method where the connection is open, and those that lead to it; None if none is known."""
    file = field.file
    steps: dict[Function, tuple[Step, ...]] = {method: ()}  # from a function to the method

    def functions_above(called: Function) -> Iterator[Function]:
        for around, call in _calls_in_file(file, called):
            is_decided = any(isinstance(above, (ast.ExceptHandler, ast.If)) for above in file.around(call))
            if not is_decided and not any(_touches(field, p) for p in own_nodes(around) if _is_before(p, call)):
                steps.setdefault(around, (_step(file, call, f"calls `{called.name}`"), *steps[called]))
                yield around

    for called in closure(method, functions_above):
        for around, call in _calls_in_file(file, called):
            if (found := _in_handler(field, around, call)) is not None:
                return *found, *steps[called]
    return None


def _calls_in_file(file: File, method: Function) -> Iterator[tuple[Function, ast.Call]]:
    """Yield the functions of the same file that call a method, and these calls; not where an object is made."""
    for other, call, _ in callers(file, method):
        around = function_around(other, call)
        if other is file and not is_test_file(other) and around is not None and around.name not in _FIRST:
            yield around, call


def _in_handler(field: _Field, function: Function, call: ast.Call) -> tuple[Step, ...] | None:
    """Return the steps to a call in a handler that gets the errors of wrong statements, too."""
    file = field.file
    handler = next((above for above in file.around(call) if isinstance(above, (ast.ExceptHandler, *FUNCTION))), None)
    if not isinstance(handler, ast.ExceptHandler):
        return None
    node = file.parents.get(handler)
    if not isinstance(node, ast.Try) or not any(map(_is_broad, classes_of(file, handler))):
        return None
    if not _asks(field, node) or _catches_statements_before(file, node, handler):
        return None
    parts = [*nodes_of(handler.body)]
    if any(isinstance(part, (ast.If, ast.IfExp, ast.Try, ast.Match)) for part in parts):
        return None  # it may distinguish the errors
    if any(_touches(field, part) for part in parts if part is not call and _is_before(part, call)):
        return None
    caught = _step(file, handler, "also catches SQL errors, after which the connection is still open")
    return caught, _step(file, call, f"calls `{last_name(call.func)}`")


def _is_broad(found: ErrorClass | None) -> bool:
    return found is not None and found.name in _BROAD and (found.is_database or found.library == PYTHON)


def _asks(field: _Field, node: ast.Try) -> bool:
    """Whether the body of a `try` queries on the connection of the field."""
    found = of_block(field.file, node.body).operations
    return has_query(each for each in found if each.library == field.library and each.root == field.place)


def _catches_statements_before(file: File, node: ast.Try, handler: ast.ExceptHandler) -> bool:
    earlier = node.handlers[: node.handlers.index(handler)]
    return any(each is not None and each.name == "ProgrammingError" for h in earlier for each in classes_of(file, h))
