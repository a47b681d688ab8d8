"""`Bindings`: an index of what the statements of a file assign to its names, attributes and dict keys.

options = {"pool_size": 5}           # the variable `options` is given a dict
options["pool_recycle"] = 280        # and one `DictChange`: key "pool_recycle", value 280
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from typing import NamedTuple

from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, first_parameter
from dbhygiene.source.queries import query, remembered, tables
from dbhygiene.source.records import Record
from dbhygiene.source.scopes import Scope


class Place(NamedTuple):
    """A variable, or an attribute of one: `options`, `app.config`; `self.f` is `f` of the class."""

    scope: Scope
    path: str


class DictChange(Record):
    """A change to a dict: `d[key] = value`, or `d.update(value)` if there is no key."""

    key: ast.expr | None
    value: ast.expr


_PUTTING = ("update", "from_mapping", "setdefault")


class Bindings:
    """The index of one file, built once."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._values: dict[Place, list[ast.expr]] = defaultdict(list)
        self._puts: dict[Place, list[DictChange]] = defaultdict(list)
        self._explained: Counter[Place] = Counter()
        fields: dict[Place, bool] = {}
        for assign in file.nodes(ast.Assign):
            for target in assign.targets:
                self._bind(target, assign.value)
        for annotated in file.nodes(ast.AnnAssign):
            if annotated.value is not None:
                self._bind(annotated.target, annotated.value)
            elif isinstance(annotated.target, ast.Name):
                self._explained[self._target_place(annotated.target)] += 1
            if isinstance(annotated.target, ast.Name):
                fields[self._target_place(annotated.target)] = True
        for walrus in file.nodes(ast.NamedExpr):
            self._bind(walrus.target, walrus.value)
        for change in file.nodes(ast.AugAssign):
            changed = ast.BinOp(change.target, change.op, change.value)
            self._bind(change.target, ast.copy_location(changed, change))
        for call in (call for name in _PUTTING for call in file.calls.get(name, ())):
            self._method(call)
        for values in self._values.values():
            values.sort(key=lambda expr: (expr.lineno, expr.col_offset))
        for puts in self._puts.values():
            puts.sort(key=lambda put: (put.value.lineno, put.value.col_offset))
        stores = Counter(self._target_place(n) for n in file.nodes(ast.Name) if not isinstance(n.ctx, ast.Load))
        unclear = {place: True for place, count in stores.items() if count > self._explained[place]}
        self.values = file.table("values", self._values, Bindings.of)
        self.puts = file.table("puts", self._puts, Bindings.of)
        # Annotated in a class body: the constructor may set another value.
        self.fields = file.table("fields", fields, Bindings.of)
        # Bound by something other than an assignment, too.
        self.unclear = file.table("unclear", unclear, Bindings.of)

    @staticmethod
    @tables
    def of(file: File) -> Bindings:
        return Bindings(file)

    # -- places ---------------------------------------------------------------------------------------

    def _target_place(self, name: ast.Name) -> Place:
        """Return the variable that an assigned name stands for."""
        scope = self.file.scope_of(name)
        return Place(self.file.scope if name.id in scope.globals else scope, name.id)

    def owner(self, name: str, scope: Scope) -> Scope | None:
        """Return the scope that owns a name, as seen from `scope`."""
        here: Scope | None = scope
        while here is not None:
            if name in here.globals:
                return self.file.scope
            if name in here.bound or name in here.imports:
                return here
            here = here.parent
            while here is not None and isinstance(here.node, ast.ClassDef):
                here = here.parent
        return None

    def place(self, expr: ast.expr) -> Place | None:
        path: list[str] = []
        while isinstance(expr, ast.Attribute):
            path.append(expr.attr)
            expr = expr.value
        if not isinstance(expr, ast.Name):
            return None
        scope = self.file.scope_of(expr)
        owner = self.owner(expr.id, scope)
        if owner is None:
            return None
        path.reverse()
        if path and (its_class := self_class(owner, expr.id)) is not None:
            return Place(its_class, ".".join(path))
        return Place(owner, ".".join([expr.id, *path]))

    @remembered
    def possibly_mutated(self) -> set[Place]:
        """Return the variables that a called function may change. It reads every call, so it is used for dicts only."""
        found: set[Place] = set()
        for call in self.file.nodes(ast.Call):
            given = [argument for argument in call.args if isinstance(argument, (ast.Name, ast.Attribute))]
            if given and not _puts(call) and not self._harmless(call.func):
                found.update(place for argument in given if (place := self.place(argument)) is not None)
        return found

    # -- filling --------------------------------------------------------------------------------------

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Name():
                place = self._target_place(target)
                self._values[place].append(value)
                self._explained[place] += 1
            case ast.Attribute() if (place_ := self.place(target)) is not None:
                self._values[place_].append(value)
            case ast.Subscript(value=owner, slice=key) if (place_ := self.place(owner)) is not None:
                self._puts[place_].append(DictChange(key, value))
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                match value:
                    case ast.Tuple(elts=values) | ast.List(elts=values) if len(values) == len(targets):
                        if not any(isinstance(part, ast.Starred) for part in [*targets, *values]):
                            for one, its_value in zip(targets, values, strict=True):
                                self._bind(one, its_value)

    def _method(self, call: ast.Call) -> None:
        if not isinstance(call.func, ast.Attribute) or not _puts(call) or not (place := self.place(call.func.value)):
            return
        if call.func.attr == "setdefault":
            self._puts[place].append(DictChange(*call.args))
            return
        self._puts[place] += [DictChange(None, value) for value in call.args[:1]]
        for keyword in call.keywords:
            key = None if keyword.arg is None else ast.Constant(keyword.arg)
            self._puts[place].append(DictChange(key, keyword.value))

    def _harmless(self, function: ast.expr) -> bool:
        """Whether a function is outside of the project, and so has no reason to change its arguments."""
        name = self.file.resolve(function)
        if name is None:
            return isinstance(function, ast.Attribute)  # a method of some object: `log.info(options)`
        return not name.startswith(f"{self.file.module}.") and not _is_own(self.file, name.partition(".")[0])


def _puts(call: ast.Call) -> bool:
    """Whether a call is of a method that adds its arguments to a dict."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _PUTTING:
        return False
    return call.func.attr != "setdefault" or len(call.args) == 2


@query
def _is_own(file: File, module: str) -> bool:
    """Whether a module belongs to the project."""
    return file.project.module(module, file) is not None


def self_class(scope: Scope, name: str) -> Scope | None:
    """Return the class whose instance, or itself, `name` is: the first parameter of a method."""
    if scope.class_scope is None or not isinstance(scope.node, FUNCTION):
        return None
    return scope.class_scope if first_parameter(scope.node) == name else None
