"""`EventUse`: an event that uses a connection which the program opened once and keeps; hours may pass between two.

_conn = None

def connection():
    global _conn
    if _conn is None:
        _conn = pymysql.connect(...)     # opened once, and used at each event from then on
    return _conn
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from dbhygiene.gaps.application_fields import ApplicationField, application_field, kept_by_application
from dbhygiene.gaps.callbacks import callbacks
from dbhygiene.gaps.duration import FOR_EVER
from dbhygiene.gaps.jobs import is_scheduled, jobs
from dbhygiene.library import server_calls as library
from dbhygiene.library.entry_points import RERUN
from dbhygiene.library.request_handlers import handler
from dbhygiene.lifetimes import Lifetime
from dbhygiene.lifetimes.fields import Field
from dbhygiene.lifetimes.value_users import is_kept_by_cache, place_of
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.callees import callees
from dbhygiene.program.callers import callers
from dbhygiene.program.code import return_expressions
from dbhygiene.program.definitions import Definition
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.program.origins import values_of
from dbhygiene.source.file import File, function_around, with_others
from dbhygiene.source.nodes import FUNCTION, LOOP, Code, Function, Located, is_none

_MOST = 60  # functions that one event runs: with more, it is not followed
_LOOKS = library.REFRESHES - {"connect", "detach"} | {"closed", "is_closed"}


class EventUse(NamedTuple):
    """Code that runs at each event, the place that registers it, and the use of the connection in an event.

    The code is a function, or a page of Streamlit, which runs from its top. `pause` are the seconds between two runs if
    a scheduler runs it; events may be any time apart.
    """

    file: File
    code: Code
    place: Located
    user: File
    use: ast.expr
    pause: float = FOR_EVER

    @property
    def noun(self) -> str:
        return "call" if isinstance(self.code, FUNCTION) else "run"

    @property
    def name(self) -> str:
        return self.code.name if isinstance(self.code, FUNCTION) else self.file.path.name


def event_use(life: Lifetime) -> EventUse | None:
    """Return an event that uses a connection which is opened once, and neither tested, closed nor opened again."""
    kept = _Kept.of(life)
    if kept is None:
        return None
    files = kept.files()
    for file in files:
        for function, place in event_handlers(file):
            if (use := kept.use_by(file, function)) is not None:
                return EventUse(file, function, place, *use)
        if not RERUN.isdisjoint(file.imported_packages) and (use := kept.use_by(file, file.tree)) is not None:
            return EventUse(file, file.tree, use[1], *use)
    scheduled = ((job, kept.use_by(job.file, job.function)) for file in files for job in jobs(file))
    uses = [EventUse(job.scheduler, job.function, job.call, *use, job.pause) for job, use in scheduled if use]
    return min(uses, key=lambda use: use.pause, default=None)  # the most frequent job keeps the connection alive


def event_handlers(file: File) -> Iterator[tuple[Function, Located]]:
    """Yield the functions of a file that answer requests or events, each with the place that registers it."""
    yield from callbacks(file)
    for code in file.functions:
        if isinstance(code, FUNCTION) and (place := handler(code)) is not None and not is_scheduled(file, code):
            yield code, place


class _Kept:
    """A connection in a variable of a module, in a field of the only object of a class, or in the cache of a function.

    A function stands for what its cache keeps.
    """

    def __init__(self, life: Lifetime, file: File, place: Place, opener: Function | None, *, is_cached: bool) -> None:
        """`file` has the variable, `opener` assigns it; None if the module does."""
        self._file, self._birth, self._place, self._opener = file, life.birth, place, opener
        self._opened_in, self._is_cached = life.file, is_cached
        self._closing = life.resource.closed_by | {"release", "terminate"}
        self._closes_at_end = life.resource.leaving is not None and life.resource.leaving.closes

    @classmethod
    def of(cls, life: Lifetime) -> _Kept | None:
        """Return what keeps a connection; None if it may be opened again, or if there may be several."""
        if (field := kept_by_application(life)) is not None:
            kept_there = _KeptByApplication(life, field)
            return kept_there if kept_there.is_opened_once() else None
        opener, place, file = function_around(life.file, life.birth), place_of(life), life.file
        is_cached = is_kept_by_cache(life)
        if (elsewhere := _variable_elsewhere(life)) is not None:
            file, place = elsewhere
        elif opener is not None and is_cached:
            place = Place(file.scope, opener.name)
        if place is None or "." in place.path or life.resource.is_object:
            return None
        kept = cls(life, file, place, opener, is_cached=is_cached)
        return kept if kept._is_lasting(life) and kept._is_opened_once() else None

    def _is_lasting(self, life: Lifetime) -> bool:
        """Whether it lasts as long as the program: in a variable of the module, or in a field of its only object."""
        scope = self._place.scope
        if scope is self._file.scope:
            return True
        if not isinstance(scope.node, ast.ClassDef):
            return False
        owner = Definition(self._file, scope.node, scope.name)
        summaries = life.analysis.effects.summaries
        return Field(self._file, owner, self._place.path, self._birth, life.resource, summaries).is_of_one_object()

    def _is_opened_once(self) -> bool:
        """Whether nothing but the one call assigns it, and that runs once: at the start, or if it is still None."""
        if self._is_cached:
            return True
        given = Bindings.of(self._file).values.get(self._place, [])
        others = [each for each in given if self._birth not in (each, getattr(each, "value", None))]
        if len(given) - len(others) != (self._file is self._opened_in) or not all(map(is_none, others)):
            return False
        if self._is_set_elsewhere():
            return False
        emptied = {function_around(self._file, each) for each in others}
        if any(function is not None and function.name != "__init__" for function in emptied):
            return False
        return self._is_guarded or not any(
            isinstance(outer, (*LOOP, ast.ExceptHandler))
            for file, call in self._openings()
            for outer in file.around(call)
        )

    def _openings(self) -> Iterator[tuple[File, ast.AST]]:
        """Yield where it is opened: by the calls of its opener, or by the module."""
        if self._opener is None:
            yield self._opened_in, self._birth
        else:
            yield from ((file, call) for file, call, _ in callers(self._opened_in, self._opener))

    def _is_set_elsewhere(self) -> bool:
        """Whether another statement assigns the module's variable: `db.conn = connect()`."""
        if self._place.scope is not self._file.scope:
            return False
        return any(
            self._is_it(other, target)
            for other in self._file.project.files_setting(self._place.path)
            if other.is_program and other is not self._file
            for assign in other.nodes(ast.Assign)
            if self._birth not in (assign.value, getattr(assign.value, "value", None))
            for target in assign.targets
        )

    @property
    def _is_guarded(self) -> bool:
        """Whether it is opened only if the variable is still None, or the cache still empty."""
        if self._is_cached:
            return True
        tests = [outer.test for outer in self._opened_in.around(self._birth) if isinstance(outer, ast.If)]
        return any(self._is_empty(test) for test in tests)

    def _is_empty(self, test: ast.expr) -> bool:
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=asked):
                return self._is_it(self._opened_in, asked)
            case ast.Compare(left=asked, ops=[ast.Is() | ast.Eq()], comparators=[nothing]):
                return is_none(nothing) and self._is_it(self._opened_in, asked)
        return False

    def _is_it(self, file: File, expr: ast.AST) -> bool:
        if not isinstance(expr, (ast.Name, ast.Attribute)):
            return False
        if file is self._file:
            return Bindings.of(file).place(expr) == self._place
        if isinstance(expr, ast.Name) and self._opener is not None:
            return False  # `from db import conn` has read it before it was opened
        return self._place.scope is self._file.scope and _named_variable(file, expr) == (self._file, self._place)

    # -- what an event does

    def files(self) -> list[File]:
        """Return the files whose events may use it."""
        others = self._file.project.files_mentioning_all(self._file.module.rpartition(".")[2]) or ()
        return [each for each in with_others(self._file, others) if each.is_program]

    def use_by(self, file: File, code: Code) -> tuple[File, ast.expr] | None:
        """Return where an event's code queries it; None if it queries nothing, or also tests, closes or opens it."""
        found: tuple[File, ast.expr] | None = None
        todo: dict[Code, File] = {code: file}
        for code, file in _items_while_growing(todo):
            if len(todo) > _MOST or (code is self._opener and not self._is_guarded):
                return None
            if self._is_tested_from_outside(file, code):
                return None
            used = list(self._used_members(file, code))
            if any(method is None or method.attr in self._closing or method.attr in _LOOKS for method in used):
                return None
            queries = [each for each in used if each is not None and _asks(each, of_connection=True)]
            queries += self._queries_of_kept_cursors(file, code)
            if found is None and queries:
                found = file, min(queries, key=lambda each: (each.lineno, each.col_offset))
            for call in file.functions[code].calls:
                for called in callees(file, call, file.functions[code]).definitions:
                    if isinstance(called.node, FUNCTION) and called.node not in todo:
                        todo[called.node] = called.file
        return found

    def _is_tested_from_outside(self, file: File, code: Code) -> bool:
        """Whether a function tests or closes a field of this name, of any object: `store.conn.ping()`."""
        return any(
            part.value.attr == self._place.path and (part.attr in self._closing or part.attr in _LOOKS)
            for part in file.own(code)
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Attribute)
        )

    def _used_members(self, file: File, code: Code) -> Iterator[ast.Attribute | None]:
        """Yield the methods and attributes of it that a function uses; None for a `with` that closes it."""
        names = self._names_in(file, code)
        for part in file.own(code):
            match part:
                case ast.Attribute(value=owner) if self._holds(file, owner, names):
                    yield part
                case ast.withitem(context_expr=given) if self._closes_at_end and self._holds(file, given, names):
                    yield None

    def _queries_of_kept_cursors(self, file: File, code: Code) -> Iterator[ast.Attribute]:
        """Yield the queries of a function by a cursor that is kept beside the connection: `self.cur.execute`."""
        for part in file.own(code) if file is self._file else ():
            match part:
                case ast.Attribute(value=ast.Name() | ast.Attribute() as owner) if _asks(part, of_connection=False):
                    if self._is_kept_cursor(owner):
                        yield part

    def _is_kept_cursor(self, expr: ast.Name | ast.Attribute) -> bool:
        """Whether nothing but cursors of the connection are assigned to a variable or field of the same scope."""
        bindings = Bindings.of(self._file)
        place = bindings.place(expr)
        if place is None or place.scope is not self._place.scope:
            return False
        given = [each for each in bindings.values.get(place, ()) if not is_none(each)]
        return bool(given) and all(self._is_cursor(each) for each in given)

    def _is_cursor(self, expr: ast.AST) -> bool:
        match expr:
            case ast.Await(value=inner):
                return self._is_cursor(inner)
            case ast.Call(func=ast.Attribute(value=owner, attr="cursor")):
                return self._is_it(self._file, owner)
        return False

    def _names_in(self, file: File, code: Code) -> set[str]:
        """Return the variables of a function that hold it: `conn = connection()`, `with connection() as conn`."""
        scope = file.functions[code]
        found = {name for name, values in scope.aliases.items() if any(self._holds(file, each, ()) for each in values)}
        for part in file.own(code):
            match part:
                case ast.withitem(context_expr=given, optional_vars=ast.Name(id=name)) if self._holds(file, given, ()):
                    found.add(name)
        return found

    def _holds(self, file: File, expr: ast.expr, names: set[str] | tuple[()]) -> bool:
        """Whether an expression is the connection: its variable, a name of it, or a function that returns it."""
        match expr:
            case ast.Name(id=name) if name in names:
                return True
            case ast.Name() | ast.Attribute():
                return self._is_it(file, expr) or (self._is_cached and self._is_cached_result(file, expr))
            case ast.Await(value=inner):
                return self._holds(file, inner, names)
            case ast.Call():
                called = callees(file, expr, file.scopes_of_calls.get(expr, file.scope)).definitions
                return bool(called) and all(map(self._returns_it, called))
        return False

    def _is_cached_result(self, file: File, expr: ast.expr) -> bool:
        """Whether a variable of a module only holds what the cached function returns."""
        given = values_of(file, expr)
        return bool(given) and all(isinstance(each.expr, ast.Call) and self._holds(*each, ()) for each in given)

    def _returns_it(self, function: Definition) -> bool:
        if not isinstance(function.node, FUNCTION):
            return False
        if self._is_cached and function.node is self._opener:
            return True
        return any(self._is_it(function.file, each) for each in return_expressions(function.node))


