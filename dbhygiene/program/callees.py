"""`Callees`: the definitions of the project that a call may run, and whether other code may run, too.

A method may be overridden by any subclass in the project. A method that does nothing is a hook: code that is not
visible may override it. A name may be bound in several branches, and a method may be replaced by an assignment.

    class Repository:
        def open(self): ...              # a hook: `self.open()` may run this, each override, and unknown code
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from dbhygiene.program.arguments import bind_arguments, defaults, has_unpacked, takes_owner
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.classes import lineage
from dbhygiene.program.code import calls_in, own_nodes
from dbhygiene.program.definitions import (
    Definition,
    base_classes,
    derives_from,
    enclosing_class,
    find_definition,
    resolve_step,
)
from dbhygiene.program.hierarchy import (
    is_mixin,
    is_of_family,
    mixins_binding,
    subclasses,
    subclasses_binding,
    without_tests,
)
from dbhygiene.program.names import canonical_name, find_module, parameter_annotation
from dbhygiene.source.closure import leaves
from dbhygiene.source.file import File, module_of_import, scope_around, with_others
from dbhygiene.source.nodes import FUNCTION, Function, first_parameter, is_none, last_name, without_arguments
from dbhygiene.source.queries import query, recursive_query, tables
from dbhygiene.source.records import Record
from dbhygiene.source.scopes import Scope


class Callees(Record):
    """The project's functions and classes that a call may run; `complete`: nothing else may run."""

    definitions: tuple[Definition, ...] = ()
    complete: bool = True


class _Receiver(NamedTuple):
    """The class of the object on which a method is called; `exact`: no subclass of it."""

    cls: Definition
    exact: bool


NONE = Callees(complete=False)


class _Method(NamedTuple):
    """A method that is called on an object of a class."""

    receiver: _Receiver
    name: str


@query
def callees(file: File, call: ast.Call, scope: Scope) -> Callees:
    """Return the functions that a call may run; none if its name is not known."""
    found = _resolve_call(file, call, scope)
    return _method_candidates(file, *found) if isinstance(found, _Method) else found


def may_run(file: File, call: ast.Call, called: Definition, cls: Definition | None = None) -> bool:
    """Whether a call may run a function or a class of the project, or a method of the class `cls`.

    The class of the object is compared first: all functions that a call of a method may run take long to find.
    """
    scope = scope_around(file, call)
    found = _resolve_call(file, call, scope)
    if isinstance(found, _Method) and cls is not None and not is_of_family(cls, found.receiver.cls):
        return False
    return any(each.is_same(called) for each in callees(file, call, scope).definitions)


@query
def _resolve_call(file: File, call: ast.Call, scope: Scope) -> Callees | _Method:
    """Return what a call runs: a method of a class, or these functions."""
    func = call.func
    if (name := file.resolve(func)) is not None and (found := find_definition(file, name)) is not None:
        own = _own_class(file, func.value, name) if isinstance(func, ast.Attribute) else None
        if own is not None and isinstance(found.node, FUNCTION):
            return _Method(_Receiver(own, exact=False), found.node.name)
        return _add_rebindings(file, func, name, found)
    if not isinstance(func, ast.Attribute):
        return NONE
    if name is not None and (own := _own_class(file, func.value, name)) is not None:
        return _Method(_Receiver(own, exact=False), func.attr)  # perhaps a method that only subclasses have
    if is_super(func.value):
        return _super_member(file, func.attr, scope)
    receiver = _receiver(file, func.value)
    return _Method(receiver, func.attr) if receiver is not None else NONE


@query
def find_callees(file: File, dotted: str) -> Callees:
    """Return the functions of an absolute name: a method of a class, or of a subclass; or a function."""
    found = find_definition(file, dotted)
    if found is None:
        return NONE
    owner, _, name = dotted.rpartition(".")
    cls = find_definition(file, owner) if owner else None
    if cls is not None and isinstance(cls.node, ast.ClassDef) and isinstance(found.node, FUNCTION):
        return _method_candidates(file, _Receiver(cls, exact=False), name)
    return _name_candidates(file, dotted, found)


