"""`LeakingUser`: a method whose object's connection one method opens and another one closes, both called by it.

def comets(self):
    self.open()
    self.cur.execute("SELECT name FROM comet")       # raises: open until the next call, which drops it
    self.shut()
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Graph, Node
from dbhygiene.dataflow.limits import TOO_MUCH, give_up
from dbhygiene.dataflow.solver import Solution, TooManyFactsError
from dbhygiene.library.resources import Resource
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes.analysis import follow
from dbhygiene.lifetimes.fields import Field, has_plain_bases, owner
from dbhygiene.lifetimes.lifetime import Lifetime, field_of
from dbhygiene.lifetimes.owning_classes import true_if_opened
from dbhygiene.lifetimes.state import ITSELF, LENT_FIELD, OPENED, RETURN, Fact, Site, dotted_path
from dbhygiene.lifetimes.transfer import Transfer
from dbhygiene.lifetimes.transfer.calls import is_tested
from dbhygiene.program.callees import callees, receiver_class
from dbhygiene.program.definitions import Definition, base_classes
from dbhygiene.program.hierarchy import subclasses
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION, Function, Located
from dbhygiene.source.records import Record

_MAKING = frozenset({"__init__", "__new__", "__post_init__", "__enter__"})
_LEAVING = frozenset({"__exit__", "__del__"})  # they close when the object is left: not the method that uses it


class LeakingUser(Record):
    """A method that opens the connection by another method, and leaves it open if a call raises, or always."""

    method: Definition
    opening: ast.Call
    culprit: Located | None  # the call that raises; None: it closes nothing, unlike the other methods
    closer: str
    path: str  # of the field


def leaking_user(life: Lifetime) -> LeakingUser | None:
    """Return a method that leaves the connection of a field open when it raises; None if other code may close it."""
    opener = life.scope.node
    if life.leak is not None or life.resource.is_async or life.scope.class_scope is None:
        return None
    if not isinstance(opener, ast.FunctionDef) or opener.name in _MAKING or opener.decorator_list:
        return None
    if life.closes:
        return _leak_in_opener(life, opener)
    field = field_of(life)
    if field is None or field.others or field.is_container or _asks_for(opener, field.name):
        return None
    return _Search(life, field, opener).search()


def _asks_for(opener: Function, field: str) -> bool:
    """Whether a method tests what the field holds: it may go on with the connection of an earlier call."""
    tests = (part.test for part in ast.walk(opener) if isinstance(part, (ast.If, ast.IfExp, ast.While, ast.Assert)))
    return any(isinstance(part, ast.Attribute) and part.attr == field for test in tests for part in ast.walk(test))


def _leak_in_opener(life: Lifetime, opener: ast.FunctionDef) -> LeakingUser | None:
    """Return how a method leaves open what it opens in a field, and closes itself whenever nothing raises."""
    paths = [name for name in life.names if name.startswith("self.") and name.count(".") == 1]
    cls = owner(life.file, life.scope)
    if len(paths) != 1 or cls is None:
        return None
    graph, path = life.analysis.graph, paths[0]
    name = path.partition(".")[2]
    ends = [*life.analysis.ends(life.birth)]
    normal = [fact for end, fact in ends if end is graph.exit and not fact.thrown]
    if not normal or any(fact.state != "closed" for fact in normal) or _asks_for(opener, name):
        return None
    summaries = life.analysis.effects.summaries
    if _may_be_closed_elsewhere(Field(life.file, cls, name, life.birth, life.resource, summaries), {opener}):
        return None
    method = Definition(life.file, opener, life.scope.name)
    found = _first_raiser(graph, life.analysis.solution, ends, path)
    closer = ast.unparse(life.closes[0].func)
    return LeakingUser(method, life.birth, found[1], closer, path) if found is not None else None


def _first_raiser(
    graph: Graph, solution: Solution[Fact], ends: Iterable[tuple[Node, Fact]], path: str
) -> tuple[Fact, Located] | None:
    """Return a fact with which a function leaves a field's connection open after an exception, and what raised that."""
    for end, fact in ends:
        if fact.site is None or fact.state != "open" or fact.relation_of(f"{path}.{LENT_FIELD}"):
            continue
        if fact.relation_of(path) != ITSELF or (end is graph.exit and not fact.thrown):
            continue
        raising = [node for node, before, kind in solution.path(end, fact) if kind == "raise" and before.site]
        place = _place(raising[0]) if raising else None
        if place is not None:
            return fact, place
    return None


