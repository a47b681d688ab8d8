"""`TypeInference`: flow-insensitive types of expressions, as far as queries need them.

orders = Order.objects.filter(...)   # QuerySet
order = orders.first()               # ModelInstance
client = Client()                    # ObjectInstance
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from dbhygiene.dataflow.cfg import Loop
from dbhygiene.library import django, opt_in_waits, waits
from dbhygiene.library.test_files import is_test_file
from dbhygiene.library.words import words
from dbhygiene.program import dispatch
from dbhygiene.program.arguments import bind_arguments, named_parameters, takes_owner
from dbhygiene.program.bindings import Bindings, Place, self_class
from dbhygiene.program.callers import callers
from dbhygiene.program.classes import ancestry, class_named, function_named, is_model
from dbhygiene.program.code import return_expressions
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.program.tasks import task_of
from dbhygiene.source.file import File, file_query
from dbhygiene.source.nodes import FUNCTION, Function
from dbhygiene.source.queries import query, recursive_query, tables
from dbhygiene.source.records import Record
from dbhygiene.source.scopes import Scope

_RETURNS = {**django.RETURNS, **opt_in_waits.RETURNS}
_CONTAINERS = words("list set frozenset deque sequence iterable iterator collection asynciterator asynciterable")


class QuerySet(Record):
    """A queryset or a manager: rows that have not been queried."""

    model: str | None = None


class ModelInstance(Record):
    """An instance of a model."""

    model: str | None = None


class ObjectInstance(Record):
    """An instance of another class, by its dotted name; or of one of `others`, if a table decides which."""

    name: str
    others: tuple[str, ...] = ()


InferredType: TypeAlias = "QuerySet | ModelInstance | ObjectInstance"
Source = TypeVar("Source")


class _Tables(NamedTuple):
    """What statements other than assignments say of the variables of a file."""

    items: Mapping[Place, list[ast.expr]]  # bound to the items of these, one by one
    entered: Mapping[Place, list[ast.expr]]  # bound by a `with`
    parts: Mapping[Place, list[tuple[ast.expr, int]]]  # bound to an item of a tuple
    annotations: Mapping[Place, list[ast.expr]]
    added: Mapping[Place, list[ast.expr]]  # added to a container


@tables
def _tables(file: File) -> _Tables:
    made: Any = [defaultdict(list) for _ in _Tables._fields]
    found = _Tables(*made)
    bindings = Bindings.of(file)

    def note(index: Mapping[Place, list[Source]], target: ast.expr, source: Source) -> None:
        if isinstance(target, (ast.Name, ast.Attribute)) and (place := bindings.place(target)) is not None:
            index[place].append(source)

    loops: list[Loop] = [*file.nodes(ast.For), *file.nodes(ast.AsyncFor), *file.nodes(ast.comprehension)]
    for loop in loops:
        note(found.items, loop.target, loop.iter)
    for item in file.nodes(ast.withitem):
        if item.optional_vars is not None:
            note(found.entered, item.optional_vars, item.context_expr)
    for annotated in file.nodes(ast.AnnAssign):
        note(found.annotations, annotated.target, annotated.annotation)
    for call in (call for name in django.ADDS for call in file.calls.get(name, ())):
        if isinstance(call.func, ast.Attribute) and call.args:
            note(found.added, call.func.value, call.args[-1])
    for assign in file.nodes(ast.Assign):
        match assign.targets:
            case [ast.Tuple(elts=parts)] if not any(isinstance(part, ast.Starred) for part in parts):
                for position, part in enumerate(parts):
                    note(found.parts, part, (assign.value, position))
    named: Any = [file.table(name, index, _tables) for name, index in zip(_Tables._fields, made, strict=True)]
    return _Tables(*named)


class TypeInference:
    """The types of the expressions of one file, each inferred once."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._bindings = Bindings.of(file)
        self._items, self._entered, self._parts, self._annotations, self._added = _tables(file)
        self._other_mapper = _names_other_mapper(file)
        self._other_queries = self._other_mapper or _names_sqlalchemy(file)  # they, too, say `order_by`

    @staticmethod
    @query
    def of(file: File) -> TypeInference:
        return TypeInference(file)

    # -- expressions ----------------------------------------------------------------------------------

    def type_of(self, expr: ast.expr) -> InferredType | None:
        return _type_of(self.file, expr)

    def _first(self, exprs: Iterable[ast.expr]) -> InferredType | None:
        return next((found for expr in exprs if (found := self.type_of(expr)) is not None), None)

    def infer(self, expr: ast.expr) -> InferredType | None:
        match expr:
            case ast.Await(value=inner) | ast.NamedExpr(value=inner) | ast.Starred(value=inner):
                return self.type_of(inner)
            case ast.IfExp(body=one, orelse=other):
                return self._first([one, other])
            case ast.BoolOp(values=parts):
                return self._first(parts)
            case ast.BinOp(op=ast.BitOr() | ast.BitAnd(), left=left, right=right):
                found = self._first([left, right])
                return found if isinstance(found, QuerySet) else None
            case ast.Subscript(value=owner, slice=key):
                return self._item(owner, key)
            case ast.Call():
                return self._type_of_call(expr)
            case ast.Name() | ast.Attribute():
                return self._type_of_name(expr)
        return None

    def _item(self, owner: ast.expr, key: ast.expr) -> InferredType | None:
        if self.file.resolve(owner) == django.CONNECTIONS:
            return ObjectInstance(django.CONNECTION)
        found = self.type_of(owner)
        if isinstance(found, QuerySet):
            return found if isinstance(key, ast.Slice) else ModelInstance(found.model)
        if isinstance(key, ast.Constant) and isinstance(key.value, int) and (part := self._part(owner, key.value)):
            return part
        return self.item_of(owner) if not isinstance(key, ast.Slice) else None

    # -- names ----------------------------------------------------------------------------------------

    def _type_of_name(self, expr: ast.Name | ast.Attribute) -> InferredType | None:
        if self.file.resolve(expr) == django.CONNECTION:
            return ObjectInstance(django.CONNECTION)
        place = self._bindings.place(expr)
        if place is not None and (found := self._place(place)) is not None:
            return found
        if isinstance(expr, ast.Name):
            owner = self._bindings.owner(expr.id, self.file.scope_of(expr))
            if owner and (its_class := self_class(owner, expr.id)):
                return self.instance(f"{self.file.module}.{its_class.name}")
            return self._elsewhere(expr)
        return self._attribute(expr) or self._elsewhere(expr)

    def _place(self, place: Place) -> InferredType | None:
        if (found := self._first(self._bindings.values.get(place, ()))) is not None:
            return found
        for iterated in self._items.get(place, ()):
            if (item := self.item_of(iterated)) is not None:
                return item
        for entered in self._entered.get(place, ()):
            if (found := self.type_of(entered)) is not None:
                return found
        for source, position in self._parts.get(place, ()):
            if (found := self._part(source, position)) is not None:
                return found
        for annotation in self._annotations.get(place, ()):
            if (found := self.from_annotation(annotation)) is not None:
                return found
        return self._parameter(place)

    def _part(self, source: ast.expr, position: int) -> InferredType | None:
        """Return an item of a tuple: a literal, an item of a queryset, or a function's result."""
        match source:
            case ast.Await(value=inner):
                return self._part(inner, position)
            case ast.Tuple(elts=parts) if position < len(parts):
                return self.type_of(parts[position])
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in django.ASKS_FOR_PAIR:
                found = self.type_of(owner)
                return ModelInstance(found.model if isinstance(found, QuerySet) else None) if position == 0 else None
            case ast.Call(func=func) if (name := self.file.resolve(func)) is not None:
                function = function_named(self.file, canonical_name(self.file, name))
                for each in return_expressions(function.node) if function else ():
                    if isinstance(each, ast.Tuple) and (found := TypeInference.of(function.file)._part(each, position)):  # type: ignore[union-attr]
                        return found
        return None

    def item_of(self, iterated: ast.expr) -> InferredType | None:
        """Return the type of the items of an iterable."""
        return _type_of_items(self.file, iterated)

    def infer_items(self, iterated: ast.expr) -> InferredType | None:
        match iterated:
            case ast.Call(func=func, args=[first, *_]) if self.file.resolve(func) in django.WRAPPERS - {
                "enumerate",
                "zip",
            }:
                return self.item_of(first)
            case ast.Call(func=func, args=[first, *_]) if self.file.resolve(func) in django.COPIES:
                return self.item_of(first)
            case ast.Call(func=ast.Attribute(value=owner, attr="values" | "copy"), args=[]) if not self.type_of(owner):
                return self.item_of(owner)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return self._common_type(parts)
            case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part):
                return self.type_of(part)
            case ast.Dict(values=parts):
                return self._common_type(parts)
            case ast.DictComp(value=part):
                return self.type_of(part)
        match self.type_of(iterated):
            case QuerySet(model=model) if not _gives_values(iterated):
                return ModelInstance(model)
            case ObjectInstance(name=django.CONNECTIONS):
                return ObjectInstance(django.CONNECTION)
        if isinstance(iterated, ast.Call) and (name := self.file.resolve(iterated.func)) in django.ITEMS:
            return ObjectInstance(django.ITEMS[name])
        if not isinstance(iterated, (ast.Name, ast.Attribute)):
            return None
        return self._item_of_container(iterated) or self._item_by_annotation(iterated)

    def _item_by_annotation(self, container: ast.Name | ast.Attribute) -> InferredType | None:
        """Return the type of the items of a variable, a field or a parameter that is annotated as `list[Order]`."""
        place = self._bindings.place(container)
        if place is None:
            return None
        function = place.scope.node
        parameters = named_parameters(function) if isinstance(function, FUNCTION) else ()
        given = [each.annotation for each in parameters if each.arg == place.path and each.annotation is not None]
        for annotation in (*self._annotations.get(place, ()), *given):
            match annotation:
                case ast.Subscript(value=ast.Name(id=kind) | ast.Attribute(attr=kind), slice=ast.expr() as item):
                    if kind.lower() in _CONTAINERS and not isinstance(item, ast.Tuple):
                        return self.from_annotation(item)
        return None

    def _item_of_container(self, container: ast.Name | ast.Attribute) -> InferredType | None:
        """Return the type of the items that this file adds to a list, a queue or a dict."""
        place = self._bindings.place(container)
        if place is None:
            return None
        displays = (self.item_of(value) for value in self._bindings.values.get(place, ()))
        items = [each for each in displays if each is not None]
        added = [*self._added.get(place, ()), *(put.value for put in self._bindings.puts.get(place, ()) if put.key)]
        items += [each for each in map(self.type_of, added) if each is not None]
        return _one_of(items)

    def _common_type(self, exprs: Iterable[ast.expr]) -> InferredType | None:
        return _one_of([each for each in map(self.type_of, exprs) if each is not None])

    def _parameter(self, place: Place) -> InferredType | None:
        node = place.scope.node
        if not isinstance(node, FUNCTION):
            return None
        for argument in named_parameters(node):
            if argument.arg == place.path:
                if argument.annotation is not None:
                    return self.from_annotation(argument.annotation)
                name = argument.arg
                if name in {"queryset", "qs"} or name.endswith(("_qs", "_queryset")):
                    return QuerySet()
                if self_class(place.scope, name) is not None:
                    return None  # no call gives it: it is the owner of the method
                return self._type_of_arguments(node, name)
        return None

    def _type_of_arguments(self, function: Function, name: str) -> InferredType | None:
        """Return the type of a parameter's arguments in the project's calls of a function, if they agree.

        A test may pass something else than the program does, so it counts only if the program calls nothing.
        """
        found: list[InferredType] = []
        calls = callers(self.file, function)
        for file, call, bound in [each for each in calls if not is_test_file(each[0])] or calls:
            value = bind_arguments(call, function, bound=bound).get(name)
            thing = TypeInference.of(file).type_of(value) if value is not None else None
            if thing is not None:
                found.append(thing)
        from dbhygiene.program.passed_calls import passed_calls  # programs with drivers alone ask for no parameter

        for passed in passed_calls(self.file, function):
            value = bind_arguments(passed.call, function, bound=takes_owner(self.file.functions[function])).get(name)
            if value is not None:
                thing = self.item_of(value) if passed.of_items else self.type_of(value)
                found += [thing] if thing is not None else []
        return _one_of(found)

    def from_annotation(self, annotation: ast.expr) -> InferredType | None:
        match annotation:
            case ast.Constant(value=str(text)):
                try:
                    return self.from_annotation(ast.parse(text, mode="eval").body)
                except SyntaxError:
                    return None
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return self.from_annotation(left) or self.from_annotation(right)
            case ast.Subscript(value=owner, slice=inner):
                name = (self.file.resolve(owner) or "").rpartition(".")[2]
                if name in {"Optional", "Annotated"}:
                    return self.from_annotation(inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
                if name in {"QuerySet", "Manager"}:
                    return QuerySet(self._class_name(inner))
            case ast.Name() | ast.Attribute():
                its_class = self._class_name(annotation)
                if its_class in django.QUERYSETS:
                    return QuerySet()
                return self.instance(its_class) if its_class else None
        return None

    def _class_name(self, expr: ast.expr) -> str | None:
        name = self.file.resolve(expr) if isinstance(expr, (ast.Name, ast.Attribute)) else None
        return canonical_name(self.file, name) if name and name.rpartition(".")[2][:1].isupper() else None

    def instance(self, name: str) -> InferredType:
        """Return an instance of a class."""
        return ModelInstance(name) if is_model(self.file, name) else ObjectInstance(name)

    def _elsewhere(self, expr: ast.Name | ast.Attribute) -> InferredType | None:
        """Return the type of a variable of another module, such as a client that is made once."""
        name = self.file.resolve(expr)
        place = find_module(self.file, canonical_name(self.file, name)) if name else None
        if place is None or len(place[1]) != 1 or place[0] is self.file:
            return None
        other = TypeInference.of(place[0])
        return other._place(Place(place[0].scope, place[1][0]))

    def _attribute(self, expr: ast.Attribute) -> InferredType | None:
        if expr.attr in django.NAMES_OF_MANAGERS:
            return self._manager(expr)
        owner = self.type_of(expr.value)
        match owner:
            case ModelInstance(model=model):
                if expr.attr.endswith("_set"):
                    return QuerySet()
                return self._field(model, expr.attr) if model else None
            case ObjectInstance(name=name):
                return self._field(name, expr.attr) or self._on_the_way(f"{name}.{expr.attr}")
        if self.is_manager_of_model(expr):
            return QuerySet(self._class_name(expr.value))
        return None

    def _on_the_way(self, name: str) -> InferredType | None:
        """Return the type of a part of another library's object, by which a method that waits is called."""
        return ObjectInstance(name) if waits.is_on_the_way(name) else None

    def _manager(self, expr: ast.Attribute) -> InferredType | None:
        if self._other_mapper:
            return None
        match expr.value:
            case ast.Name(id=word) | ast.Attribute(attr=word):
                looks_like_a_class = word[:1].isupper() or word.lower() in {"cls", "model", "klass", "user_model"}
                if looks_like_a_class or word.endswith(("_model", "_class", "__class__")):
                    return QuerySet(self._class_name(expr.value))
            case ast.Call():
                return QuerySet()
        return None

    def is_manager_of_model(self, expr: ast.Attribute) -> bool:
        """Whether an attribute of a class of the project is one of its managers, by another name than `objects`."""
        name = self._class_name(expr.value)
        found = class_named(self.file, name) if name else None
        if name is None or found is None or not is_model(self.file, name):
            return False
        for assigned in Bindings.of(found.file).values.get(Place(found.file.classes[found.name], expr.attr), ()):
            match assigned:
                case ast.Call(
                    func=ast.Attribute(attr="as_manager") | ast.Call(func=ast.Attribute(attr="from_queryset"))
                ):
                    return True
                case ast.Call(func=ast.Name(id=maker) | ast.Attribute(attr=maker)):
                    return "Manager" in maker
        return False

    def _field(self, name: str, attribute: str) -> InferredType | None:
        """Return the type of an attribute of an instance of one of the project's classes."""
        found = class_named(self.file, name)
        for owner, scope in ancestry(found) if found else ():
            place = Place(scope, attribute)
            for assigned in Bindings.of(owner).values.get(place, ()):
                match assigned:
                    case ast.Call(func=ast.Name(id=kind) | ast.Attribute(attr=kind)) if kind.endswith(
                        "ManyToManyField"
                    ):
                        return QuerySet()
                    case ast.Call(func=ast.Name(id=kind) | ast.Attribute(attr=kind), args=args) if kind.endswith(
                        ("ForeignKey", "OneToOneField")
                    ):
                        return TypeInference.of(owner)._related_instance(args, scope)
                if (thing := TypeInference.of(owner).type_of(assigned)) is not None:
                    return thing
            if (thing := TypeInference.of(owner)._place(place)) is not None:
                return thing
        return self._result(f"{name}.{attribute}") if self._is_property(f"{name}.{attribute}") else None

    def _is_property(self, name: str) -> bool:
        """Whether a method of the project's is read like an attribute."""
        function = function_named(self.file, name)
        return function is not None and any(
            function.file.resolve(each) in django.PROPERTIES for each in function.node.decorator_list
        )

    def _related_instance(self, args: list[ast.expr], scope: Scope) -> ModelInstance:
        match args:
            case [ast.Name() | ast.Attribute() as target, *_]:
                return ModelInstance(self._class_name(target))
            case [ast.Constant(value="self"), *_]:
                return ModelInstance(f"{self.file.module}.{scope.name}")
            case [ast.Constant(value=str(target)), *_] if target in self.file.scope.defined:
                return ModelInstance(f"{self.file.module}.{target}")
        return ModelInstance()

    # -- calls ----------------------------------------------------------------------------------------

    def _type_of_call(self, call: ast.Call) -> InferredType | None:
        func = call.func
        if isinstance(func, ast.Call):  # `sync_to_async(f)(...)`
            from dbhygiene.program.thread_wrappers import is_transparent  # few results are called

            match func.args:
                case [inner, *_] if is_transparent(self.file, self.file.resolve(func.func)):
                    return self.type_of(ast.copy_location(ast.Call(inner, call.args, call.keywords), call))
            return self._instance_of_any(func)
        name = self.file.resolve(func)
        if name == "super" and isinstance(func, ast.Name) and (scope := self._class_around(func)) is not None:
            return self.instance(f"{self.file.module}.{scope.name}")
        if isinstance(func, ast.Attribute) and (found := self._method(func)) is not None:
            return found
        if name is None:
            return self._instance_of_any(func)
        if name in {"django.shortcuts.get_object_or_404", "django.shortcuts.aget_object_or_404"}:
            return ModelInstance(self._class_name(call.args[0])) if call.args else ModelInstance()
        return self._result(canonical_name(self.file, name))

    def _instance_of_any(self, func: ast.expr) -> InferredType | None:
        """Return an instance of one of the classes that a table holds, or that another function returns."""
        found = [d.dotted_name for d in dispatch.definitions(self.file, func) if isinstance(d.node, ast.ClassDef)]
        return ObjectInstance(found[0], tuple(found[1:])) if found else None

    def _class_around(self, name: ast.Name) -> Scope | None:
        scope: Scope | None = self.file.scope_of(name)
        while scope is not None and not isinstance(scope.node, FUNCTION):
            scope = scope.parent
        return scope.class_scope if scope else None

    def _method(self, func: ast.Attribute) -> InferredType | None:
        owner = self.type_of(func.value)
        is_container = not isinstance(owner, (QuerySet, ModelInstance)) and func.attr in django.TAKES
        if is_container and (item := self.item_of(func.value)) is not None:
            return item
        match owner:
            case QuerySet(model=model):
                if func.attr in django.ASKS_FOR_ROW:
                    return ModelInstance(model)
                return None if func.attr in django.QUERYSET_ASKS else QuerySet(model)
            case ObjectInstance(name=name):
                return self._result(f"{name}.{func.attr}")
            case ModelInstance(model=str(name)):
                return self._result(f"{name}.{func.attr}")
        if func.attr in {"delay", "apply_async"} and task_of(self.file, func.value) is not None:
            return ObjectInstance("celery.result.AsyncResult")
        if self.is_related(func.value) and func.attr in django.BUILDS:
            return QuerySet()
        if self.is_related(func.value) and func.attr in django.ASKS_FOR_ROW:
            return ModelInstance()
        is_known = owner is None and func.attr in django.DISTINCTIVE & django.BUILDS
        if is_known and not self._other_queries and not _begins_with_query(func.value):
            return QuerySet()
        return None

    def origins(self, variable: ast.Name) -> list[ast.expr]:
        """Return the expressions that a variable, or each item that it takes in turn, comes from."""
        place = self._bindings.place(variable)
        if place is None:
            return []
        return [*self._bindings.values.get(place, ()), *self._items.get(place, ())]

    def is_related(self, expr: ast.expr) -> bool:
        """Whether an expression may be the manager of rows that belong to a row: `row.items`."""
        if not isinstance(expr, ast.Attribute) or not isinstance(row := self.type_of(expr.value), ModelInstance):
            return False
        return self.type_of(expr) is None and not (row.model and self._assigns(row.model, expr.attr))

    def _assigns(self, model: str, attribute: str) -> bool:
        """Whether a model's class assigns a value of its own to an attribute."""
        found = class_named(self.file, model)
        return any(
            Bindings.of(owner).values.get(Place(scope, attribute))
            for owner, scope in (ancestry(found) if found else ())
        )

    def _result(self, name: str) -> InferredType | None:
        """Return the type of the result of a function, by its origin; for a class, its instance."""
        if (made := _RETURNS.get(name) or waits.returned_class(name)) is not None:
            return ObjectInstance(made)
        function = function_named(self.file, name)
        if function is not None:
            node = function.node
            other = TypeInference.of(function.file)
            if node.returns is not None and (found := other.from_annotation(node.returns)) is not None:
                return found
            return other._first(return_expressions(node))
        if name.rpartition(".")[2][:1].isupper():
            return self.instance(name)
        return None


@file_query
def _names_other_mapper(file: File) -> bool:
    return any(mapper in file.text for mapper in django.OTHER_MAPPERS)


@file_query
def _names_sqlalchemy(file: File) -> bool:
    return "sqlalchemy" in file.text


@recursive_query(None)
def _type_of(file: File, expr: ast.expr) -> InferredType | None:
    return TypeInference.of(file).infer(expr)


@recursive_query(None)
def _type_of_items(file: File, iterated: ast.expr) -> InferredType | None:
    return TypeInference.of(file).infer_items(iterated)


def _one_of(things: Collection[InferredType]) -> InferredType | None:
    """Return the type that all of these are; a row of any model if they are rows of several."""
    if len(found := set(things)) == 1:
        return found.pop()
    return ModelInstance() if found and all(isinstance(each, ModelInstance) for each in found) else None


def _begins_with_query(built: ast.expr) -> bool:
    """Whether a chain of calls begins with `session.query(...)`, as SQLAlchemy's do."""
    calls = (part.func for part in ast.walk(built) if isinstance(part, ast.Call))
    return any(isinstance(func, ast.Attribute) and func.attr == "query" for func in calls)


def _gives_values(iterated: ast.expr) -> bool:
    """Whether a queryset yields tuples or dicts instead of rows."""
    return any(isinstance(n, ast.Attribute) and n.attr in {"values", "values_list"} for n in ast.walk(iterated))
