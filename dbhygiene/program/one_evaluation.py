"""`Evaluation`: one evaluation, which follows names, attributes, dicts, calls and modules; see `evaluation`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from dbhygiene.program.annotations import declared_value, default_of_parameter, field_annotation, is_record
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.code import is_generator, return_expressions
from dbhygiene.program.names import canonical_name, find_module, parameter_annotation, project_bases, split_class_path
from dbhygiene.program.values import (
    ANY_TEXT,
    NOTHING,
    UNKNOWN,
    Called,
    Constant,
    Dict,
    Named,
    Text,
    Value,
    as_dict,
    calculate,
    choice_of,
    concatenate,
    dict_with,
    is_text,
    look_up,
    merge_dicts,
    negative,
    options,
    terms,
)
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function
from dbhygiene.source.scopes import Scope

_STEPS = 3000  # per evaluation
_DEPTH = 60  # of expressions within each other
_PATH = 8  # names in a dotted one


class Evaluation:
    """One evaluation, with its limits."""

    def __init__(self) -> None:
        self.steps = 0
        self.active: dict[int, int] = {}  # values under evaluation, numbered: one that needs itself adds nothing
        self.given: dict[Place, Value] = {}  # the arguments of the calls under evaluation
        self.known: dict[int, tuple[Value, int]] = {}  # the value of an expression with these, and its steps
        self.outermost = _DEPTH  # of the values under evaluation that were needed inside of themselves

    @property
    def has_given_up(self) -> bool:
        return self.steps > _STEPS

    def whole(self, ask: Callable[[Evaluation], Value]) -> Value:
        try:
            found = ask(self)
        except RecursionError:
            return UNKNOWN
        return UNKNOWN if found == NOTHING else found

    def read(self, file: File, expr: ast.expr) -> Value:
        key, before = id(expr), self.steps
        found, steps = self.known.get(key, (UNKNOWN, 0))
        if steps and before + steps <= _STEPS:  # so that the value does not become larger than without memory
            self.steps += steps
            return found
        self.steps += 1
        if self.steps > _STEPS or len(self.active) > _DEPTH:
            self.outermost = 0
            return UNKNOWN
        if key in self.active:
            self.outermost = min(self.outermost, self.active[key])
            return NOTHING
        depth, around, self.outermost = len(self.active), self.outermost, _DEPTH
        self.active[key] = depth
        try:
            found = self._read(file, expr)
        finally:
            del self.active[key]
        if self.outermost >= depth:  # it needs nothing that is under evaluation still
            self.known[key] = (found, self.steps - before)
            self.outermost = around
        else:
            self.outermost = min(self.outermost, around)
        return found

    def _read(self, file: File, expr: ast.expr) -> Value:
        match expr:
            case ast.Constant(value=known):
                return Constant(known)
            case ast.JoinedStr(values=parts):
                return concatenate(self._part(file, part) for part in parts)
            case ast.BinOp():
                return self._operation(file, expr)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return choice_of(negative(option) for option in options(self.read(file, operand)))
            case ast.BoolOp(op=op, values=operands):
                return self._either(file, operands, isinstance(op, ast.Or))
            case ast.IfExp(body=body, orelse=other):
                return choice_of([self.read(file, body), self.read(file, other)])
            case ast.Name() | ast.Attribute():
                return self._evaluate_name(file, expr)
            case ast.Subscript(value=owner, slice=key):
                return self._item(file, owner, key)
            case ast.Dict():
                return self._dict(file, expr)
            case ast.Call():
                from dbhygiene.program.call_results import call_result  # most values are no calls

                return call_result(self, file, expr)
            case ast.NamedExpr(value=inner) | ast.Await(value=inner):
                return self.read(file, inner)
        return UNKNOWN

    # -- strings and numbers --------------------------------------------------------------------------

    def _part(self, file: File, part: ast.expr) -> Value:
        match part:
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                return self.read(file, inner)
            case ast.Constant(value=known):
                return Constant(known)
        return ANY_TEXT

    def _operation(self, file: File, expr: ast.BinOp) -> Value:
        if isinstance(expr.op, ast.BitOr):
            return self._union(self.read(file, expr.left), self.read(file, expr.right))
        if isinstance(expr.op, ast.Mod):
            left = self.read(file, expr.left)
            if any(isinstance(option, Text) or is_text(option) for option in options(left)):
                return self._percent(file, left, expr.right)
        if isinstance(expr.op, ast.Add):
            return self._sum([self.read(file, term) for term in terms(expr)])
        return calculate(type(expr.op), self.read(file, expr.left), self.read(file, expr.right))

    @staticmethod
    def _sum(terms: list[Value]) -> Value:
        if any(isinstance(option, Text) or is_text(option) for term in terms for option in options(term)):
            return concatenate(terms)
        found = terms[0]
        for term in terms[1:]:
            found = calculate(ast.Add, found, term)
        return found

    @staticmethod
    def _union(left: Value, right: Value) -> Value:
        if any(isinstance(option, Dict) for side in (left, right) for option in options(side)):
            return merge_dicts(as_dict(left), as_dict(right))
        return UNKNOWN

    def _percent(self, file: File, template: Value, argument: ast.expr) -> Value:
        from dbhygiene.program import strings

        arguments = argument.elts if isinstance(argument, ast.Tuple) else [argument]
        return strings.percent(template, [self.read(file, each) for each in arguments])

    # -- dicts ----------------------------------------------------------------------------------------

    def _dict(self, file: File, expr: ast.Dict) -> Dict:
        found = Dict(file=file, literal=expr)
        for key, item in zip(expr.keys, expr.values, strict=True):
            its_value = self.read(file, item)
            more = as_dict(its_value) if key is None else dict_with(self.read(file, key), its_value)
            items = {**found.items, **more.items}
            found = Dict(items, found.open or more.open, file, expr)
        return found

    def keywords(self, file: File, call: ast.Call) -> Dict:
        found = Dict()
        for keyword in call.keywords:
            its_value = self.read(file, keyword.value)
            found = merge_dicts(found, as_dict(its_value) if keyword.arg is None else Dict({keyword.arg: its_value}))
        return found

    def _item(self, file: File, owner: ast.expr, key: ast.expr) -> Value:
        if file.resolve(owner) == "os.environ":
            return ANY_TEXT
        container, keys = self.read(file, owner), self.read(file, key)
        return look_up(container, keys, UNKNOWN)

    def _either(self, file: File, operands: list[ast.expr], is_or: bool) -> Value:
        found: list[Value] = []
        for operand in operands:
            last = operand is operands[-1]
            for option in options(self.read(file, operand)):
                if isinstance(option, Constant) and not last:
                    if bool(option.value) is is_or:
                        return choice_of([*found, option])
                    continue
                found.append(option)
        return choice_of(found)

    # -- names ----------------------------------------------------------------------------------------

    def _evaluate_name(self, file: File, expr: ast.Name | ast.Attribute) -> Value:
        bindings = Bindings.of(file)
        place = bindings.place(expr)
        found: Value
        if place is not None and (place in bindings.values or place in self.given or place in bindings.unclear):
            found = self._variable(file, place)
        elif (name := file.resolve(expr)) is not None and (known := self._evaluate_dotted(file, name)) is not None:
            found = known
        elif isinstance(expr, ast.Name):
            found = self._variable(file, place) if place else self._evaluate_star_import(file, expr.id)
        else:
            found = self._attribute(self.read(file, expr.value), expr.attr)
        return found if place is None else self._apply_changes(file, place, found)

    def _variable(self, file: File, place: Place) -> Value:
        bindings = Bindings.of(file)
        if isinstance(place.scope.node, ast.ClassDef):
            return self._evaluate_attribute(file, place.scope, place.path)
        found = [self.read(file, expr) for expr in bindings.values.get(place, [])]
        if place in self.given:
            found.append(self.given[place])
        elif (found_as := default_of_parameter(place)) is not None:
            default, is_dict = found_as
            found += (
                [Dict(open=True)] if is_dict else [declared_value(file, parameter_annotation(place.scope, place.path))]
            )
            found += [self.read(file, default)] if default is not None else []
        elif place in bindings.unclear or not found:
            found.append(UNKNOWN)
        return choice_of(found)

    def _apply_changes(self, file: File, place: Place, found: Value) -> Value:
        """Return a value; if it is a dict, with the items that are added later."""
        bindings = Bindings.of(file)
        puts = bindings.puts.get(place, ())
        if not puts:
            if place in bindings.possibly_mutated and isinstance(found, Dict):
                return Dict(found.items, True, found.file, found.literal)
            return found
        changed = as_dict(found)
        for each in puts:
            item = self.read(file, each.value)
            more = as_dict(item) if each.key is None else dict_with(self.read(file, each.key), item)
            changed = merge_dicts(changed, more, changed.literal, changed.file)
        return Dict(changed.items, changed.open or place in bindings.possibly_mutated, changed.file, changed.literal)

    def _evaluate_star_import(self, file: File, name: str) -> Value:
        for star in file.scope.stars:
            other = file.project.module(star, file)
            if other is not None and other is not file:
                scope = other.scope
                if name in scope.bound or name in scope.imports or scope.stars:
                    found = self.member(other, [name])
                    if found != UNKNOWN:
                        return found
        return UNKNOWN

    def _evaluate_dotted(self, file: File, name: str) -> Value | None:
        """Return the value of an absolute name; None if it is a variable of this file that must be evaluated."""
        found = find_module(file, name)
        if found is None:
            return Named(name)
        owner, path = found
        if not path:
            return Named(name)
        return self.member(owner, path)

    def member(self, file: File, path: list[str]) -> Value:
        asked = hash((file.path, *path))
        if asked in self.active:
            self.outermost = min(self.outermost, self.active[asked])
            return NOTHING
        self.steps += 10
        if self.steps > _STEPS or len(path) > _PATH:
            self.outermost = 0
            return UNKNOWN
        self.active[asked] = len(self.active)
        try:
            return self._member(file, path)
        finally:
            del self.active[asked]

    def _member(self, file: File, path: list[str]) -> Value:
        scope, first, rest = file.scope, path[0], path[1:]
        if (its_class := split_class_path(file, path)) is not None:
            scope, rest = its_class
            if not rest:
                return Named(f"{file.module}.{scope.name}")
            return self._attributes(self._evaluate_attribute(file, scope, rest[0]), rest[1:])
        if first in scope.defined:
            return Named(".".join([file.module, *path]))
        if first in scope.imports:
            known = self._evaluate_dotted(file, ".".join([scope.imports[first], *rest]))
            return UNKNOWN if known is None else known
        place = Place(scope, first)
        if first not in scope.bound:
            return self._attributes(self._evaluate_star_import(file, first), rest)
        found = self._apply_changes(file, place, self._variable(file, place))
        for index, attribute in enumerate(rest):
            inner = Place(scope, ".".join(path[: index + 2]))
            bindings = Bindings.of(file)
            found = self._variable(file, inner) if inner in bindings.values else self._attribute(found, attribute)
            found = self._apply_changes(file, inner, found)
        return found

    def _attributes(self, found: Value, path: list[str]) -> Value:
        for name in path:
            found = self._attribute(found, name)
        return found

    def _attribute(self, owner: Value, name: str) -> Value:
        """Return an attribute of an object: of an instance of one of the project's classes, if it can be seen."""
        found: list[Value] = []
        for option in options(owner):
            match option:
                case Constant(value=None):
                    continue  # a variable that is None at first
                case Called(name=maker, file=File() as file):
                    place = find_module(file, canonical_name(file, maker))
                    scope = place[0].classes.get(".".join(place[1])) if place else None
                    found.append(self._evaluate_attribute(place[0], scope, name) if place and scope else UNKNOWN)
                case _:
                    found.append(UNKNOWN)
        return choice_of(found) if found else UNKNOWN

    def _evaluate_attribute(self, file: File, scope: Scope, name: str) -> Value:
        """Return the value of an attribute of a class or of its instances."""
        for where, cls in closure((file, scope), lambda at: project_bases(*at)):
            place, bindings = Place(cls, name), Bindings.of(where)
            if name in cls.defined:
                return self._property(where, cls.defined[name], f"{where.module}.{cls.name}.{name}")
            found = [self.read(where, expr) for expr in bindings.values.get(place, [])]
            if place in bindings.fields and is_record(where, cls):
                found.append(declared_value(where, field_annotation(cls, name)))
            if found:
                return choice_of(found)
        return UNKNOWN

    def _property(self, file: File, definition: ast.AST, name: str) -> Value:
        if isinstance(definition, FUNCTION):
            for decorator in definition.decorator_list:
                if (file.resolve(decorator) or "").rpartition(".")[2] in {"property", "cached_property"}:
                    return self.evaluate_return(file, definition, {})
        return Named(name)

    def evaluate_return(self, file: File, function: Function, arguments: Mapping[str, Value]) -> Value:
        scope = file.functions.get(function)
        if is_generator(function) or scope is None:
            return UNKNOWN
        found = return_expressions(function)
        before, known = self.given, self.known
        self.given, self.known = {**before, **{Place(scope, name): given for name, given in arguments.items()}}, {}
        try:
            return choice_of([self.read(file, expr) for expr in found]) if found else Constant(None)
        finally:
            self.given, self.known = before, known