def callee(file: File, call: ast.Call, scope: Scope) -> Definition | None:
    """Return the first of the functions that a call may run: the one that runs unless a subclass overrides it."""
    return next(iter(callees(file, call, scope).definitions), None)


def is_super(expr: ast.expr) -> bool:
    """Whether an expression is `super()`, or `super(Class, self)` for any class."""
    match expr:
        case ast.Call(func=ast.Name(id="super"), args=[] | [_, ast.Name(id="self" | "cls")]):
            return True
    return False


def _own_class(file: File, owner: ast.expr, name: str) -> Definition | None:
    """Return the class of `self` or `cls`, if the method of this absolute name is called on that."""
    if not isinstance(owner, ast.Name):
        return None
    here = _binding_scope(file, owner)
    if here is None or here.class_scope is None:
        return None
    cls = find_definition(file, name.rpartition(".")[0])
    return cls if cls is not None and isinstance(cls.node, ast.ClassDef) else None


def calls_below(file: File, call: ast.Call) -> Iterator[tuple[File, ast.Call]]:
    """Yield the calls in the functions of the project that a call runs, each with its file."""
    for definition in callees(file, call, scope_around(file, call)).definitions:
        if isinstance(definition.node, FUNCTION):
            yield from ((definition.file, each) for each in calls_in(own_nodes(definition.node)))


# -- receivers --------------------------------------------------------------------------------------------


class _Object(NamedTuple):
    """An expression that gives an object; `exact`: the caller knows the call that makes it."""

    file: File
    expr: ast.expr
    exact: bool = True


def _receiver(file: File, expr: ast.expr) -> _Receiver | None:
    """Return the class of the project that an expression is an instance of, whichever value it has."""
    found = [_declared_class(each) for each in leaves(_Object(file, expr), _origins)]
    first = found[0] if found else None
    if first is None or any(each is None or each.cls.node is not first.cls.node for each in found):
        return None
    return _Receiver(first.cls, exact=all(each is not None and each.exact for each in found))


def receiver_class(file: File, expr: ast.expr) -> Definition | None:
    """Return the class of the project that an expression is an instance of."""
    found = _receiver(file, expr)
    return found.cls if found is not None else None


def _declared_class(at: _Object) -> _Receiver | None:
    """Return the class whose constructor an expression calls, or that the annotation of a parameter names."""
    match at.expr:
        case ast.Call(func=func):
            made = _find_class(at.file, func)
            return _Receiver(made, exact=at.exact and not _is_parameter(at.file, func)) if made is not None else None
        case ast.Name(id=name) if (here := _binding_scope(at.file, at.expr)) is not None:
            if (own := _class_of_owner(at.file, here, name)) is not None:
                return _Receiver(own, exact=False)
            given = parameter_annotation(here, name)
            its_class = _find_class(at.file, given) if given is not None else None
            return _Receiver(its_class, exact=False) if its_class is not None else None
    return None


def _class_of_owner(file: File, scope: Scope, name: str) -> Definition | None:
    """Return the class of a method, if a name is that of its `self`."""
    function = scope.node
    if not takes_owner(scope) or not isinstance(function, FUNCTION) or first_parameter(function) != name:
        return None
    if function.decorator_list or scope.aliases.get(name):
        return None  # perhaps a class method, or a value of its own
    return enclosing_class(file, scope)


def _origins(at: _Object) -> list[_Object] | None:
    """Return the expressions that give the same object: the values of a variable, what a function returns.

    An initial None does not count. None if the expression itself says the class, or its values are not known.
    """
    values: Iterable[tuple[File, ast.expr]] = ()
    exact, file = at.exact, at.file
    match at.expr:
        case ast.Call(func=func) if _find_class(file, func) is None:
            values, exact = _returned_values(file, func, ast.FunctionDef), False
        case ast.Await(value=ast.Call(func=func)):
            values, exact = _returned_values(file, func, ast.AsyncFunctionDef), False
        case ast.Name(id=name) as variable:
            here = _binding_scope(file, variable)
            if here is None:
                values = _values_in_module(file, variable)
            elif not _is_given(here, name):
                values = _values_of_variable(file, here, name)
            elif parameter_annotation(here, name) is None:
                values, exact = _constructor_arguments(file, here, name), False
        case ast.Attribute(value=ast.Name() as root, attr=attr):
            known = file.resolve(root)
            owner = find_definition(file, known) if known else None
            if owner is None:
                values = _values_in_module(file, at.expr)
            elif isinstance(owner.node, ast.ClassDef):
                family = (owner, *base_classes(owner), *subclasses_binding(owner, attr))
                values = [(each.file, value) for each in family for value in _field_values(each, attr)]
    return [_Object(where, value, exact) for where, value in values if not is_none(value)] or None


