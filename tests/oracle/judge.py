"""What becomes of each connection of a program, decided by running it in every possible way.

The program is real source, really executed; only its environment is played. Three things are written into it
first: each call that may bring a connection to life tells its place, each `while` counts its rounds, an attribute of
None ends the run as a mistake of the program (nothing is to be learnt from it), and handlers tell of mistakes that
they would swallow.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple

from .environment import modules
from .reach import PROGRAM, reachable, within
from .world import DRIVERS, Connecting, Connection, Cursor, Cut, Strange, Value, World

Site = tuple[int, int]  # line and column of the call that acquires

LIMIT = 300  # runs of a program; most take fewer than a hundred, and what takes more is not worth its time
LEAKS, WELL, RAISED_LEAKS, RAISED_WELL, ESCAPES = (1 << i for i in range(5))
GIVEN = "given"  # the parameter that is a connection of the caller's, or None
TRUE = "conn"  # the parameter that is a connection where it is assigned to a variable: it may be None, but is not false
MISTAKES = (NameError, AttributeError, TypeError)
# what programs name in handlers, and what is then raised
NAMED = {
    "ValueError": ValueError,
    "KeyError": KeyError,
    "LookupError": LookupError,
}


class Bits(NamedTuple):
    """The life of one acquisition: all the ways in which it can end."""

    leaks_normally: bool = False
    ends_well_normally: bool = False
    leaks_by_exception: bool = False
    ends_well_by_exception: bool = False
    escapes: bool = False

    def __str__(self) -> str:
        return " ".join(name for name, value in zip(self._fields, self, strict=True) if value) or "nothing"


class TooLargeError(Exception):
    """The program can be run in more ways than we care to try."""


@dataclass(frozen=True)
class Verdict:
    """What was seen: per site its bits, and the number of runs that it took."""

    bits: dict[Site, Bits]
    runs: int
    has_mistake: bool
    reached: frozenset[Site] = frozenset()  # the calls that returned


@dataclass(frozen=True)
class Outcome:
    """The end of one run."""

    value: object
    error: BaseException | None
    kept: tuple[object, ...] = ()  # what outlives the run: `self`, globals
    is_cut: bool = False  # it goes round and round: what it has then are its variables

    def handed_on(self, world: World) -> set[Connection]:
        return reachable(self.outside(world))

    def owned(self, world: World) -> set[Connection]:
        """The connections that somebody else can close: not those of which only a cursor is returned or kept."""
        returned = () if self.error else (self.value,)
        ours = within((*returned, *self.kept), by_cursors=False)
        return reachable(world.handed_on) | {each for each in ours if isinstance(each, Connection)}

    def outside(self, world: World) -> tuple[object, ...]:
        """What somebody else has at the end of the run."""
        returned = () if self.error else (self.value,)
        return (*world.handed_on, *world.read_on, *returned, *self.kept)


@dataclass
class Play:
    """A program made ready to be run: its entry points and the world around it."""

    source: str
    bound: int = 2
    doubtful: bool = False  # whether helpers may give None, and they or callers what counts as false
    attempting: bool = False  # whether a `try` with handlers may also fail at what else it holds
    endless: bool = False  # whether runs that go beyond the bound are looked at, too
    world: World = field(init=False)
    sites: list[tuple[str, Site]] = field(init=False)
    reached: set[int] = field(default_factory=set)
    held: tuple[object, ...] = ()  # the values of all variables, where a loop is cut

    def __post_init__(self) -> None:
        tree = ast.parse(self.source)
        self.world = World((), self.bound)
        self.world.modules = modules(self.world)
        kinds = _kinds(tree, self.world.modules)
        places = _Places(tree)
        self.code = compile(ast.fix_missing_locations(places.visit(tree)), "<program>", "exec")
        self.sites = places.sites
        self.functions = places.functions
        self.lending, self.helped = places.lending, places.helped
        self.namespace = self._namespace()
        exec(self.code, self.namespace)
        self.world.combines = any(name.endswith(".Error") for name in kinds)
        self.world.kinds = (*(kind or self.namespace[name] for name, kind in kinds.items()), Strange)
        self.state = {n: v for n, v in self.namespace.items() if n in places.module_names}

    @property
    def entries(self) -> list[str]:
        """The functions that can be called from outside, and acquire something."""
        owners = {owner for owner, _ in self.sites}
        return [name for name in self.functions if name in owners and "<locals>" not in name]

    def runs(self, entry: str, limit: int, *, partial: bool = False) -> Iterator[Outcome]:
        """Every run of a function that stays within the bound; the world is as the run left it.

        Beyond the limit it raises TooLargeError, unless the runs may be `partial`.
        """
        world = self.world
        world.tape.__init__()  # type: ignore[misc]  (`choose` is bound to it)
        call = self._caller(entry)
        for _ in range(limit):
            world.begin()
            self._restore()
            self.held = ()
            try:
                outcome = call()
            except Cut:
                outcome = None
            if self.endless and world.is_cut and not world.has_mistake:
                outcome = Outcome(None, None, self.held, is_cut=True)  # whatever a `finally` did then
            if outcome and (outcome.is_cut or not world.is_cut):
                if isinstance(outcome.error, MISTAKES):
                    world.has_mistake = True
                yield outcome
            if not world.tape.advance():
                return
        if not partial:
            raise TooLargeError

    def _caller(self, entry: str) -> Callable[[], Outcome]:
        node = self.functions[entry]
        owner, _, name = entry.rpartition(".")
        function = inspect.unwrap(getattr(self.namespace[owner], name) if owner else self.namespace[entry])
        nullable, is_assigned = _nullable(node), _assigns(node, TRUE)
        names = [arg.arg for arg in node.args.args][inspect.ismethod(function) :]
        is_method = bool(owner) and names[:1] == ["self"]
        world, namespace, state = self.world, self.namespace, self.state
        classes = [*self._classes(namespace[owner])] if is_method else []
        drive = self._driver(entry) if inspect.isgeneratorfunction(function) else None

        def call() -> Outcome:
            arguments: list[Any] = []
            for argument in names:
                if argument == "self" and is_method:
                    arguments.append(object.__new__(classes[world.choose(len(classes))] if classes[1:] else classes[0]))
                elif argument == GIVEN:
                    arguments.append(self._given() if world.choose(2) else None)
                else:
                    is_none = argument in nullable and world.choose(2)
                    is_true = is_assigned and argument == TRUE and not self.doubtful
                    arguments.append(None if is_none else Value(world, argument, is_true=is_true))
            try:
                value = function(*arguments)
                if inspect.iscoroutine(value):
                    value = _awaited(value)
                elif drive:
                    value = drive(value)
                error = None
            except Cut:
                raise
            except BaseException as raised:
                value, error = None, raised
            kept = [namespace[each] for each in state]
            if is_method:
                # An object keeps what was stored in it, even if its making fails: see docs/design.md.
                kept.append(arguments[0].__dict__)
            return Outcome(value, error, tuple(kept))

        return call

    def _classes(self, cls: type) -> Iterator[type]:
        """A class, those below it, and for each that has hooks one that nobody has seen: it may do anything there."""
        own = [each for each in cls.__subclasses__() if each.__name__ in self.namespace]  # not those of earlier runs
        for each in (cls, *own):
            yield each
            names = {name for above in each.__mro__ for name in vars(above)}
            hooks = [name for name in sorted(names) if _is_hook(self.functions.get(f"{_home(each, name)}.{name}"))]
            if hooks:
                yield type("Unseen", (each,), {name: _unseen(self.world.function(name)) for name in hooks})

    def _given(self) -> Connection:
        """A connection of the caller's: it is not to be closed for it."""
        connection = Connection(self.world)
        connection.is_foreign = True
        self.world.connections.append(connection)
        self.world.handed_on.append(connection)
        return connection

    def _driver(self, entry: str) -> Callable[[Any], object]:
        """How to go through a generator: it is resumed at each yield, or closed there. A context manager is never
        closed, but may be told there of an ordinary exception of its block: that a block may be part of a generator,
        which is closed in it, is not modelled (see docs/analysis.md). What a generator lends is still its own, and so
        is what its cursors read from."""
        world = self.world
        lends, is_manager = entry in self.lending, _is_manager(self.functions[entry])

        def hand_on(value: object) -> None:
            if not lends:
                (world.read_on if isinstance(value, Cursor) else world.handed_on).append(value)

        def drive(generator: Any) -> object:
            try:
                hand_on(next(generator))
                while True:
                    thrown = world.kinds if is_manager else (GeneratorExit,)
                    pick = world.choose(1 + len(thrown))
                    hand_on(generator.throw(thrown[pick - 1]()) if pick else next(generator))
            except StopIteration as end:
                return end.value

        return drive

    def _restore(self) -> None:
        for name, value in self.state.items():
            if isinstance(value, (list, dict, set)):
                value.clear()
            self.namespace[name] = value

    def _namespace(self) -> dict[str, Any]:
        world, sites, rounds = self.world, self.sites, self.world.rounds
        connections = world.connections

        def born(before: int, value: Any, site: int) -> Any:
            self.reached.add(site)
            if isinstance(value, Connecting):
                value.site = site
            elif isinstance(value, Connection) and not value.is_foreign:
                if self.doubtful and site in self.helped and value in connections[before:]:
                    value.is_true = not (doubt := world.choose(3))
                    if doubt == 2:
                        value.is_open = False
                        return None
                fresh = value.is_open and value in connections[before:]  # closed already: nothing to say of it
                if value.site is None or (fresh and sites[value.site][0] != sites[site][0]):
                    value.site = site
            elif type(value) in (tuple, list, dict):
                for each in value.values() if type(value) is dict else value:
                    if isinstance(each, Connection):
                        born(before, each, site)
            return value

        def given(value: Any) -> Any:
            return world.mistake() if value is None else value

        def entered(loop: int) -> None:
            rounds[loop] = 0

        def goes_on(loop: int) -> bool:
            rounds[loop] += 1
            if world.is_cut or rounds[loop] > world.bound + 1:
                self.held = self.held or tuple(_variables(sys._getframe(1)))
                world.cut()
            return True

        def attempted() -> None:
            if self.attempting and (pick := world.choose(len(world.kinds) + 1)):
                raise world.kinds[pick - 1]

        def unwinding() -> None:
            if isinstance(sys.exc_info()[1], MISTAKES):
                world.has_mistake = True

        tools = {
            "_attempted": attempted,
            "_unwinding": unwinding,
            "_born": born,
            "_given": given,
            "_entered": entered,
            "_goes_on": goes_on,
            "_all": connections,
        }
        names = {**vars(builtins), "__import__": world.import_}
        return {"__builtins__": names, "__name__": PROGRAM, **tools}