class _KeptByApplication(_Kept):
    """A connection in a field of the application that a framework passes to each request or event."""

    def __init__(self, life: Lifetime, field: ApplicationField) -> None:
        place = Place(life.file.scope, field[-1].strip("[]"))
        super().__init__(life, life.file, place, function_around(life.file, life.birth), is_cached=False)
        self._field = field

    def is_opened_once(self) -> bool:
        """Whether no other statement assigns the field, but for None."""
        return not any(
            self._is_it(file, target) and not (assign.value is self._birth or is_none(assign.value))
            for file in self.files()
            for assign in file.nodes(ast.Assign)
            for target in assign.targets
            if self._birth is not getattr(assign.value, "value", None)
        )

    def _is_it(self, file: File, expr: ast.AST) -> bool:
        return application_field(file, expr) == self._field

    def files(self) -> list[File]:
        others = self._file.project.files_mentioning_all(self._place.path) or ()
        return [each for each in with_others(self._file, others) if each.is_program]

    def _holds(self, file: File, expr: ast.expr, names: set[str] | tuple[()]) -> bool:
        return (isinstance(expr, ast.Subscript) and self._is_it(file, expr)) or super()._holds(file, expr, names)


def _asks(method: ast.Attribute, *, of_connection: bool) -> bool:
    """Whether a method queries the server; `cursor` of a connection stands for the queries of the cursor."""
    return (of_connection and method.attr == "cursor") or library.asks(method.attr, of_connection=of_connection)


def _variable_elsewhere(life: Lifetime) -> tuple[File, Place] | None:
    """Return the variable of another module that is given a connection: `config.conn = connect()`."""
    around = life.file.parents.get(life.birth)
    if isinstance(around, ast.Await):
        around = life.file.parents.get(around)
    match around:
        case ast.Assign(targets=[ast.Attribute() as target]):
            return _named_variable(life.file, target)
    return None


def _named_variable(file: File, expr: ast.Name | ast.Attribute) -> tuple[File, Place] | None:
    """Return the variable of another module that an expression names, with the file of the module."""
    name = file.resolve(expr)
    found = find_module(file, canonical_name(file, name)) if name is not None else None
    if found is None or len(found[1]) != 1 or found[0] is file or found[1][0] not in found[0].scope.bound:
        return None
    return found[0], Place(found[0].scope, found[1][0])


def _items_while_growing(todo: dict[Code, File]) -> Iterator[tuple[Code, File]]:
    """Yield the items of a dict to which more are added meanwhile."""
    seen: set[Code] = set()
    while fresh := [code for code in todo if code not in seen]:
        for code in fresh:
            seen.add(code)
            yield code, todo[code]