def _binding_scope(file: File, name: ast.Name) -> Scope | None:
    """Return the scope in which a name is bound otherwise than by an import."""
    here: Scope | None = file.scope_of(name)
    while here is not None and name.id not in here.bound:
        here = here.parent
    return here


def _values_in_module(file: File, expr: ast.Name | ast.Attribute) -> list[tuple[File, ast.expr]]:
    """Return the values of a variable of another module."""
    name = file.resolve(expr)
    place = find_module(file, canonical_name(file, name)) if name is not None else None
    if place is None or place[0] is file or len(place[1]) != 1:
        return []
    return _values_of_variable(place[0], place[0].scope, place[1][0])


def _returned_values(file: File, func: ast.expr, kind: type[Function]) -> list[tuple[File, ast.expr]]:
    """Return the values that a function of the project returns: the one object that it keeps, say."""
    name = file.resolve(func)
    found = find_definition(file, name) if name is not None else None
    if found is None or not isinstance(found.node, kind) or is_hook(found.node):
        return []
    scope = found.file.functions[found.node]
    if scope.yields or set(found.decorators) - {"classmethod", "staticmethod"}:
        return []
    given = [part.value for part in scope.returns]
    return [(found.file, value) for value in given if value is not None] if all(given) else []


def _values_of_variable(file: File, scope: Scope, name: str) -> list[tuple[File, ast.expr]]:
    """Return the values that any assignment binds to a variable; none if it is bound in another way, too."""
    values = scope.aliases.get(name, [])
    if len(values) > 1:
        bindings, place = Bindings.of(file), Place(scope, name)
        values = [] if place in bindings.unclear else bindings.values.get(place, [])
    return [(file, value) for value in values]


def _field_values(cls: Definition, attr: str) -> list[ast.expr]:
    """Return the values of `self.attr` in the methods of a class itself, or of `attr` in its body."""
    scope = cls.file.classes.get(cls.name)
    in_body = scope.aliases.get(attr, []) if scope is not None else []
    assigned = attribute_assignments(cls.file).get(attr, ())
    return [*in_body, *(value for owner, value in assigned if cls.file.resolve(owner) == cls.dotted_name)]


_MOST = 20  # calls of one constructor: with more, none of them is evidence


@recursive_query(())
def _constructor_arguments(file: File, scope: Scope, name: str) -> tuple[tuple[File, ast.expr], ...]:
    """Return what the project gives for a parameter of a constructor; none if any of that is not known.

    A test may give a substitute, and does not count. Nor does an object of a subclass, which has its own calls.
    """
    function, cls = scope.node, enclosing_class(file, scope)
    if not isinstance(function, FUNCTION) or function.name != "__init__" or cls is None:
        return ()
    if subclasses(cls):
        return ()
    found: list[tuple[File, ast.expr]] = []
    for other in with_others(file, without_tests(file, file.project.files_calling(cls.last_name))):
        if not other.is_program:
            return ()
        for call in other.calls.get(cls.last_name, ()):
            called = other.resolve(call.func)
            made = find_definition(other, called) if called is not None else None
            if made is None or not made.is_same(cls):
                continue
            if has_unpacked(call) or len(found) == _MOST:
                return ()
            given = bind_arguments(call, function, bound=True).get(name)
            if given is not None:
                found.append((other, given))
            elif (default := defaults(function).get(name)) is None or not is_none(default):
                return ()
    return tuple(found)


def _is_given(scope: Scope, name: str) -> bool:
    """Whether a name is a parameter."""
    args = getattr(scope.node, "args", None)
    return isinstance(args, ast.arguments) and any(
        arg.arg == name for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg) if arg
    )


