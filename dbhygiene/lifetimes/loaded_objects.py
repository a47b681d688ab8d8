"""`LoadedObjects`: the objects that one function loads from a session, or adds to it, and where they escape.

order = session.get(Order, 1)            # `order` may be an object
total = float(order.total)               # `total` is none
return order                             # here it escapes: this node is in `leaving`
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from dbhygiene.library.resources import ArgumentEffect, Resource
from dbhygiene.lifetimes.effects import FunctionSemantics, FunctionSummaries
from dbhygiene.lifetimes.live_objects import begins
from dbhygiene.lifetimes.names import Names, names_of
from dbhygiene.lifetimes.selected_columns import CHANGES_COLUMNS, asks_for_data, calls_before
from dbhygiene.lifetimes.state import ITSELF, dotted_path
from dbhygiene.lifetimes.transfer.assignments import single_targets
from dbhygiene.pools.sqlalchemy import (
    COLUMNS,
    GIVING_DATA,
    PLAIN_TYPES,
    SETS_OF_OBJECTS,
    TAKING_OBJECTS,
    WITHOUT_OBJECTS,
)
from dbhygiene.program.arguments import bind_arguments, named_parameters
from dbhygiene.program.definitions import Definition, base_classes, constructor, find_definition
from dbhygiene.source.closure import closure
from dbhygiene.source.nodes import FUNCTION, argument_values, last_name
from dbhygiene.source.queries import recursive_query
from dbhygiene.source.records import Record, replace
from dbhygiene.source.scopes import Scope

_PUTTING_IN = frozenset(
    "append add appendleft insert setdefault put put_nowait extend extendleft update __setitem__".split()
)
_PLAIN_CALLS = frozenset("bool float int len str sum".split())
_JOINING = (ast.Add, ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)  # these make a new container of two


class LoadedObjects:
    """The objects of some sessions in one function."""

    def __init__(
        self,
        effects: FunctionSemantics,
        names: Names,
        resource: Resource,
        sessions: Iterable[str],
        held: Collection[str] = (),
        birth: ast.Call | None = None,
    ) -> None:
        self.effects, self.resource, self.birth = effects, resource, birth
        self.file, self.scope, self.code = effects.file, effects.scope, effects.scope.node
        self._own = names
        self._sessions = {*sessions, *_other_names(self.scope, sessions)}
        self._holders = held  # the variables of objects that hold a session
        self.names: set[str] = set()  # the variables that may be an object, or hold one
        self.leaving: dict[ast.AST, None] = {}  # the nodes where one escapes
        before = -1
        while before != len(self.names):  # until no new name is found
            before = len(self.names)
            for node in self._nodes:
                self._look_at(node)

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return self.file.own(self.code)

    # -- one node

    def _look_at(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, node)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._assign(target, value, node)
            case ast.AugAssign(target=target, value=value):
                self._assign(target, value, node)
                if self._is_object(value) and not self._is_container(target):
                    self.leaving[node] = None  # the list may be the caller's
            case (
                ast.For(target=target, iter=value)
                | ast.AsyncFor(target=target, iter=value)
                | ast.comprehension(target=target, iter=value)
            ):
                self._assign(target, value, node)
                if any(isinstance(each, ast.Name) and each.id in self.names for each in single_targets(target)):
                    self._take([value])  # `for order in orders: session.add(order)`
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                if not self._is_session(target):
                    self._assign(target, value, node)
            case (
                ast.Return(value=ast.expr() as value)
                | ast.Yield(value=ast.expr() as value)
                | ast.YieldFrom(value=value)
            ):
                if self._is_object(value):
                    self.leaving[node] = None
            case ast.Raise(exc=ast.Call() as call):
                if any(map(self._is_object, argument_values(call))):
                    self.leaving[node] = None
            case ast.Match(subject=subject, cases=cases) if self._is_object(subject):
                self.names |= {
                    part.name
                    for case in cases
                    for part in ast.walk(case.pattern)
                    if isinstance(part, (ast.MatchAs, ast.MatchStar)) and part.name
                }
            case ast.Call():
                self._call(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                if node is not self.code and used & self.names:
                    self.leaving[node] = None

    def _assign(self, target: ast.expr, value: ast.expr, node: ast.AST) -> None:
        if self._is_relationship(target):
            self._put_in([value], node)
        if not self._is_object(value):
            return
        self._take_constructor_arguments(value)
        for part in single_targets(target):
            root = part
            while isinstance(root, (ast.Attribute, ast.Subscript)):
                root = root.value
            known = isinstance(root, ast.Name) and (root.id in self.names or self._is_own(root.id))
            if isinstance(root, ast.Name) and (known if part is not root else self._is_local(root.id)):
                self.names.add(root.id)
            else:
                self.leaving[node] = None

    def _take_constructor_arguments(self, value: ast.expr) -> None:
        """Add the arguments of a constructor to the session, with the new object: the owner of `Order(owner=owner)`."""
        if isinstance(value, ast.Call) and _is_constructor(value):
            self._take((*value.args, *(k.value for k in value.keywords if k.arg is None or not self._is_column(k.arg))))

    def _take(self, given: Iterable[ast.expr]) -> None:
        """Add these objects to the session."""
        todo = list(given)
        while todo:
            match todo.pop():
                case ast.Name(id=name):
                    if self._is_local(name) and not self._is_plain_parameter(name):
                        self.names.add(name)
                case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
                    todo += parts
                case ast.Starred(value=inner) | ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner):
                    todo.append(inner)
                case ast.Subscript(value=inner):
                    todo.append(inner)
                case ast.Dict(values=parts):
                    todo += parts
                case ast.NamedExpr(target=target, value=inner):
                    todo += (target, inner)
                case ast.IfExp(body=body, orelse=other):
                    todo += (body, other)
                case ast.Call() as call:
                    self._take_constructor_arguments(call)

    def _put_in(self, given: Sequence[ast.expr], node: ast.AST) -> None:
        """Note that objects are put into a relationship, and so into the session: those of the caller escape."""
        parts = (part for each in given for part in _plainly(each))
        if any(isinstance(part, ast.Name) and part.id in self._parameters for part in parts):
            self.leaving[node] = None

    def _call(self, call: ast.Call) -> None:
        func = call.func
        given = argument_values(call)
        if isinstance(func, ast.Attribute) and self._is_session(func.value):
            if func.attr in TAKING_OBJECTS:
                self._take(given)
            return
        for uses, arguments in self._uses_by_helpers(call):
            if uses.keeps:
                self.leaving[call] = None
            self._take(arguments[name] for name in sorted(uses.takes) if name in arguments)
            if uses.takes - arguments.keys():
                self._take(given)  # `def store(session, *orders)`
        if isinstance(func, ast.Attribute) and func.attr in _PUTTING_IN and self._is_object(func.value):
            self._put_in(given, call)  # `owner.orders.append(order)`
        if not any(self._is_object(each) for each in given):
            return
        if begins(self.file, call):
            self.leaving[call] = None  # a thread uses them for as long as it likes
        elif isinstance(func, ast.Attribute) and self._is_object(func.value):
            self._take(given)  # `order.items.append(item)`
        elif isinstance(func, ast.Attribute) and func.attr in _PUTTING_IN and self._is_container(func.value):
            self.names.add(func.value.id)  # type: ignore[attr-defined]
        elif not _is_constructor(call) and self._may_keep(call):
            self.leaving[call] = None  # a new object holds its arguments, and is followed itself

    # -- what an expression is

    def _is_session(self, expr: ast.expr) -> bool:
        return dotted_path(expr) in self._sessions or (self.resource.is_lazy and expr is self.birth)

    def _is_object(self, expr: ast.expr | None) -> bool:
        """Whether the value of an expression may be an object of the session, or hold one, or read one later."""
        match expr:
            case ast.Name(id=name):
                return name in self.names
            case ast.Attribute(value=value, attr=attr):
                if self._is_session(value):
                    return attr in SETS_OF_OBJECTS
                return self._is_object(value) and not self._is_column(attr)
            case ast.Call():
                return self._gives_object(expr)
            case ast.Await(value=inner) | ast.NamedExpr(value=inner) | ast.Starred(value=inner):
                return self._is_object(inner)
            case ast.Subscript(value=inner):
                return self._is_object(inner)
            case ast.BoolOp(values=parts):
                return any(map(self._is_object, parts))
            case ast.IfExp(body=body, orelse=other):
                return self._is_object(body) or self._is_object(other)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return any(map(self._is_object, parts))
            case ast.Dict(keys=keys, values=values):
                return any(map(self._is_object, (*keys, *values)))
            case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part):
                return self._is_object(part)
            case ast.DictComp(key=key, value=value):
                return self._is_object(key) or self._is_object(value)
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _JOINING):
                if isinstance(left, ast.Constant) or isinstance(right, ast.Constant):
                    return False
                return self._is_object(left) or self._is_object(right)
        return False

    def _gives_object(self, call: ast.Call) -> bool:
        func = call.func
        if isinstance(func, ast.Attribute):
            if self._is_session(func.value):
                return func.attr not in WITHOUT_OBJECTS and not asks_for_data(self.scope, call)
            if func.attr in CHANGES_COLUMNS and self._is_asked(func.value):
                is_replaced = func.attr == "with_entities"
                return not asks_for_data(self.scope, call) or (not is_replaced and self._is_object(func.value))
            if self._is_object(func.value):
                return func.attr not in GIVING_DATA
            if self._is_holder(func.value) and not all(map(_gives_plain_values, self.effects.of(call).definitions)):
                return True
        elif self._is_object(func):
            return True
        if any(uses.returns for uses, _ in self._uses_by_helpers(call)):
            return True
        return bool(self._argument_effects(call) - {ArgumentEffect.BORROWS})

    def _is_asked(self, expr: ast.expr) -> bool:
        """Whether an expression is a query of the session, or a result, by a chain of calls or a variable."""
        return any(
            isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and self._is_session(each.func.value)
            for each in closure(expr, lambda each: calls_before(self.scope, each))
        )

    def _is_holder(self, expr: ast.expr) -> bool:
        """Whether an expression is an object of the project that holds a session: `Orders(session)`."""
        match expr:
            case ast.Name(id=name):
                return self.resource.is_lazy and name in self._holders
            case ast.Call():
                return _is_constructor(expr) and any(map(self._is_session, argument_values(expr)))
        return False

    def _uses_by_helpers(self, call: ast.Call) -> Iterator[tuple[_SessionUses, dict[str, ast.expr]]]:
        """Yield what functions of the project do with the objects of a session that they get; and their arguments."""
        if not any(map(self._is_session, argument_values(call))):
            return
        summaries = self.effects.summaries
        for definition, bound in self.effects.of(call).callees:
            made = constructor(definition) if isinstance(definition.node, ast.ClassDef) else definition
            if made is None or not isinstance(made.node, FUNCTION):
                continue
            arguments = bind_arguments(call, made.node, bound=bound or made is not definition)
            sessions = frozenset(name for name, value in arguments.items() if self._is_session(value))
            uses = _uses_of_session(made, sessions, self.resource, summaries)
            if made is not definition:  # the new object keeps them
                uses = replace(uses, keeps=False, returns=uses.keeps)
            yield uses, arguments

    def _may_keep(self, call: ast.Call) -> bool:
        return bool(self._argument_effects(call) & {ArgumentEffect.KEEPS, ArgumentEffect.CLOSES})

    def _argument_effects(self, call: ast.Call) -> set[ArgumentEffect]:
        """Return the possible effects of a call on the objects that are its arguments."""
        effect = self.effects.of(call)
        found: set[ArgumentEffect] = set()
        for position, arg in enumerate(call.args):
            if self._is_object(arg):
                found |= effect.argument_effects(position, None, self.resource, ITSELF, raised=False)
        for keyword in call.keywords:
            if self._is_object(keyword.value):
                found |= effect.argument_effects(None, keyword.arg, self.resource, ITSELF, raised=False)
        return found

    # -- names

    def _is_local(self, name: str) -> bool:
        taken = self.scope.globals | self.scope.nonlocals | self._sessions
        return name in self._bindings and name not in taken and isinstance(self.code, FUNCTION)

    @cached_property
    def _bindings(self) -> set[str]:
        args = {node.arg for node in self._nodes if isinstance(node, ast.arg)}
        stored = {node.id for node in self._nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        return args | stored

    @cached_property
    def _parameters(self) -> set[str]:
        """The parameters that may be objects."""
        if not isinstance(self.code, FUNCTION):
            return set()
        args = self.code.args
        every = (each for each in (*named_parameters(self.code), args.vararg, args.kwarg) if each is not None)
        return {each.arg for each in every if each.annotation is None or not _is_plain(each.annotation)}

    def _is_own(self, name: str) -> bool:
        """Whether a variable only ever holds a new container of this function."""
        names = self._own
        return name in names.containers and name not in names.captured | names.shared

    def _is_container(self, expr: ast.expr) -> bool:
        return isinstance(expr, ast.Name) and self._is_own(expr.id)

    def _is_plain_parameter(self, name: str) -> bool:
        args = (node for node in self._nodes if isinstance(node, ast.arg) and node.arg == name)
        return any(arg.annotation is not None and _is_plain(arg.annotation) for arg in args)

    # -- mapped classes

    def _is_column(self, attr: str) -> bool:
        """Whether an attribute is a column of a mapped class that this function mentions, and nothing else."""
        if attr == "id" or attr.endswith("_id"):
            return True
        found = [kind for cls in self._classes if (kind := _kind(cls, attr)) is not None]
        return bool(found) and all(found)

    def _is_relationship(self, target: ast.expr) -> bool:
        """Whether an attribute of an object, or a slice of it, is known to be more than a column."""
        while isinstance(target, ast.Subscript):
            target = target.value
        if not (isinstance(target, ast.Attribute) and self._is_object(target.value)):
            return False
        kinds = [kind for cls in self._classes if (kind := _kind(cls, target.attr)) is not None]
        return bool(kinds) and not all(kinds)

    @cached_property
    def _classes(self) -> list[Definition]:
        found: dict[ast.AST, Definition] = {}
        for node in self._nodes:
            if isinstance(node, (ast.Name, ast.Attribute)) and last_name(node)[:1].isupper():
                dotted = self.file.resolve(node)
                cls = find_definition(self.file, dotted) if dotted else None
                if cls is not None and isinstance(cls.node, ast.ClassDef):
                    found[cls.node] = cls
        return list(found.values())


def _kind(cls: Definition, attr: str) -> bool | None:
    """Whether an attribute of a mapped class is a column; None if the class does not define it."""
    for each in (cls, *base_classes(cls)):
        for statement in each.node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == attr:
                    return isinstance(value, ast.Call) and last_name(value.func) in COLUMNS
                case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value) if name == attr:
                    if isinstance(value, ast.Call):
                        return last_name(value.func) in COLUMNS
                    return _is_plain(kind)
                case ast.FunctionDef(name=name) if name == attr:
                    return False
    return None


def _plainly(value: ast.expr) -> Iterator[ast.AST]:
    """Yield the parts of an expression, without those of calls: these return new objects."""
    if not isinstance(value, ast.Call):
        yield value
        for part in ast.iter_child_nodes(value):
            yield from _plainly(part)  # type: ignore[arg-type]


def _is_constructor(call: ast.Call) -> bool:
    return last_name(call.func)[:1].isupper()


def _is_plain(annotation: ast.expr) -> bool:
    """Whether an annotation is a plain value's: `str | None`, `Mapped[int]`."""
    words = {last_name(part) for part in ast.walk(annotation) if isinstance(part, (ast.Name, ast.Attribute))}
    quoted = any(isinstance(part, ast.Constant) and part.value is not None for part in ast.walk(annotation))
    return words <= PLAIN_TYPES and not quoted


