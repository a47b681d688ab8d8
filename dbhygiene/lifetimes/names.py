"""`Names`: the variables of one function: which are its own, and which other code can see, too.

global conn                      # `shared`
rows = []                        # `containers`
later(lambda: rows)              # `captured`: rows
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from dbhygiene.library.calls import CONTEXT_MANAGERS, STACKS
from dbhygiene.library.test_files import FIXTURES
from dbhygiene.lifetimes.fastapi import is_dependency
from dbhygiene.lifetimes.fields import is_seen_elsewhere
from dbhygiene.lifetimes.state import Where
from dbhygiene.program import definitions
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, argument_values, walk
from dbhygiene.source.queries import query
from dbhygiene.source.scopes import Scope

_LENDING = CONTEXT_MANAGERS | FIXTURES
_NEW_CONTAINERS = frozenset({"list", "dict", "set", "collections.deque", "collections.defaultdict", "deque"})


class Names:
    """The variables of one function: which are its own, and which other code can see, too."""

    def __init__(
        self,
        *,
        shared: Iterable[str] = (),
        captured: Iterable[str] = (),
        containers: Iterable[str] = (),
        container_fields: Iterable[str] = (),
        inner_fields: Iterable[str] = (),
        stacks: Mapping[str, Where] | None = None,
        lends: bool = False,
        owners: Iterable[str] = ("self", "cls"),
    ) -> None:
        self.shared = frozenset(shared)  # declared global or nonlocal
        self.captured = frozenset(captured)  # read by a function within
        self.inner_fields = frozenset(inner_fields)  # of any object, mentioned by a function within
        self.containers = frozenset(containers)  # only ever bound to a new list, dict or set of this function
        self.container_fields = frozenset(container_fields)  # of its object, only ever bound to such a new one
        self.stacks = stacks or {}  # names of this function's ExitStacks -> the alias of each
        self.lends = lends  # this generator takes its yielded value back
        self.owners = frozenset(owners)  # variables of the object and of its class, whose fields own their values


def names_of(file: File, scope: Scope) -> Names:
    """Return the variables of a function."""
    args = scope.node.args if isinstance(scope.node, FUNCTION) else None
    given = {each.arg for each in walk(args) if isinstance(each, ast.arg)} if args is not None else set()
    return Names(
        shared=(scope.globals - own_globals(file, scope.node)) | scope.nonlocals,
        captured=file.captures.get(scope, ()),
        containers=[
            name
            for name, values in scope.aliases.items()
            if name not in given and all(is_new_container(file, v) for v in values)
        ],
        container_fields=_container_fields(file, scope),
        inner_fields=_inner_fields(scope.node),
        stacks=dict(_stacks(file, scope)),
        lends=_lends(file, scope),
        owners=scope.owners,
    )


@query
def own_globals(file: File, code: ast.AST) -> frozenset[str]:
    """Return the global variables that only this function mentions, and that it sets anew in each call to use them.

    A value that one call leaves in such a variable can do nothing more: the next call drops it.
    """
    scope = file.functions[code]  # type: ignore[index]
    if not scope.globals or file.is_interactive or not isinstance(code, FUNCTION):
        return frozenset()
    first: dict[str, ast.Name] = {}
    for name in (part for part in ast.walk(code) if isinstance(part, ast.Name) and part.id in scope.globals):
        known = first.setdefault(name.id, name)
        if (name.lineno, name.col_offset) < (known.lineno, known.col_offset):
            first[name.id] = name
    everywhere = Counter(p.id for p in file.nodes(ast.Name) if p.id in first and not _is_first_value(file, p))
    own = [part for part in file.own(code) if isinstance(part, ast.Name)]
    here, read = Counter(part.id for part in own), {part.id for part in own if isinstance(part.ctx, ast.Load)}
    calls = (part for part in file.own(code) if isinstance(part, ast.Call))
    given = {arg.id for call in calls for arg in argument_values(call) if isinstance(arg, ast.Name)}  # may keep it
    return frozenset(
        name
        for name, node in first.items()
        if name in read
        and name not in given
        and here[name] == everywhere[name]
        and _is_always_set(file, code, node)
        and name not in file.scope.imports
        and name not in file.scope.defined
        and not is_seen_elsewhere(file, name)
    )


def _is_first_value(file: File, name: ast.Name) -> bool:
    """Whether a name is that of a variable which its module sets to a constant: `conn = None`."""
    match file.parents.get(name):
        case ast.Assign(value=ast.Constant()) as assignment:
            return assignment in file.tree.body
    return False


def _is_always_set(file: File, function: ast.AST, name: ast.Name) -> bool:
    """Whether a variable is the target of an assignment in the function's own block, or in a `try` or `with` there."""
    assignment = file.parents.get(name)
    if not isinstance(name.ctx, ast.Store) or not isinstance(assignment, (ast.Assign, ast.AnnAssign)):
        return False
    around = takewhile(lambda node: node is not function, file.around(assignment))
    return all(isinstance(each, (ast.Try, ast.With)) for each in around)