def _is_parameter(file: File, func: ast.expr) -> bool:
    """Whether a name is a parameter, as the `cls` in `cls()` is."""
    here = _binding_scope(file, func) if isinstance(func, ast.Name) else None
    return here is not None and _is_given(here, func.id)  # type: ignore[attr-defined]


def _find_class(file: File, expr: ast.expr) -> Definition | None:
    """Return the class of the project that an expression names; `X | None`, `Optional[X]` and `"X"` name X."""
    match expr:
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _find_class(file, left)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            return _find_class(file, inner)
    quoted = isinstance(expr, ast.Constant) and isinstance(expr.value, str) and expr.value.isidentifier()
    name = file.meaning(expr.value, file.scope) if quoted else file.resolve(expr)  # type: ignore[attr-defined]
    found = find_definition(file, name) if name else None
    if found is None or not isinstance(found.node, ast.ClassDef):
        return None
    meant = _name_candidates(file, str(name), found) if quoted else _add_rebindings(file, expr, str(name), found)
    return found if meant == Callees((found,)) else None


@tables
def attribute_assignments(file: File) -> Mapping[str, list[tuple[ast.expr, ast.expr]]]:
    """Return attribute -> every owner in a file whose attribute of this name is assigned, with the value."""
    found: dict[str, list[tuple[ast.expr, ast.expr]]] = {}
    for statement in file.nodes(ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Attribute):
                found.setdefault(target.attr, []).append((target.value, statement.value))
            elif isinstance(target, (ast.Tuple, ast.List)):
                for each in target.elts:
                    if isinstance(each, ast.Attribute):
                        found.setdefault(each.attr, []).append((each.value, statement.value))
    for annotated in file.nodes(ast.AnnAssign):
        if isinstance(annotated.target, ast.Attribute) and annotated.value is not None:
            found.setdefault(annotated.target.attr, []).append((annotated.target.value, annotated.value))
    return file.table("attribute_assignments", found, attribute_assignments)


# -- methods ----------------------------------------------------------------------------------------------


def _super_member(file: File, name: str, scope: Scope) -> Callees:
    """Return the functions of `super().name`, which no subclass changes."""
    cls = enclosing_class(file, scope)
    if cls is None:
        return NONE
    for each in base_classes(cls):
        if (member := _member(each, name)) is not None:
            return member
    return NONE


@recursive_query(NONE)
def _method_candidates(file: File, receiver: _Receiver, name: str) -> Callees:
    """Return the functions of a method that this file calls on an object of a class."""
    family = (receiver.cls, *base_classes(receiver.cls))
    found = next((member for each in family if (member := _member(each, name)) is not None), None)
    if found is None and not receiver.exact:
        below = _join([*_overrides_below(receiver.cls, family, name)])
        return Callees(below.definitions, complete=False) if below.definitions else NONE
    if found is None or not found.definitions:
        return NONE
    if not all(isinstance(each.node, FUNCTION) for each in found.definitions):
        return found
    if not receiver.exact:
        found = _join([found, *_overrides_below(receiver.cls, family, name)])
        if any(isinstance(each.node, FUNCTION) and is_hook(each.node) for each in found.definitions):
            found = Callees(found.definitions, complete=False)
    return Callees(found.definitions, complete=False) if _is_replaced(file, receiver, name) else found


def _overrides_below(cls: Definition, family: Iterable[Definition], name: str) -> Iterator[Callees]:
    """Yield the other functions that the method of a class may be, for an object of a subclass."""
    seen: set[ast.AST] = {each.node for each in family}
    for each in subclasses_binding(cls, name):
        seen.add(each.node)
        if (member := _member(each, name)) is not None:
            yield member
    for each in mixins_binding(cls, name):
        if each.node not in seen and (member := _member(each, name)) is not None and is_mixin(cls, each):
            yield member


def _member(cls: Definition, name: str) -> Callees | None:
    """Return the functions of a name in the body of a class itself; None if the name is not bound there."""
    scope = cls.file.classes.get(cls.name)
    if scope is None or name not in scope.bound | scope.imports.keys():
        return None
    return _binding_candidates(cls.file, scope, name)