def _may_be_closed_elsewhere(field: Field, methods: Collection[ast.AST]) -> bool:
    """Whether code outside of these methods may close what a field holds, or pass it to code that might."""
    if any(not has_plain_bases(each, may_be_framework=True) for each in (field.cls, *base_classes(field.cls))):
        return True
    for file in field.relatives():
        if file is None:
            return True
        for use in field.uses(file):
            if function_around(file, use) not in methods and field.effect_of_use(file, use) != set():
                return True
    return False


class _Search:
    """The search through the methods of a class, its bases and its subclasses."""

    def __init__(self, life: Lifetime, field: Field, opener: Function) -> None:
        self._life, self._field, self._opener = life, field, opener
        self._path = f"self.{field.name}"
        family = (field.cls, *base_classes(field.cls), *subclasses(field.cls))
        self._classes = {cls.node for cls in family}
        self._methods = [
            Definition(cls.file, node, scope.inner_name(node.name))
            for cls in family
            if (scope := cls.file.classes.get(cls.name)) is not None
            for node in scope.defined.values()
            if isinstance(node, ast.FunctionDef)
        ]

    def search(self) -> LeakingUser | None:
        if not self._users or self._closes_before() or not self._is_closed_by_users_alone():
            return None
        return next(filter(None, map(self._leak_in, self._users)), None) or self._never_closing()

    @cached_property
    def _is_true_if_opened(self) -> bool:
        """Whether the result of the opening method is true if it has opened the connection, and false if not."""
        return true_if_opened(self._life.analysis, self._life.birth)

    @cached_property
    def _users(self) -> list[Definition]:
        """The methods that have the connection opened, in the order of the source."""
        found = [method for method in self._methods if any(self._calls_within(method, {self._opener}))]
        return sorted(found, key=lambda user: (str(user.file.path), user.node.lineno))

    @cached_property
    def _closers(self) -> set[ast.AST]:
        """The methods that close the connection that another method has opened."""
        found: set[ast.AST] = set()
        others = [method for method in self._methods if method not in self._users]
        before = -1
        while before != len(found):
            before = len(found)
            found |= {method.node for method in others if method.node not in found and self._closes(method, found)}
        return found

    def _closes(self, method: Definition, closers: Collection[ast.AST]) -> bool:
        mentions = (part.attr for part in ast.walk(method.node) if isinstance(part, ast.Attribute))
        if self._field.name not in mentions and not any(self._calls_within(method, closers)):
            return False
        start = Fact(self._life.birth, "open", frozenset([(ITSELF, self._path)]))
        solved = self._solve(method, {self._life.birth: self._life.resource}, start, closers)
        ends = solved[1].at(solved[0].exit) if solved is not None else []
        return bool(ends) and all(fact.state == "closed" for fact in ends)

    def _closes_before(self) -> bool:
        """Whether the method that opens a connection may close the one before."""
        opener = next(method for method in self._methods if method.node is self._opener)
        closing = self._life.resource.closed_by
        return any(self._calls_within(opener, self._closers)) or any(
            isinstance(part, ast.Attribute) and part.attr in closing and dotted_path(part.value) == self._path
            for part in ast.walk(self._opener)
        )

    def _is_closed_by_users_alone(self) -> bool:
        """Whether nothing closes the connection, tests apart, but the methods that have opened it."""
        closers = [method for method in self._methods if method.node in self._closers]
        names = {method.last_name for method in closers}
        used = {user.node for user in self._users}
        if not closers:
            return not _may_be_closed_elsewhere(self._field, {*used, self._opener})
        if names & _LEAVING:
            return False
        for method in self._methods:
            if method.node not in used and any(self._calls_within(method, self._closers)):
                if method.node not in self._closers or self._calls_others(method):
                    return False  # it may be there for the errors of the methods that it calls
        others = self._life.file.project.files_mentioning_all(self._field.cls.last_name)
        files = {id(file): file for file in (self._life.file, *(others or ())) if not is_test_file(file)}.values()
        return others is not None and not any(
            self._may_close(file, call) for file in files for name in names for call in file.calls.get(name, ())
        )

    def _calls_others(self, method: Definition) -> bool:
        """Whether a method calls one of its object that closes nothing."""
        return any(self._calls_within(method, {each.node for each in self._methods} - self._closers))

    def _may_close(self, file: File, call: ast.Call) -> bool:
        """Whether a call from outside of the class may be of one of its closers, by its name."""
        match call.func:
            case (
                ast.Attribute(value=ast.Name(id="self")) | ast.Attribute(value=ast.Attribute(value=ast.Name(id="self")))
            ):
                return False  # a method's own, or of the object that a field holds
            case ast.Attribute(value=owner):
                cls = receiver_class(file, owner)
                return cls is None or cls.node in self._classes
        return False

    def _leak_in(self, user: Definition) -> LeakingUser | None:
        """Return how a method leaves open what it has opened, if it closes that whenever it returns."""
        solved = self._solve_user(user)
        if solved is None:
            return None
        graph, solution = solved
        ends = [fact for fact in solution.at(graph.exit) if fact.site is not None]
        if not any(fact.state == "closed" for fact in ends):
            return None
        if any(fact.state != "closed" and not fact.thrown for fact in ends):
            return None
        left = [(end, fact) for end in (graph.raised, graph.exit) for fact in solution.at(end)]
        found = _first_raiser(graph, solution, left, self._path)
        if found is None or not isinstance(found[0].site, ast.Call):
            return None
        return LeakingUser(user, found[0].site, found[1], self._closer(user), self._path)

    def _closer(self, user: Definition) -> str:
        """Return how a method closes the connection: by another one, or by itself."""
        closer = next(self._calls_within(user, self._closers), None)
        return ast.unparse(closer.func) if closer is not None else f"{self._path}.close"

    def _never_closing(self) -> LeakingUser | None:
        """Return a method that never closes what it has opened, where most others do, each at its end."""
        solved = {user: self._solve_user(user) for user in self._users}
        ends = {user: [f for f in found[1].at(found[0].exit) if f.site] for user, found in solved.items() if found}
        closing = [user for user, facts in ends.items() if facts and all(fact.state == "closed" for fact in facts)]
        if 2 * len(closing) <= len(self._users):
            return None
        for user, facts in ends.items():
            if facts and all(self._is_left(fact) for fact in facts) and isinstance(facts[0].site, ast.Call):
                return LeakingUser(user, facts[0].site, None, self._closer(closing[0]), self._path)
        return None

    def _is_left(self, fact: Fact) -> bool:
        is_lent = fact.relation_of(f"{self._path}.{LENT_FIELD}") or fact.relation_of(RETURN)
        return fact.state == "open" and not is_lent

    def _calls_within(self, method: Definition, wanted: Collection[ast.AST]) -> Iterator[ast.Call]:
        """Yield the calls of a method, on its own object, that run one of these methods and no other code."""
        assert isinstance(method.node, FUNCTION)
        scope = method.file.functions[method.node]
        for call in scope.calls:
            if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, (ast.Name, ast.Call)):
                found = callees(method.file, call, scope)
                if found.complete and found.definitions and all(each.node in wanted for each in found.definitions):
                    yield call

    def _solve_user(self, user: Definition) -> tuple[Graph, Solution[Fact]] | None:
        openings = list(self._calls_within(user, {self._opener}))
        return self._solve(user, dict.fromkeys(openings, self._life.resource), Fact(), self._closers)

    def _solve(
        self, method: Definition, sites: Mapping[Site, Resource], start: Fact, closers: Collection[ast.AST]
    ) -> tuple[Graph, Solution[Fact]] | None:
        assert isinstance(method.node, FUNCTION)
        effects = self._life.analysis.effects.summaries.effects(method.file, method.node)
        parts = follow(method.file, method.node, effects, sites, start)
        if parts is None:
            return None
        graph, plain = parts
        closing = set(self._calls_within(method, closers))
        openings = dict.fromkeys(() if start.site else sites, self._is_true_if_opened)
        transfer = _OfMethods(plain, self._path, closing, openings)
        try:
            return graph, Solution(graph, [start], transfer)
        except (TooManyFactsError, RecursionError):
            give_up(method.file, method.node, TOO_MUCH)
            return None


