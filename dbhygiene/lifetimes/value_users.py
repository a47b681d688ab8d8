"""`ValueUsers`: the functions of a file that use what one variable or field holds.

conn = connect()

def load():
    return conn.execute(sql)     # `load` is one of the `users` of `conn`, and so are its callers
"""

from __future__ import annotations

import ast
import re
from functools import cached_property

from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.cached_functions import cache_of
from dbhygiene.program.classes import class_named
from dbhygiene.program.code import return_expressions
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Code, Function, argument_values

_LOCKS = lazy_pattern(r"lock|mutex", re.IGNORECASE)


def place_of(life: Lifetime) -> Place | None:
    """Return the variable or field that is given what a call opens."""
    target = _target(life)
    return Bindings.of(life.file).place(target) if target is not None else None


def outlives_function(life: Lifetime) -> bool:
    """Whether a function gives what it opens to a variable or field that other functions see."""
    place = place_of(life)
    return place is not None and place.scope is not life.scope


def may_be_shared(life: Lifetime) -> bool:
    """Whether other modules may use what a call opens: it is given to a variable of a module."""
    target = _target(life)
    return target is not None and (life.scope is life.file.scope or life.file.resolve(target) is not None)


def is_kept_by_cache(life: Lifetime) -> bool:
    """Whether a cache keeps what a function of a module opens and returns, for all later calls."""
    file, function = life.file, life.scope.node
    if not isinstance(function, FUNCTION) or cache_of(file, function) is None:
        return False
    if not isinstance(file.parents.get(function), ast.Module) or named_parameters(function):
        return False
    names = {name for name, values in life.scope.aliases.items() if life.birth in values}
    returned = return_expressions(function)
    return any(each is life.birth or (isinstance(each, ast.Name) and each.id in names) for each in returned)


def title_of(life: Lifetime) -> str:
    """Return the name of what a call opens: that of the variable or field that is given it."""
    target = _target(life)
    return life.title if target is None else ast.unparse(target)


def _target(life: Lifetime) -> ast.expr | None:
    around = life.file.parents.get(life.birth)
    if isinstance(around, ast.Await):
        around = life.file.parents.get(around)
    match around:
        case (
            ast.Assign(targets=[ast.Name() | ast.Attribute() as target])
            | ast.AnnAssign(target=ast.Name() | ast.Attribute() as target)
            | ast.withitem(optional_vars=ast.Name() as target)
        ):
            return target
    return None