def is_hook(function: Function) -> bool:
    """Whether a method does nothing by itself, or only raises NotImplementedError: subclasses are to override it."""
    *before, last = function.body
    match last:
        case ast.Raise(exc=ast.expr() as raised):
            return last_name(without_arguments(raised)) == "NotImplementedError"
        case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.Return(value=None | ast.Constant()):
            return all(isinstance(each, ast.Pass) or _is_constant(each) for each in before)
    return False


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_replaced(file: File, receiver: _Receiver, name: str) -> bool:
    """Whether a method is assigned: in the files of its class and those above and below, or in one that names one."""
    files = with_others(file, _files_that_assign(file, receiver, name))
    return any(_is_assigned(each, receiver, name) for each in files)


def _files_that_assign(file: File, receiver: _Receiver, name: str) -> Iterator[File]:
    """Yield the files that may assign the method, by their text."""
    family = lineage(receiver.cls)
    words = {each.last_name for each in family}
    yield from (each.file for each in family)
    if not receiver.exact:
        words |= {each.name for each in file.project.class_texts_below(receiver.cls.last_name)}
        yield from (each.file for each in subclasses_binding(receiver.cls, name))
    others = without_tests(file, file.project.files_setting(name))
    yield from (other for other in others if not words.isdisjoint(other.words) and other.is_program)


def _is_assigned(file: File, receiver: _Receiver, name: str) -> bool:
    """Whether a file assigns to an attribute of this name of the receiver's class, or of an object of it."""
    for owner, _ in attribute_assignments(file).get(name, ()):
        meant = file.resolve(owner)
        cls = find_definition(file, meant) if meant is not None else None
        if cls is None and (assigned := _receiver(file, owner)) is not None:
            cls = assigned.cls
        if cls is not None and isinstance(cls.node, ast.ClassDef) and _is_related(cls, receiver):
            return True
    return False


def _is_related(cls: Definition, receiver: _Receiver) -> bool:
    """Whether a class is that of a receiver, one of its bases, or one below it that the receiver may have."""
    if cls.node is receiver.cls.node or derives_from(receiver.cls, cls):
        return True
    return not receiver.exact and derives_from(cls, receiver.cls)


# -- names ------------------------------------------------------------------------------------------------


def _add_rebindings(file: File, func: ast.expr, name: str, found: Definition) -> Callees:
    """Return the functions of a name, when one of them is known."""
    root = func
    rest: list[str] = []
    while isinstance(root, ast.Attribute):
        rest.insert(0, root.attr)
        root = root.value
    if isinstance(root, ast.Name):
        here: Scope | None = file.scope_of(root)
        while here is not None and root.id not in here.bound and root.id not in here.imports:
            here = here.parent
        if here is not None and root.id in _rivals(file, here):
            return _within(_binding_candidates(file, here, root.id), rest)
    return _name_candidates(file, name, found) if not _is_set(file, func, name) else Callees((found,), complete=False)


def _is_set(file: File, func: ast.expr, name: str) -> bool:
    """Whether this file assigns to a function of a module: `module.function = another`."""
    if not isinstance(func, ast.Attribute):
        return False
    owner = name.rpartition(".")[0]
    return any(file.resolve(each) == owner for each, _ in attribute_assignments(file).get(func.attr, ()))


def _name_candidates(near: File, dotted: str, found: Definition) -> Callees:
    """Return the functions of an absolute name, when one of them is known, through re-exports."""
    return _trace_name(near, dotted) or Callees((found,))


@recursive_query(None)
def _trace_name(near: File, dotted: str) -> Callees | None:
    """Return the functions of an absolute name; None if each part of it is bound only once."""
    while True:
        name, place = resolve_step(near, dotted)
        if place is None:
            return None
        near, (first, *rest) = place
        if "<locals>" in rest:
            return None  # a function within a function has this name only there
        if first in _rivals(near, near.scope) or _is_global(near, first):
            return _within(_binding_candidates(near, near.scope, first), rest)
        if name is None or name == dotted:
            break
        dotted = name
    cls = Definition(near, near.scope.defined[first], first) if first in near.scope.defined else None
    return _within(Callees((cls,)), rest) if cls is not None else None