class _OfMethods(Transfer):
    """The transfer function where calls of the object's own methods open and close the connection of a field."""

    def __init__(
        self, plain: Transfer, path: str, closing: Collection[ast.Call], openings: Mapping[Site, bool]
    ) -> None:
        super().__init__(plain.effects, plain.sites, plain.names, plain.keys)
        self._path, self._closing, self._openings = path, closing, openings

    def __call__(self, node: Node, fact: Fact) -> Iterator[tuple[EdgeKind, Fact]]:
        call = node.event.node if isinstance(node.event, cfg.Call) else None
        if call is not None and call in self._openings:
            yield "raise", fact
            if fact.site is None:
                opened = Fact(call, "open", frozenset([(ITSELF, self._path)]), fact.known)
                answer = self._openings[call] and is_tested(self.effects.file, call)
                yield "next", opened.add_alias(OPENED, call) if answer else opened
        elif call in self._closing and fact.site is not None:
            yield "next", fact._replace(state="closed")
            yield "raise", fact._replace(state="closed")
        else:
            yield from super().__call__(node, fact)


def _place(node: Node) -> Located | None:
    match node.event:
        case cfg.Call(node=place) | cfg.Raise(node=place):
            return place
        case cfg.Iterate(node=loop):
            return loop.iter
        case cfg.Enter(node=item):
            return item.context_expr
    return None
