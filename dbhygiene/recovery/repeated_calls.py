"""`lost_by_next_call`: calls of a function that stores a connection where that of an earlier call is still open.

for day in days:
    orders.load(day)                     # each call opens a connection, and stores it over the one before
orders.close()                           # closes the last one
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from dbhygiene.diagnostics.model import Step
from dbhygiene.library.test_files import is_test_file
from dbhygiene.library.words import words
from dbhygiene.lifetimes.fields import ENDING
from dbhygiene.program.bindings import Place
from dbhygiene.program.callers import callers
from dbhygiene.program.code import own_nodes
from dbhygiene.recovery.handles import bound_variable
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION, LOOP, Code, Function, argument_values, block_of, root_of

_FIRST = words("__init__ __new__ __enter__ __aenter__ __post_init__ setUp setUpClass asyncSetUp")
_ENDS = ENDING | words("release __exit__ __aexit__ __del__")
_DEPTH = 3  # methods of the same object that call each other


def lost_by_next_call(
    file: File, place: Place | None, method: Function, *, is_open_before: bool, depth: int = _DEPTH
) -> tuple[Step, ...] | None:
    """Return the steps to a call of a function that follows another one, without a close in between; None if unknown.

    Arguments:
        place: where the function stores the connection; None: in an item of a dict, of which nothing closes any.
        is_open_before: the constructor opens a connection, too: a single call is enough.
    """
    closers = _closers(place) if place is not None else frozenset()
    is_method = place is not None and isinstance(place.scope.node, ast.ClassDef)
    own = _Ends(file, place, "self" if is_method else "", closers)
    if any(own.may_end(part) for part in own_nodes(method) if isinstance(part, ast.Call)):
        return None
    for other, call, _ in callers(file, method):
        code: Code = function_around(other, call) or other.tree
        if not isinstance(code, FUNCTION) or code.name in _FIRST or is_test_file(other):
            continue
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if is_method and not isinstance(owner, (ast.Name, ast.Attribute)):
            continue
        if any(isinstance(above, (ast.ExceptHandler, ast.If, ast.IfExp)) for above in _within(other, call, code)):
            continue
        ends = _Ends(other, place, ast.unparse(owner) if is_method and owner else "", closers)
        step = Step(other.path, other.span(call), f"calls `{method.name}`")
        if _is_repeated(other, call, code, ends) or (
            is_open_before and not ends.owner_is_self and ends.none_before(call, code)
        ):
            return (step,)
        if depth and ends.owner_is_self and other is file and not any(map(ends.may_end, own_nodes(code))):
            more = lost_by_next_call(file, place, code, is_open_before=is_open_before, depth=depth - 1)
            if more is not None:
                return (*more, step)
    return None


def _within(file: File, node: ast.AST, code: Code) -> Iterator[ast.AST]:
    """Yield the nodes around a node, up to its function."""
    for above in file.around(node):
        if above is code:
            return
        yield above


def _is_repeated(file: File, call: ast.Call, code: Code, ends: _Ends) -> bool:
    """Whether a function makes a call twice, or in a loop that does not stop there, and closes nothing in between."""
    for above in _within(file, call, code):
        if isinstance(above, ast.Try) and above.handlers:
            return False  # an error of the round before may have ended the connection
        if isinstance(above, LOOP):
            inside = [part for statement in above.body for part in ast.walk(statement)]
            stops = any(isinstance(part, (ast.Break, ast.Return)) for part in inside)
            return not stops and not any(part is not call and ends.may_end(part) for part in inside)
    statement = next((above for above in (call, *file.around(call)) if isinstance(above, ast.stmt)), None)
    block = block_of(file.parents[statement], statement) if statement is not None else []
    if not block or statement is None:
        return False
    for later in block[block.index(statement) + 1 :]:
        parts = [*ast.walk(later)]
        if any(_is_same_call(part, call) for part in parts) and isinstance(later, (ast.Expr, ast.Assign, ast.Return)):
            return True
        if isinstance(later, (ast.Return, ast.Raise)) or any(map(ends.may_end, parts)):
            return False
    return False


def _is_same_call(part: ast.AST, call: ast.Call) -> bool:
    return isinstance(part, ast.Call) and ast.unparse(part.func) == ast.unparse(call.func)


class _Ends:
    """What may close a connection, or replace the object that holds it, in the code that calls a method."""

    def __init__(self, file: File, place: Place | None, owner: str, closers: Collection[str]) -> None:
        self._file, self._place, self._owner, self._closers = file, place, owner, closers
        self.owner_is_self = owner in {"self", "cls"}

    def none_before(self, call: ast.Call, code: Code) -> bool:
        """Whether nothing before a call may close it."""
        at = call.lineno, call.col_offset
        before = (part for part in own_nodes(code) if (getattr(part, "lineno", 0), getattr(part, "col_offset", 0)) < at)
        return not any(self.may_end(part) for part in before if not isinstance(part, (ast.Assign, ast.AnnAssign)))

    def may_end(self, part: ast.AST) -> bool:
        match part:
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in self._closers:
                if self._is_place(owner) or ast.unparse(owner) == self._owner:
                    return True
                return not self._owner and (name not in ENDING or self._file.resolve(owner) is not None)
            case ast.Call(func=ast.Name(id=name)) if name in self._closers:
                return True
            case ast.Call():
                return any(self._is_owner(given) for given in argument_values(part))
            case ast.withitem(context_expr=entered):
                return self._is_owner(entered)
            case ast.Assign(targets=targets):
                return any(self._is_rebound(target) for target in targets)
            case ast.For(target=target) | ast.AsyncFor(target=target) | ast.Delete(targets=[target]):
                return self._is_rebound(target)
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
                return self._is_owner(value)
        return False

    def _is_owner(self, expr: ast.expr) -> bool:
        return self._is_place(expr) or (bool(self._owner) and ast.unparse(expr) == self._owner)

    def _is_place(self, expr: ast.expr) -> bool:
        if self._place is None or not isinstance(expr, (ast.Name, ast.Attribute)):
            return False
        return bound_variable(self._file, expr) == self._place

    def _is_rebound(self, target: ast.expr) -> bool:
        if self._is_place(target):
            return True
        root = self._owner.partition(".")[0]
        return bool(root) and any(isinstance(part, ast.Name) and part.id == root for part in _stored(target))


def _stored(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from _stored(part)
    elif isinstance(target, ast.Name):
        yield target
    elif isinstance(target, ast.Attribute) and isinstance(root := root_of(target), ast.Name):
        yield root


def _closers(place: Place) -> frozenset[str]:
    """Return the names of what may close it: its own methods, and functions of its class or module that call them."""
    node = place.scope.node
    functions = [each for each in ast.walk(node) if isinstance(each, FUNCTION)]
    found = set(_ENDS)
    before = -1
    while before != len(found):
        before = len(found)
        for each in functions:
            if each.name not in found and _calls_one(each, found):
                found.add(each.name)
    return frozenset(found)


def _calls_one(function: Function, names: Collection[str]) -> bool:
    for part in ast.walk(function):
        match part:
            case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)) if name in names:
                return True
    return False