class ValueUsers:
    """The functions of a file that use what one variable or field holds."""

    def __init__(self, life: Lifetime, place: Place) -> None:
        self.file, self.place, self.is_async = life.file, place, life.resource.is_async
        self.birth = life.birth

    def mentions(self, given: ast.expr) -> bool:
        """Whether an expression mentions the value, or a function that uses it."""
        return any(self.is_value(part) or self._runs_user(part) for part in ast.walk(given))

    def is_value(self, part: ast.AST) -> bool:
        """Whether a node is the variable or field, an object that was made of it, or a list of coroutines with it."""
        if not isinstance(part, (ast.Name, ast.Attribute)):
            return False
        place = Bindings.of(self.file).place(part)
        return place == self.place or (place is not None and place in self._holders)

    @cached_property
    def _holders(self) -> set[Place]:
        """The variables that hold an object of the project made of the value, or a list of such or of coroutines."""
        found: set[Place] = set()
        before = -1
        while before != len(found):
            before = len(found)
            for place, values in Bindings.of(self.file).values.items():
                if place not in found and any(self._holds(each, found) for each in values):
                    found.add(place)
            found |= {place for place, given in self._append_calls if self._holds(given, found)}
        return found

    @cached_property
    def _append_calls(self) -> list[tuple[Place, ast.expr]]:
        bindings = Bindings.of(self.file)
        return [
            (place, call.args[0])
            for call in self.file.calls.get("append", ())
            if isinstance(call.func, ast.Attribute) and len(call.args) == 1
            if (place := bindings.place(call.func.value)) is not None
        ]

    def _holds(self, value: ast.expr, holders: set[Place]) -> bool:
        match value:
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element) | ast.SetComp(elt=element):
                return self._holds(element, holders)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return any(self._holds(each, holders) for each in elements)
            case ast.Call(func=func) if self._makes_holder(func):
                places = map(Bindings.of(self.file).place, argument_values(value))
                return any(place == self.place or (place is not None and place in holders) for place in places)
        return False

    def _makes_holder(self, func: ast.expr) -> bool:
        """Whether a call makes an object of a class of the project; or a coroutine, which has not begun to run."""
        name = self.file.resolve(func)
        if name is not None and class_named(self.file, name) is not None:
            return True
        return self.is_async and isinstance(self.function(func), ast.AsyncFunctionDef)

    def _runs_user(self, part: ast.AST) -> bool:
        """Whether a node names a function, or a method of the same object, that uses the value."""
        return isinstance(part, (ast.Name, ast.Attribute)) and self.function(part) in self.users

    def function(self, named: ast.expr) -> Code | None:
        """Return the function of this file that an expression names."""
        bindings = Bindings.of(self.file)
        match named:
            case ast.Name(id=name):
                owner = bindings.owner(name, self.file.scope_of(named))
                return owner.defined.get(name) if owner is not None else None  # type: ignore[return-value]
            case ast.Attribute(value=ast.Name(id=root), attr=attr):
                owner = bindings.owner(root, self.file.scope_of(named.value))  # type: ignore[arg-type]
                place = bindings.place(named)
                is_own = place is not None and owner is not None and place.scope is owner.class_scope
                return place.scope.defined.get(attr) if is_own and place is not None else None  # type: ignore[return-value]
        return None

    def mention_in(self, given: ast.expr) -> ast.expr | None:
        """Return where an expression names the value, or else what holds it; None if it names neither."""
        named = [part for part in ast.walk(given) if isinstance(part, ast.expr) and self.is_value(part)]
        return min(named, key=lambda part: not self.is_itself(part), default=None)

    def is_itself(self, named: ast.expr) -> bool:
        """Whether an expression is the variable or field itself."""
        return Bindings.of(self.file).place(named) == self.place

    def use_by(self, given: ast.expr) -> tuple[ast.expr, ast.expr] | None:
        """Return the function that an expression names, and where the value is used by it, or by one that it calls."""
        for part in ast.walk(given):
            if isinstance(part, (ast.Name, ast.Attribute)) and (used := self.use_in(self.function(part))) is not None:
                return part, used
        return None

    def use_in(self, code: Code | None) -> ast.expr | None:
        """Return the first use of the value in a function, or else in the functions that it calls."""
        todo = [code] if code in self.users else []
        for each in todo:
            parts = [part for part in self.file.own(each) if isinstance(part, ast.expr)] if each is not None else []
            used = [part for part in parts if self.is_value(part)]
            if used:
                return min(used, key=lambda part: (part.lineno, part.col_offset))
            called = (self.function(part.func) for part in parts if isinstance(part, ast.Call))
            todo += {one: None for one in called if one in self.users and one not in todo}
        return None

    @cached_property
    def users(self) -> set[Code | None]:
        """The functions that use the value without any lock, and those that call one of them."""
        own = self.place.scope.node
        open_ = [code for code in self.file.functions if isinstance(code, FUNCTION) and code is not own]
        unlocked = [code for code in open_ if not _LOCKS.search(self.file.segment(code))]
        found: set[Code | None] = set()
        before = -1
        while before != len(found):
            before = len(found)
            found.update(code for code in unlocked if code not in found and self._uses(code, found))
        return found

    def _uses(self, code: Function, users: set[Code | None]) -> bool:
        if self._stores_another(code):
            return False
        return any(
            self.is_value(part) or (isinstance(part, ast.Call) and self.function(part.func) in users)
            for part in self.file.own(code)
        )

    def _stores_another(self, code: Function) -> bool:
        """Whether a function always gives the variable or field another value before it uses any."""
        for statement in code.body:
            match statement:
                case ast.Assign(targets=targets, value=value) if any(map(self.is_itself, targets)):
                    parts = [*ast.walk(value)]
                    return self.birth not in parts and not any(map(self.is_value, parts))
            if any(map(self.is_value, ast.walk(statement))):
                return False
        return False