def judge(
    source: str,
    *,
    bound: int = 2,
    limit: int = LIMIT,
    doubtful: bool = False,
    attempting: bool = False,
    endless: bool = False,
    partial: bool = False,
) -> Verdict:
    """The bits of every acquisition in the functions of a program; raises TooLargeError beyond `limit` runs.

    Where it may be `partial`, each function is run up to the limit, and the bits are those that were seen.

    Where it is `doubtful`, the program's own functions may also give None, or what counts as false. Where it is
    `attempting`, a `try` with handlers may also fail before anything in it has happened. Where it is `endless`, what a
    loop has opened and lost leaks, even if the loop never ends.
    """
    play = Play(source, bound, doubtful, attempting, endless)
    world, sites = play.world, play.sites
    seen = [0] * len(sites)
    runs = 0
    for entry in play.entries:
        for outcome in play.runs(entry, limit if partial else limit - runs, partial=partial):
            runs += 1
            leak, well = (RAISED_LEAKS, RAISED_WELL) if outcome.error else (LEAKS, WELL)
            safe: set[Connection] | None = None
            for connection in world.connections:
                site = connection.site
                if site is None or sites[site][0] != entry:
                    continue
                if outcome.is_cut and not (connection.is_open and _is_opened_again(connection, world)):
                    continue
                if connection.is_open and safe is None:
                    safe = outcome.owned(world)
                if not connection.is_open:
                    seen[site] |= well
                elif safe is not None and connection in safe:
                    seen[site] |= well | ESCAPES
                else:
                    seen[site] |= leak
    bits = {
        place: Bits(*(bool(mask & bit) for bit in (LEAKS, WELL, RAISED_LEAKS, RAISED_WELL, ESCAPES)))
        for (owner, place), mask in zip(sites, seen, strict=True)
        if owner in play.entries
    }
    reached = frozenset(place for number, (_, place) in enumerate(sites) if number in play.reached)
    return Verdict(bits, runs, world.has_mistake, reached)