class _SessionUses(Record):
    """What a function does with the objects of a session that it gets.

    `keeps`: other code may have one when it has returned. `takes`: the parameters that it may add to the session.
    """

    returns: bool = False
    keeps: bool = False
    takes: frozenset[str] = frozenset()


@recursive_query(_SessionUses(), of_run=True)
def _uses_of_session(
    function: Definition, sessions: frozenset[str], resource: Resource, summaries: FunctionSummaries
) -> _SessionUses:
    """Return what a function does with the objects of the sessions that these parameters are."""
    assert isinstance(function.node, FUNCTION)
    effects = summaries.effects(function.file, function.node)
    found = LoadedObjects(effects, names_of(function.file, effects.scope), resource, sessions)
    given_back = [place for place in found.leaving if isinstance(place, (ast.Return, ast.Yield, ast.YieldFrom))]
    args = function.node.args
    parameters = {each.arg for each in (*named_parameters(function.node), args.vararg, args.kwarg) if each is not None}
    return _SessionUses(
        returns=bool(given_back),
        keeps=len(found.leaving) > len(given_back),
        takes=frozenset(found.names & parameters),
    )


def _other_names(scope: Scope, sessions: Iterable[str]) -> set[str]:
    """Return the other variables of a function that may hold one of its sessions."""
    found = set(sessions)
    before = -1
    while before != len(found):
        before = len(found)
        for name, values in scope.aliases.items():
            if any(isinstance(each, ast.Name) and each.id in found for each in values):
                found.add(name)
    return found


def _gives_plain_values(function: Definition) -> bool:
    """Whether a function returns only plain values."""
    if not isinstance(function.node, FUNCTION):
        return False
    scope = function.file.functions[function.node]
    return not scope.yields and all(_is_plain_value(each.value) for each in scope.returns)


def _is_plain_value(value: ast.expr | None) -> bool:
    match value:
        case None | ast.Constant() | ast.JoinedStr() | ast.Compare():
            return True
        case ast.Attribute(attr=attr):
            return attr == "id" or attr.endswith("_id")
        case ast.Call(func=ast.Name(id=name)):
            return name in _PLAIN_CALLS
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in GIVING_DATA
        case ast.Tuple(elts=parts):
            return all(map(_is_plain_value, parts))
    return False
