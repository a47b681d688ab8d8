"""`Fate` of an engine after the statement that creates it: kept, dropped, or returned.

engine = create_engine(url)          # in a function, of which this is all: `Fate.DROPPED`
return create_engine(url)            # `Fate.HANDED_ON`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum

from dbhygiene.library.entry_points import RERUN, is_of_platform, registers
from dbhygiene.library.server_calls import may_wait, may_wait_for_program
from dbhygiene.library.test_files import is_example, is_in_fixture, is_test_file
from dbhygiene.pools.engines import Engine
from dbhygiene.pools.sqlalchemy import GIVES_ENGINE, HOLDS_ENGINE, in_migrations
from dbhygiene.program.arguments import bind_arguments
from dbhygiene.program.callees import callees, is_super
from dbhygiene.program.crawls import has_part_of_crawl, part_of_crawl
from dbhygiene.program.endless_loops import is_endless
from dbhygiene.program.names import canonical_name, find_module, is_imported
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Function, last_name
from dbhygiene.source.queries import query


class Fate(Enum):
    """Where an object goes after the statement that creates it."""

    KEPT = "kept"  # by the module, an object, a cache, or an endless loop
    HANDED_ON = "passed on"  # returned or yielded: its caller decides
    LENT = "lent"  # to a function of the project, which may do anything with it
    DROPPED = "dropped"  # used in one function, and left to the garbage collector
    DISPOSED = "disposed of"


_ENDS = lazy_pattern(r"close|dispose|shut|release|clean|finali|tear|stop|destroy")
_LASTING_CALLS = ("run", "start", "launch", "main_loop")  # methods by which a program begins to serve
_CONNECTS = frozenset({"connect", "begin", "raw_connection", "contextual_connect"})


def fate(file: File, expr: ast.expr, *, gives: frozenset[str] = GIVES_ENGINE) -> Fate:
    """Return the fate of an engine, or of a session factory or connection made of it.

    Arguments:
        gives: the methods whose result is followed, too.
    """
    function = function_around(file, expr)
    if function is None:
        return Fate.DROPPED if _is_script(file, expr) or _ends_soon(file, expr) else Fate.KEPT
    if any(isinstance(outer, ast.Lambda) for outer in file.around(expr)):
        return Fate.HANDED_ON
    return _Follow(file, function, gives).of(expr)


def _is_script(file: File, node: ast.AST) -> bool:
    """Whether a node runs only if its file is the program: `if __name__ == "__main__":`."""
    return any(
        isinstance(outer, ast.If)
        and any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(outer.test))
        for outer in file.around(node)
    )


def _ends_soon(file: File, expr: ast.expr) -> bool:
    """Whether a script makes it, uses it, and ends."""
    if not is_short_script(file):
        return False
    match file.parents.get(expr):
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return _is_used(file, name)
    return False


def _is_used(file: File, name: str) -> bool:
    """Whether a module does more with what its variable holds than make a factory of sessions that it does not use."""

    def factories(name: str) -> Iterator[str]:
        for node in file.nodes(ast.Name):
            if node.id == name and isinstance(node.ctx, ast.Load):
                made = _factory_of(file, node)
                yield made if made != name else ""

    return "" in closure(name, factories)


def _factory_of(file: File, node: ast.Name) -> str:
    """Return the variable that a statement sets to a factory made of an engine or another factory; else ""."""
    for outer in file.around(node):
        match outer:
            case ast.Assign(targets=[ast.Name(id=factory)], value=ast.Call(func=func)):
                return factory if last_name(func) in HOLDS_ENGINE else ""
            case ast.stmt():
                break
    return ""


@query
def is_short_script(file: File) -> bool:
    """Whether a file is a program that does its work and ends: it waits for answers at most, and only tests import it.

    It defines nothing, or runs what it defines: by its last lines, or by `if __name__ == "__main__": main()`. Or one of
    its functions is a program that the project installs.
    """
    if file.is_interactive or len(file.nodes(ast.Lambda)) > 0:
        return False
    if not all(map(_ends_when_it_succeeds, file.nodes(ast.While))):
        return False
    if is_imported(file, but_by=is_test_file) or not RERUN.isdisjoint(file.imported_packages):
        return False
    if not file.scope.defined:
        return True
    if may_wait_for_program(file) or any(name in file.calls for name in _LASTING_CALLS):
        return False
    if any(each.startswith(f"{file.module}:") for each in file.project.programs):
        return True
    return any("__name__" in file.segment(branch.test) for branch in file.nodes(ast.If)) or _runs_its_functions(file)


def _ends_when_it_succeeds(loop: ast.While) -> bool:
    """Whether a loop repeats an attempt until it succeeds: `while True: try: connect(); break; except E: wait()`."""
    return any(
        isinstance(each, ast.Try) and isinstance((each.orelse or each.body)[-1], (ast.Break, ast.Return))
        for each in loop.body
    )


def _runs_its_functions(file: File) -> bool:
    """Whether the top level of a file calls a function of the file, and nothing registers one to be called later."""
    functions = [each for each in file.functions if isinstance(each, FUNCTION)]
    if any(is_of_platform(each) or any(map(registers, each.decorator_list)) for each in functions):
        return False
    names = {each.name for each in functions if each in file.tree.body}
    return any(
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names
        for statement in file.tree.body
        if isinstance(statement, (ast.Expr, ast.For, ast.With, ast.Try))
        for call in ast.walk(statement)
    )


@query
def only_short_scripts_use(file: File) -> bool:
    """Whether each file that imports a module is a program that does its work and ends, or a test."""
    if file.is_interactive or may_wait(file) or not is_imported(file, but_by=is_test_file):
        return False
    return not is_imported(file, but_by=lambda other: is_test_file(other) or is_short_script(other))


def ends_with_crawl(made: Engine) -> bool:
    """Whether an engine lives as long as a crawl, which uses it all the time: a part of the crawl keeps it.

    Or the module of such a part, or a module that only such modules use.
    """
    file = made.file
    if part_of_crawl(file, made.call) is not None:
        return True
    if any(isinstance(each, ast.ClassDef) for each in file.around(made.call)) or file.is_interactive:
        return False
    if not has_part_of_crawl(file) and not is_imported(file, but_by=is_test_file):
        return False
    return not is_imported(file, but_by=lambda o: is_test_file(o) or is_short_script(o) or has_part_of_crawl(o))


class _Follow:
    """The search for the fates of one object, through the variables of one function."""

    def __init__(self, file: File, function: Function, gives: frozenset[str]) -> None:
        self.file = file
        self.gives = gives
        self.scope = file.functions[function]
        self.names: set[str] = set()
        self.fates: set[Fate] = set()
        self._around: set[ast.AST] = set()

    def of(self, expr: ast.expr) -> Fate:
        self._around = {*self.file.around(expr)}
        self._climb(expr)
        strongest = (Fate.DISPOSED, Fate.KEPT, Fate.HANDED_ON, Fate.LENT)
        return next((each for each in strongest if each in self.fates), Fate.DROPPED)

    def _climb(self, node: ast.AST) -> None:
        """Go outwards from an expression that holds the object to the place where it ends up."""
        for outer in self.file.around(node):
            match outer:
                case ast.Attribute(attr=attribute):
                    if attribute == "dispose":
                        self.fates.add(Fate.DISPOSED)
                    elif attribute not in self.gives:
                        return
                case ast.Call(func=func) if node is not func and not self._holds(func):
                    if self._is_stored(outer, node):
                        self.fates.add(Fate.KEPT)
                    else:
                        self._put(func)
                    return
                case ast.Return() | ast.Yield() | ast.YieldFrom() | ast.Lambda():
                    self.fates.add(Fate.HANDED_ON)
                    return
                case ast.Assign(targets=targets):
                    for target in targets:
                        self._store(target)
                    return
                case ast.AnnAssign(target=target) | ast.NamedExpr(target=target) | ast.AugAssign(target=target):
                    self._store(target)
                    if not isinstance(outer, ast.NamedExpr):
                        return
                case ast.withitem(optional_vars=target):
                    if target is not None:
                        self._store(target)
                    return
                case ast.stmt() | ast.comprehension():
                    return
            node = outer

    def _holds(self, func: ast.expr) -> bool:
        """Whether the result of a call keeps its arguments."""
        last = last_name(func)
        return last in HOLDS_ENGINE or last[:1].isupper()

    def _is_stored(self, call: ast.Call, given: ast.AST) -> bool:
        """Whether a method of the own object, or of its base class, stores an argument in a field: `super().f(e)`."""
        match call.func:
            case ast.Attribute(value=owner) if is_super(owner) or (isinstance(owner, ast.Name) and owner.id == "self"):
                pass
            case _:
                return False
        for method in callees(self.file, call, self.scope).definitions:
            if isinstance(method.node, FUNCTION):
                bound = bind_arguments(call, method.node, bound=True)
                names = {name for name, value in bound.items() if value is given}
                if any(_stores_in_field(part, names) for part in ast.walk(method.node)):
                    return True
        return False

    def _put(self, func: ast.expr) -> None:
        """Record that the list keeps the engine, as in `engines.append(engine)`."""
        if isinstance(func, ast.Attribute) and func.attr in {"append", "add", "setdefault", "put", "update"}:
            self._store(func.value)
        elif (name := self.file.resolve(func)) is None:
            if not isinstance(func, ast.Attribute) or _ENDS.search(func.attr):
                self.fates.add(Fate.LENT)  # a method of an unknown object that ends something: of its argument, perhaps
        elif find_module(self.file, canonical_name(self.file, name)) is not None:
            self.fates.add(Fate.LENT)

    def _store(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name) if name in self.scope.bound:
                self._follow(name)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for inner in targets:
                    self._store(inner)
            case ast.Subscript(value=ast.Name(id=name)) if name in self.scope.bound:
                self._follow(name)
            case _:
                self.fates.add(Fate.KEPT)

    def _follow(self, name: str) -> None:
        if name in self.names:
            return
        self.names.add(name)
        for use in self.file.nodes(ast.Name):
            if use.id != name or not isinstance(use.ctx, ast.Load):
                continue
            scope = self.file.scope_of(use)
            if scope is self.scope:
                self._climb(use)
                if self._is_used_for_ever(use):
                    self.fates.add(Fate.KEPT)
            elif self._is_inner(scope, name):
                self.fates.add(Fate.HANDED_ON)  # an inner function may outlive this one

    def _is_used_for_ever(self, use: ast.Name) -> bool:
        """Whether a loop that runs as long as the process uses the object, which is made before it."""
        loops = (each for each in self.file.around(use) if isinstance(each, ast.While) and each not in self._around)
        return any(is_endless(self.file, each) for each in loops)

    def _is_inner(self, scope: object, name: str) -> bool:
        here = getattr(scope, "parent", None)
        while here is not None and here is not self.scope:
            if name in here.bound:
                return False
            here = here.parent
        return here is self.scope and name not in getattr(scope, "bound", ())


def _stores_in_field(part: ast.AST, names: set[str]) -> bool:
    match part:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"))], value=ast.Name(id=name)):
            return name in names
    return False


def lasts(made: Engine) -> bool:
    """Whether an engine may live as long as a server's patience: not in a test or example, nor dropped where made."""
    file = made.file
    if is_test_file(file) or is_example(file) or in_migrations(file) or is_in_fixture(file, made.call):
        return False
    if is_short_script(file) and _is_run_by_own_program(file, made.call):
        return False  # whatever keeps it ends with the program
    if made.has_owner or (its_fate := fate(file, made.call)) is Fate.KEPT:
        return True
    # A caller that only gets a connection does not ask the pool again.
    return its_fate is Fate.HANDED_ON and fate(file, made.call, gives=GIVES_ENGINE - _CONNECTS) is Fate.HANDED_ON


def _is_run_by_own_program(file: File, node: ast.AST) -> bool:
    """Whether a node stands in a function or class that only its own file uses, or beside functions of its own."""
    defined = next((each for each in file.around(node) if each in file.tree.body), None)
    if not isinstance(defined, (*FUNCTION, ast.ClassDef)):
        return bool(file.scope.defined)
    if (file.project.is_distributed or "." in file.module) and not defined.name.startswith("_"):
        return False  # a module of a package: other code may call it
    return any(each.id == defined.name and isinstance(each.ctx, ast.Load) for each in file.nodes(ast.Name))