def _variables(frame: FrameType) -> Iterator[object]:
    """What the functions of the program have in their variables, from this one outwards."""
    for each, _ in traceback.walk_stack(frame):
        if each.f_code.co_filename == "<program>":
            yield from each.f_locals.values()


def _is_opened_again(connection: Connection, world: World) -> bool:
    """Whether the same call has opened another one since."""
    later = world.connections[world.connections.index(connection) + 1 :]
    return any(each.site == connection.site for each in later)


def _kinds(tree: ast.Module, drivers: dict[str, Any]) -> dict[str, type[BaseException] | None]:
    """The exceptions that the program tells apart by name; None: a class of its own, not yet made."""
    named: list[ast.expr] = []
    for node in ast.walk(tree):
        match node:
            case ast.ExceptHandler(type=ast.expr() as type_):
                named += type_.elts if isinstance(type_, ast.Tuple) else [type_]
            case ast.Call(func=ast.Name(id="suppress"), args=args):
                named += args
            case ast.Call(func=ast.Name(id="issubclass" | "isinstance"), args=[_, classes]):
                named += classes.elts if isinstance(classes, ast.Tuple) else [classes]
            case ast.Compare(ops=[ast.Is()], comparators=comparators):
                named += comparators
    own = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    kinds: dict[str, type[BaseException] | None] = {}
    for each in named:
        match each:
            case ast.Name(id=name) if name in NAMED or name in own:
                kinds[name] = NAMED.get(name)
            case ast.Attribute(value=ast.Name(id=driver), attr="Error") if driver in DRIVERS:
                kinds[f"{driver}.Error"] = drivers[driver].Error
    return dict(sorted(kinds.items()))  # in an order that no fix changes