def _inner_fields(code: ast.AST) -> set[str]:
    """Return the attributes that functions within this one mention."""
    if not isinstance(code, FUNCTION):
        return set()
    inner = [part for part in walk(code) if isinstance(part, (*FUNCTION, ast.Lambda)) and part is not code]
    return {part.attr for each in inner for part in walk(each) if isinstance(part, ast.Attribute)}


def is_new_container(file: File, value: ast.expr) -> bool:
    """Whether a value is a new list, dict or set."""
    match value:
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return True
        case ast.Call(func=func):
            return file.resolve(func) in _NEW_CONTAINERS
    return False


def _container_fields(file: File, scope: Scope) -> frozenset[str]:
    """Return the fields of the object of a method that only ever hold a new list, dict or set of it."""
    cls = scope.class_scope
    return _new_containers(file, cls.node) if cls is not None else frozenset()


@query
def _new_containers(file: File, cls: ast.AST) -> frozenset[str]:
    new: dict[str, bool] = {}
    for statement in cls.body if isinstance(cls, ast.ClassDef) else ():
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            new[statement.targets[0].id] = is_new_container(file, statement.value)
    for part in ast.walk(cls):
        targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
        for target in targets if isinstance(part, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For)) else ():
            for each in ast.walk(target):  # type: ignore[arg-type]
                if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store):
                    value = part.value if isinstance(part, (ast.Assign, ast.AnnAssign)) and each is target else None
                    new[each.attr] = new.get(each.attr, True) and value is not None and is_new_container(file, value)
    return frozenset(name for name, is_new in new.items() if is_new)


def _stacks(file: File, scope: Scope) -> Iterator[tuple[str, Where]]:
    """Yield the names that are bound once, to an ExitStack, each with the alias of the stack: its `with`, or itself."""
    for item in file.own(scope.node):
        match item:
            case ast.withitem(context_expr=ast.Call(func=func), optional_vars=ast.Name(id=name) as target):
                if file.scope_of(target) is scope and file.resolve(func) in STACKS:
                    if len(scope.aliases.get(name, ())) == 2:
                        yield name, item
    for name, values in scope.aliases.items():
        match values:
            case [ast.Call(func=func)] if file.resolve(func) in STACKS:
                yield name, name


def _lends(file: File, scope: Scope) -> bool:
    """Whether a generator keeps what it yields: it is a context manager, or closes the resource afterwards."""
    if not isinstance(scope.node, FUNCTION) or not scope.yields:
        return False
    if any(name in _LENDING for name in definitions.Definition(file, scope.node, scope.name).decorators):
        return True
    yielded: dict[str, int] = {}  # the line from which on it is yielded
    closed: set[str] = set()
    for part in file.own(scope.node):
        if isinstance(part, ast.Yield) and isinstance(part.value, ast.Name):
            yielded[part.value.id] = min(part.lineno, yielded.get(part.value.id, part.lineno))
    for part in ast.walk(scope.node) if yielded else ():
        match part:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="close" | "disconnect" | "ensure_closed")):
                if part.lineno > yielded.get(name, part.lineno):
                    closed.add(name)
    return bool(closed) or (bool(yielded) and is_dependency(file, scope.node))
