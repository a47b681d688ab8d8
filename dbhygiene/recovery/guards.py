"""`IdleCheck`: a test such as `conn.open` as the only guard before a query: it does not show a loss (HYG409).

if conn is None or not conn.open:    # still true after an hour that the server did not survive
    conn = pymysql.connect(...)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes.fields import assignment_targets, constructor_calls
from dbhygiene.program.bindings import Place
from dbhygiene.program.callees import callees
from dbhygiene.program.callers import calls_that_lead_to
from dbhygiene.program.code import calls_in, nodes_of, return_expressions
from dbhygiene.program.definitions import Definition, enclosing_class
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.errors import classes_of, libraries
from dbhygiene.recovery.handles import Root, handle_of
from dbhygiene.recovery.operations import summary
from dbhygiene.source.file import File, function_around, scope_around
from dbhygiene.source.nodes import FUNCTION, Function, Located, last_name, walk
from dbhygiene.source.queries import query, recursive_query
from dbhygiene.source.records import Frozen

_SAYS = frozenset({"open", "closed"})
# Calls of a handler after which the next use opens another connection.
_LETS_GO = frozenset({"close", "connect", "reconnect", "reset", "dispose", "putconn", "ping"})


class IdleCheck(Frozen):
    """A check that sends no query, why the program relies on it, and how sure the finding is."""

    node: Located
    message: str
    handler: ast.ExceptHandler | None = None
    confidence: Confidence = Confidence.CERTAIN
    assignment: ast.Assign | None = None  # of `connections["default"]`: a query may be put before it
    caught: str = "catches an error that cannot occur"  # what the handler does


def idle_guards(file: File) -> Iterator[IdleCheck]:
    """Yield each test of an attribute that does not know of a loss, as the only guard of a connection."""
    seen: set[tuple[ast.AST | None, Root]] = set()
    nodes: list[ast.If | ast.IfExp] = [*file.nodes(ast.If), *file.nodes(ast.IfExp)]
    for node in sorted(nodes, key=lambda each: (each.lineno, each.col_offset)):
        for part in _attributes(file, node.test):
            owner = handle_of(file, part.value)
            loss = loss_of(owner.library) if owner is not None and owner.kind == "connection" else None
            if owner is None or loss is None or part.attr not in loss.asks_nothing:
                continue
            if isinstance(node, ast.If) and _only_closes(file, node, owner.root):
                continue  # of a connection that is lost, nothing is left to close
            place = (function_around(file, node), owner.root)
            if place in seen:
                break
            seen.add(place)
            if not _handles_loss(file, node):
                text = f"`{file.segment(part)}` does not ask the server: a lost connection passes this check"
                yield IdleCheck(part, text, None, _confidence(file, node, owner.root))
            break


def _only_closes(file: File, node: ast.If, root: Root) -> bool:
    """Whether the branches of a test do nothing with a connection but close it."""
    called = [call.func for call in calls_in(nodes_of([*node.body, *node.orelse]))]
    owned = [each for each in called if isinstance(each, ast.Attribute) and _is_root(file, each.value, root)]
    return bool(owned) and all(each.attr == "close" for each in owned)


def _is_root(file: File, expr: ast.expr, root: Root) -> bool:
    held = handle_of(file, expr)
    return held is not None and held.root == root


def _attributes(file: File, test: ast.expr) -> Iterator[ast.Attribute]:
    """Yield the attributes that a test looks at, or that the function looks at whose answer it tests."""
    for part in ast.walk(test):
        if isinstance(part, ast.Attribute) and part.attr in _SAYS:
            yield part
        elif isinstance(part, ast.Call) and _has_answer(file):
            for definition in callees(file, part, scope_around(file, part)).definitions:
                if definition.file is file and isinstance(definition.node, FUNCTION):
                    for value in return_expressions(definition.node):
                        yield from _attributes_in(value)


@query
def _has_answer(file: File) -> bool:
    """Whether a function of a file may return such an attribute: only then does it matter which one a test calls."""
    if not any(each.attr in _SAYS for each in file.nodes(ast.Attribute)):
        return False
    functions = (code for code in file.functions if isinstance(code, FUNCTION))
    return any(any(_attributes_in(value)) for code in functions for value in return_expressions(code))


def _attributes_in(value: ast.expr) -> Iterator[ast.Attribute]:
    return (each for each in ast.walk(value) if isinstance(each, ast.Attribute) and each.attr in _SAYS)


def _confidence(file: File, node: ast.AST, root: Root) -> Confidence:
    """Return LIKELY for a guard that opens the connection of a class or module where it is closed."""
    function = function_around(file, node)
    is_kept = isinstance(root, Place) and isinstance(root.scope.node, (ast.ClassDef, ast.Module))
    if function is None or not is_kept or _has_base(file, function):
        return Confidence.POSSIBLE
    cls = enclosing_class(file, file.functions[function])
    if cls is not None and _ends_soon(cls):
        return Confidence.POSSIBLE
    opens = any(each.verb == "reopens" and each.root == root for each in summary(file, function).operations)
    return Confidence.LIKELY if opens and not _is_recovered_from(file, function) else Confidence.POSSIBLE


@recursive_query(start=False)
def _ends_soon(cls: Definition) -> bool:
    """Whether all objects of a class end with the function that makes them: their connections are not idle for long."""
    made = [(file, call) for file, call in constructor_calls(cls.file, cls) if not is_test_file(file)]
    return bool(made) and all(_is_kept_briefly(file, call) for file, call in made)


def _is_kept_briefly(file: File, call: ast.Call) -> bool:
    """Whether an object is in a variable of a function without a `while` loop, or in an object that ends soon."""
    function = function_around(file, call)
    targets = assignment_targets(file, call)
    if function is None or len(targets) != 1:
        return False
    match targets[0]:
        case ast.Name(id=name) if name not in file.functions[function].globals:
            if any(isinstance(part, (ast.While, ast.Yield, ast.YieldFrom)) for part in walk(function)):
                return False
            named = (part for part in walk(function) if isinstance(part, ast.Name) and part.id == name)
            return all(part is targets[0] or _is_lent(file, part) for part in named)
        case ast.Attribute(value=ast.Name(id="self")):
            owner = enclosing_class(file, file.functions[function])
            return owner is not None and _ends_soon(owner)
    return False


def _is_lent(file: File, read: ast.Name) -> bool:
    """Whether a variable is read for an attribute, or passed to a function of the project."""
    match file.parents.get(read):
        case ast.Attribute() | ast.Compare() | ast.If() | ast.UnaryOp():
            return True
        case ast.Call() as call if call.func is not read:
            found = callees(file, call, scope_around(file, call)).definitions
            functions = [each for each in found if isinstance(each.node, FUNCTION) and each.last_name != "__init__"]
            return 0 < len(functions) == len(found)
    return False


def _handles_loss(file: File, node: ast.AST) -> bool:
    """Whether the function or class around a node recovers from the loss of a connection, or pings."""
    return any(
        _recovers(file, above, node) for above in file.around(node) if isinstance(above, (*FUNCTION, ast.ClassDef))
    )


def _has_base(file: File, function: Function) -> bool:
    """Whether a function is of a class that inherits: what uses its connection, and recovers, may stand in the base."""
    scope = file.functions[function].class_scope
    cls = scope.node if scope is not None else None
    return isinstance(cls, ast.ClassDef) and any(last_name(base) != "object" for base in cls.bases)


def _is_recovered_from(file: File, function: Function) -> bool:
    """Whether a function that calls this one, or one that calls that, may recover from the loss of a connection."""
    for each in calls_that_lead_to(file, function):
        outer = function_around(*each) if each is not None else None
        if each is None or (outer is not None and outer is not function and _recovers(each[0], outer)):
            return True
    return False


def _recovers(file: File, code: Function | ast.ClassDef, guard: ast.AST | None = None) -> bool:
    guarded = set(ast.walk(guard)) if guard is not None else set()
    for part in ast.walk(code):
        if isinstance(part, ast.Attribute) and part.attr == "ping" and part not in guarded:
            return True
        if isinstance(part, ast.ExceptHandler) and (libraries(classes_of(file, part)) or _lets_go(part)):
            return True
    return False


def _lets_go(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(part, ast.Call) and last_name(part.func) in _LETS_GO for part in nodes_of(handler.body))