def _home(cls: type, name: str) -> str:
    """The class in which an object of this class finds a method."""
    return next(above.__name__ for above in cls.__mro__ if name in vars(above))


def _is_hook(function: ast.FunctionDef | None) -> bool:
    """Whether a method does nothing, or only says that it is not written."""
    return function is not None and isinstance(function.body[0], (ast.Pass, ast.Raise)) and not function.body[1:]


def _unseen(unknown: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _, *given: unknown(*given)


def _nullable(function: ast.FunctionDef) -> set[str]:
    """The parameters that may be None: by their default, by a comparison, or as one alternative of a value."""
    arguments = function.args
    found = {each.arg for each in arguments.args[len(arguments.args) - len(arguments.defaults) :]}
    for node in ast.walk(function):
        match node:
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Is() | ast.IsNot()]):
                found.add(name)
            case ast.Assign(value=ast.BoolOp(values=[ast.Name(id=name), *_])):
                found.add(name)
            case ast.Match(subject=ast.Name(id=name), cases=cases) if any(_is_none(case.pattern) for case in cases):
                found.add(name)
    return found


def _assigns(function: ast.FunctionDef, name: str) -> bool:
    """Whether a function assigns the value of a variable to another one, or another value to it."""
    sides = [
        side for node in ast.walk(function) if isinstance(node, ast.Assign) for side in (*node.targets, node.value)
    ]
    parts = (part for each in sides for part in (each.elts if isinstance(each, ast.Tuple) else [each]))
    return any(isinstance(part, ast.Name) and part.id == name for part in parts)