def _within(outer: Callees, path: list[str]) -> Callees:
    """Return the functions of a path of names that begins in classes."""
    for name in path:
        inner = []
        for each in outer.definitions:
            if not isinstance(each.node, ast.ClassDef):
                return Callees(outer.definitions, complete=False)
            members = (_member(cls, name) for cls in (each, *base_classes(each)))
            inner.append(next((member for member in members if member is not None), NONE))
        outer = _join([Callees((), outer.complete), *inner])
    return outer


def _join(all_: Iterable[Callees]) -> Callees:
    found: dict[ast.AST, Definition] = {}
    complete = True
    for each in all_:
        found.update((definition.node, definition) for definition in each.definitions)
        complete = complete and each.complete
    return Callees(tuple(found.values()), complete)


def _binding_candidates(file: File, scope: Scope, name: str) -> Callees:
    """Return the functions of a name in the scope that binds it."""
    rivals = _rivals(file, scope).get(name)
    if rivals is None:
        rivals = [scope.defined[name]] if name in scope.defined else [*scope.aliases.get(name, ()), None][:1]
    found = _join(_callees_of_binding(file, scope, each) for each in rivals)
    shared = not scope.name and _is_global(file, name)
    return Callees(found.definitions, complete=False) if shared else found


def _callees_of_binding(file: File, scope: Scope, bound: Any) -> Callees:
    """Return the functions of one binding of a name."""
    match bound:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return Callees((Definition(file, bound, scope.inner_name(name)),))
        case ast.Constant(value=None):
            return Callees()  # it cannot be called
        case str(imported):
            meant: str | None = imported
        case ast.Name(id=name) if name in scope.defined and isinstance(scope.node, ast.ClassDef):
            return Callees((Definition(file, scope.defined[name], scope.inner_name(name)),))
        case ast.Name() | ast.Attribute():
            meant = file.resolve(bound)
        case _:
            return NONE
    found = find_definition(file, meant) if meant is not None else None
    return _name_candidates(file, meant, found) if found is not None and meant is not None else NONE


@query
def _is_global(file: File, name: str) -> bool:
    """Whether a function of the file assigns to a name of its module."""
    return name in file.scope.aliases and name in _global_names(file)


@tables
def _global_names(file: File) -> Mapping[str, bool]:
    """Return the names of the module to which functions of the file assign."""
    names = {name: True for scope in file.scopes[1:] for name in scope.globals}
    return file.table("globals", names, _global_names)


@tables
def _rivals(file: File, scope: Scope) -> Mapping[str, list[Any]]:
    """Return the names that may have several bindings at the end of a scope, each with these bindings.

    They are the last binding outside of any branch, and all later ones.
    """
    found: dict[str, list[Any]] = {}
    body = getattr(scope.node, "body", [])
    for name, value, is_sure in _bindings(file, body, is_sure=True) if isinstance(body, list) else ():
        if is_sure:
            found[name] = [value]
        else:
            found.setdefault(name, []).append(value)
    several = {name: values for name, values in found.items() if len(values) > 1}
    return several if scope is not file.scope else file.table("rivals", several, lambda new: _rivals(new, new.scope))


def _bindings(file: File, block: Iterable[ast.stmt], *, is_sure: bool) -> Iterator[tuple[str, Any, bool]]:
    """Yield the names that statements bind, in order, each with a definition, a value, or an imported name."""
    for statement in block:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, statement, is_sure
            case ast.Import(names=names):
                for each in names:
                    first = each.name.partition(".")[0]
                    yield each.asname or first, each.name if each.asname else first, is_sure
            case ast.ImportFrom(names=names):
                origin = module_of_import(file, statement)
                yield from ((each.asname or each.name, f"{origin}.{each.name}", is_sure) for each in names)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        yield target.id, value, is_sure
                    elif isinstance(target, (ast.Tuple, ast.List)):
                        yield from ((part.id, statement, is_sure) for part in target.elts if isinstance(part, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value, is_sure
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=block):
                yield from _bindings(file, block, is_sure=is_sure)
            case _:
                for inner in _blocks(statement):
                    yield from _bindings(file, inner, is_sure=False)


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a compound statement, in the order of the source."""
    for name in ("body", "handlers", "cases", "orelse", "finalbody"):
        for each in getattr(statement, name, ()):
            if isinstance(each, ast.stmt):
                yield [each]
            else:
                yield each.body
