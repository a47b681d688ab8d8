"""Code that runs concurrently, and the values that it shares: threads, pools of threads, tasks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.program.bindings import Bindings
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.scopes import Scope

_THREADS = frozenset({"threading.Thread", "threading.Timer", "asyncio.to_thread"})
_HANDS_OVER = frozenset({"submit", "map", "imap", "imap_unordered", "starmap", "apply_async", "run_in_executor"})
_MAPS = frozenset({"map", "imap", "imap_unordered", "starmap"})
_POOL = re.compile(r"pool|exec|^ex$|loop", re.IGNORECASE)
_GATHER = "asyncio.gather"
_TASKS = frozenset({"asyncio.create_task", "asyncio.ensure_future", _GATHER})
_STATEMENTS = (ast.For, ast.AsyncFor, ast.While)
_LOOPS = (*_STATEMENTS, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


def sharing(file: File, scope: Scope, name: str, birth: ast.Call, *, tasks: bool) -> ast.Call | None:
    """Return the call by which several threads, or tasks, come to use a variable's value at once.

    Such a call starts one of them in each round of a loop, or is the second to start one.
    """
    found = sorted(
        (call for call in file.nodes(ast.Call) if _starts(file, call, tasks) and _hands(file, scope, call, name)),
        key=lambda call: (call.lineno, call.col_offset),
    )
    beside = [call for call in found if not _is_waited_for(file, call)]
    repeated = next((call for call in beside if _is_repeated(file, scope, call, name, birth)), None)
    beside = [call for call in beside if file.resolve(call.func) != _GATHER]
    if repeated is None and len(beside) > 1 and not _are_alternatives(file, *beside[:2]):
        return beside[1]
    return repeated


def _starts(file: File, call: ast.Call, tasks: bool) -> bool:
    """Whether a call starts a thread or submits work to a pool of threads; or, with `tasks`, starts a task."""
    name = file.resolve(call.func)
    if tasks:
        return name in _TASKS or (isinstance(call.func, ast.Attribute) and call.func.attr == "create_task")
    if name in _THREADS:
        return True
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=attr) if attr in _HANDS_OVER:
            return "ThreadPool" in file.text and _POOL.search(owner) is not None
    return False


def _hands(file: File, scope: Scope, call: ast.Call, name: str) -> bool:
    """Whether the started code gets the variable's value: as an argument, or as a name in its scope."""
    return any(_speaks(file, scope, given, name) for given in [*call.args, *(k.value for k in call.keywords)])


def _speaks(file: File, scope: Scope, given: ast.expr, name: str) -> bool:
    return any(
        isinstance(part, ast.Name) and (_is(file, scope, part, name) or _sees(file, scope, part, name))
        for part in ast.walk(given)
    )


def _is(file: File, scope: Scope, part: ast.Name, name: str) -> bool:
    return part.id == name and Bindings.of(file).owner(name, file.scope_of(part)) is scope


def _sees(file: File, scope: Scope, part: ast.Name, name: str) -> bool:
    """Whether a name is that of a function that uses the variable, and no lock."""
    owner = Bindings.of(file).owner(part.id, file.scope_of(part))
    function = owner.defined.get(part.id) if owner is not None else None
    if not isinstance(function, FUNCTION) or function is scope.node or "lock" in file.segment(function).lower():
        return False
    return any(isinstance(each, ast.Name) and _is(file, scope, each, name) for each in ast.walk(function))


def _is_waited_for(file: File, call: ast.Call) -> bool:
    """Whether the next statement runs only after the started code has ended."""
    if file.resolve(call.func) == _GATHER:
        return False
    match file.parents.get(call):
        case ast.Await() | ast.Attribute(attr="result" | "get"):
            return True
    loop = next((outer for outer in _function(file, call) if isinstance(outer, _STATEMENTS)), None)
    return loop is not None and any(
        isinstance(each, ast.Attribute) and each.attr in {"join", "result"} for each in ast.walk(loop)
    )


def _is_repeated(file: File, scope: Scope, call: ast.Call, name: str, birth: ast.Call) -> bool:
    """Whether a call starts several: it maps, or gathers, or lies in a loop that does not make a new value."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in _MAPS:
        return True
    if file.resolve(call.func) == _GATHER:
        speaking = [each for each in call.args if _speaks(file, scope, each, name)]
        return len(speaking) > 1 or any(isinstance(each, ast.Starred) for each in speaking)
    around = {outer for outer in file.around(birth) if isinstance(outer, _LOOPS)}
    return any(isinstance(outer, _LOOPS) and outer not in around for outer in _function(file, call))


def _within(file: File, node: ast.AST, outer: ast.AST) -> bool:
    return any(each is outer for each in file.around(node))


def _function(file: File, node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes around a node, up to its function."""
    for outer in file.around(node):
        if isinstance(outer, (*FUNCTION, ast.Lambda)):
            return
        yield outer


def _are_alternatives(file: File, one: ast.Call, other: ast.Call) -> bool:
    """Whether only one of two calls runs: in the branches of one `if`, or of one `try`."""
    branching = (ast.If, ast.Try, ast.IfExp)
    return any(isinstance(outer, branching) and _within(file, other, outer) for outer in file.around(one))