def _awaited(coroutine: Coroutine[Any, None, object]) -> object:
    """What a coroutine returns; nothing in this world makes it wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError


def _is_none(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchSingleton) and pattern.value is None


def _is_manager(function: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "contextmanager" for each in function.decorator_list)


def _lends(function: ast.FunctionDef) -> bool:
    """Whether a generator takes back what it yields, since it is a context manager or closes it: then a generator
    that is never resumed leaks it. One that yields what it never closes hands it on."""
    yielded: dict[str, int] = {}  # the line from which on
    for node in ast.walk(function):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Name):
            yielded[node.value.id] = min(node.lineno, yielded.get(node.value.id, node.lineno))
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="close")) if name in yielded:
                if node.lineno > yielded[name]:
                    return True
    return _is_manager(function)


class _Places(ast.NodeTransformer):
    """Writes into a program what the judge needs to know of its runs."""

    def __init__(self, tree: ast.Module) -> None:
        self.sites: list[tuple[str, Site]] = []
        self.functions: dict[str, ast.FunctionDef] = {}
        self.lending: set[str] = set()  # generators that take back what they yield
        self.helped: set[int] = set()  # sites that are calls of the program's own functions
        self.module_names = {
            target.id
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        self._local = {
            node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        self._local_classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        self._imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        self._path: list[str] = []
        self._loops = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._path.append(node.name)
        name = ".".join(self._path)
        self.functions[name] = node
        if _lends(node):
            self.lending.add(name)
        self._path.append("<locals>")
        self.generic_visit(node)
        del self._path[-2:]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._path.append(node.name)
        self.generic_visit(node)
        self._path.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._path += ["<lambda>", "<locals>"]
        self.generic_visit(node)
        del self._path[-2:]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node.func:
            case ast.Attribute(value=ast.Name(id=driver), attr="connect") if driver in {*DRIVERS, "aiomysql", "engine"}:
                pass
            case ast.Name(id="Session" | "AsyncSession" | "make_session"):
                pass
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name) if name in self._local:
                pass
            case _:
                return self.generic_visit(node)
        site = len(self.sites)
        self.sites.append((".".join(self._path[:-1]), (node.lineno, node.col_offset)))
        if _last_name(node.func) in self._local:
            self.helped.add(site)
        self.generic_visit(node)
        return _call("_born", _call("len", ast.Name("_all", ast.Load())), node, ast.Constant(site))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Attribute(value=ast.Name(id=name) as value, ctx=ast.Load()) if name not in self._imported:
                return ast.Attribute(_call("_given", value), node.attr, node.ctx)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call("_unwinding")))
        return node

    def visit_Try(self, node: ast.Try) -> ast.AST:
        self.generic_visit(node)
        if node.finalbody:
            node.finalbody.insert(0, ast.Expr(_call("_unwinding")))
        if node.handlers:
            node.body.insert(0, ast.Expr(_call("_attempted")))
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        """A `with` may swallow what its body raises: see it first."""
        swallowing = self._local_classes | {"suppress"}
        names = {_last_name(each.context_expr.func) for each in node.items if isinstance(each.context_expr, ast.Call)}
        self.generic_visit(node)
        if names & swallowing:
            node.body = [ast.Try(node.body, [], [], [ast.Expr(_call("_unwinding"))])]
        return node

    def visit_While(self, node: ast.While) -> list[ast.stmt]:
        self._loops += 1
        loop = ast.Constant(self._loops)
        self.generic_visit(node)
        node.test = ast.BoolOp(ast.And(), [_call("_goes_on", loop), node.test])
        return [ast.Expr(_call("_entered", loop)), node]


def _last_name(func: ast.expr) -> str | None:
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else None


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
