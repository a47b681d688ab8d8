"""`Analysis`: the solved facts about all resources of one function."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import takewhile

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Graph, Node, TooLargeError
from dbhygiene.dataflow.exceptions import exception_types
from dbhygiene.dataflow.limits import TOO_LARGE, TOO_MUCH, give_up
from dbhygiene.dataflow.solver import Solution, TooManyFactsError
from dbhygiene.library.calls import ANY_ERROR, LOSING, STACKS
from dbhygiene.library.resources import Resource
from dbhygiene.lifetimes.effects import CONTEXT_MANAGERS, FIXTURES, FunctionSemantics
from dbhygiene.lifetimes.fastapi import is_dependency
from dbhygiene.lifetimes.fields import is_seen_elsewhere
from dbhygiene.lifetimes.path_conditions import MAX_KEYS, TrackedConditions
from dbhygiene.lifetimes.state import ITSELF, RETURN, Fact, Site, Where, path_of
from dbhygiene.lifetimes.transfer import Names, Transfer
from dbhygiene.program import definitions
from dbhygiene.program.arguments import named_parameters
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, LOOP, Code, Located, last_name, walk
from dbhygiene.source.queries import query
from dbhygiene.source.records import Frozen
from dbhygiene.source.scopes import Scope

_LENDING = CONTEXT_MANAGERS | FIXTURES
_NEW_CONTAINERS = frozenset({"list", "dict", "set", "collections.deque", "collections.defaultdict", "deque"})


class Analysis(Frozen):
    """The facts of one function, at each node of its graph."""

    file: File
    scope: Scope
    graph: Graph
    effects: FunctionSemantics
    transfer: Transfer
    solution: Solution[Fact]

    @property
    def code(self) -> Code:
        node = self.scope.node
        assert isinstance(node, (ast.Module, *FUNCTION))
        return node

    @property
    def sites(self) -> Mapping[Site, Resource]:
        return self.transfer.sites

    def ends(self, site: Site) -> Iterator[tuple[Node, Fact]]:
        """Yield the facts about a resource at the exits of the function: the normal one, and that of exceptions."""
        for end in (self.graph.exit, self.graph.raised):
            for fact in self.solution.at(end):
                if fact.site is site:
                    yield end, fact

    def history(self, site: Site) -> Iterator[tuple[Node, Fact]]:
        """Yield all facts about a resource, each with the node that it holds before."""
        yield from self._histories.get(site, ())

    @cached_property
    def _histories(self) -> dict[Site | None, list[tuple[Node, Fact]]]:
        found: dict[Site | None, list[tuple[Node, Fact]]] = {}
        for node in self.solution.nodes():
            for fact in self.solution.at(node):
                found.setdefault(fact.site, []).append((node, fact))
        return found

    @property
    def own_resources(self) -> Iterator[tuple[ast.Call, Resource]]:
        """Yield the resources that the function opens itself, whatever its arguments."""
        for site, resource in self.sites.items():
            if isinstance(site, ast.Call) and site not in self.transfer.doubtful:
                yield site, resource

    @cached_property
    def surely_reachable(self) -> set[Node]:
        """The nodes that can be reached without an exception that is not modelled (see `cfg.Attempt`)."""
        attempts = (node for node in self.graph.nodes() if isinstance(node.event, cfg.Attempt))
        handlers = {target for node in attempts for kind, target in node.out if kind == "raise"}
        return cfg.reachable([self.graph.entry], past=lambda node: node not in handlers)

    def is_shared(self, site: Site) -> bool:
        """Whether a resource escapes on some path: here, or in the function that opens it."""
        opened = self.effects.of(site).summary if isinstance(site, ast.Call) else None
        return site in self.transfer.escaped or (opened is not None and opened.is_shared)

    def path(self, end: Node, fact: Fact) -> list[tuple[Node, EdgeKind]]:
        """Return a shortest path from the opening of the resource to a fact: nodes, and the edges taken out of them."""
        return [(node, kind) for node, _, kind in self.way(end, fact)]

    def way(self, end: Node, fact: Fact) -> list[tuple[Node, Fact, EdgeKind]]:
        """Return the same path, with the fact before each node."""
        way = self.solution.path(end, fact)
        return [step for step in way if step[1].site is not None or opens(step[0], fact.site)]


def opens(node: Node, site: Site | None) -> bool:
    """Whether a resource is opened at a node."""
    return isinstance(node.event, cfg.Call) and node.event.node is site


def place_at(node: Node) -> Located | None:
    """Return the place of a node in the source; None if it has no line of its own."""
    found = getattr(node.event, "node", None)
    if isinstance(found, ast.withitem):
        return found.context_expr
    return found if isinstance(found, (ast.expr, ast.stmt, ast.excepthandler)) else None


def is_transferred(fact: Fact) -> bool:
    """Whether the caller or an object holds it, or a part of it, when the function returns."""
    return bool(owning_aliases(fact))


def owning_aliases(fact: Fact) -> list[tuple[str, str]]:
    """Return the relations and paths by which the caller or an object reaches it when the function returns."""
    return [
        (relation, where)
        for relation, where in fact.aliases
        if type(where) is str and (where == RETURN or "." in where)
    ]


def analyse(
    file: File,
    code: Code,
    effects: FunctionSemantics,
    parameters: Mapping[str, Resource] | None = None,
    *,
    relation: str = ITSELF,
) -> Analysis | None:
    """Solve a function. Return None if it is too large, or opens nothing.

    Arguments:
        parameters: names of parameters that are followed, too, as resources that the caller has opened.
        relation: the relation of these parameters to the resources: PART for cursors.
    """
    scope = file.functions[code]
    if not parameters and not any(effects.acquires(call) for call in scope.calls):
        return None  # most functions end here, without a graph
    try:
        graph = cfg.build(code, effects)
    except (TooLargeError, RecursionError):
        give_up(file, code, TOO_LARGE)
        return None
    nodes = graph.nodes()
    sites: dict[Site, Resource] = {}
    for node in nodes:
        if isinstance(node.event, cfg.Call) and (opened := effects.of(node.event.node).summary.returns):
            sites[node.event.node] = opened
    started = [Fact()]
    names = names_of(file, scope)
    for arg, resource in _tracked_parameters(code, parameters or {}):
        sites[arg] = resource
        if arg.arg not in names.captured:
            started.append(Fact(arg, "open", frozenset([(relation, arg.arg)])))
    if not sites:
        return None
    return _solve(file, scope, graph, effects, sites, names, started)


def _solve(
    file: File,
    scope: Scope,
    graph: Graph,
    effects: FunctionSemantics,
    sites: dict[Site, Resource],
    names: Names,
    started: list[Fact],
) -> Analysis | None:
    bound = list(_resource_names(graph, sites))
    given = {site: list(_condition_variables(effects, site)) for site in sites if isinstance(site, ast.Call)}
    recovering = {
        n.event.node for n in graph.nodes() if isinstance(n.event, cfg.Catch) and _recovers(file, n.event.node)
    }
    rebound = names.captured & {name for each in file.nodes(ast.Nonlocal) for name in each.names}
    for limit in (MAX_KEYS, 2, 0):  # less precision is better than no answer
        keys = TrackedConditions(graph, bound, limit, opened=sites, given=given, rebound=rebound)
        transfer = Transfer(effects, sites, names, keys, recovering)
        try:
            solution = Solution(graph, started, transfer)
        except TooManyFactsError:
            continue
        except RecursionError:
            break
        return Analysis(file, scope, graph, effects, transfer, solution)
    give_up(file, scope.node, TOO_MUCH)
    return None


def follow(
    file: File, code: Code, effects: FunctionSemantics, resources: Mapping[Site, Resource], start: Fact
) -> tuple[Graph, Transfer] | None:
    """Return the graph of a function, and its transfer function, for resources that other functions may see, too.

    Shared variables are treated as this function's own: the caller must know that no other code assigns them.
    Return None if the function is too large.

    Arguments:
        start: the fact at the start of the function: the aliases of one of the resources.
    """
    try:
        graph = cfg.build(code, effects)
    except (TooLargeError, RecursionError):
        give_up(file, code, TOO_LARGE)
        return None
    own = names_of(file, file.functions[code])
    names = Names(containers=own.containers, stacks=own.stacks, lends=own.lends, owners=own.owners)
    held = {where for _, where in start.aliases if isinstance(where, str)}
    return graph, Transfer(
        effects, resources, names, TrackedConditions(graph, [*_resource_names(graph, resources), *held])
    )


def _tracked_parameters(code: Code, parameters: Mapping[str, Resource]) -> Iterator[tuple[ast.arg, Resource]]:
    if isinstance(code, FUNCTION):
        for arg in named_parameters(code):
            if arg.arg in parameters:
                yield arg, parameters[arg.arg]


def _recovers(file: File, handler: ast.ExceptHandler) -> bool:
    """Whether a handler may be for a lost connection: by the class that it names, or by what its `try` is for.

    Any handler is, if it tries again, or if its `try` only pings.
    """
    names = {last_name(each) if each is not None else "" for each in exception_types(handler.type)}
    if names & LOSING:
        return True
    around = takewhile(lambda node: not isinstance(node, FUNCTION), file.around(handler))
    return bool(names & ANY_ERROR) and any(isinstance(node, LOOP) or _only_pings(node) for node in around)


def _only_pings(node: ast.AST) -> bool:
    """Whether a statement is a `try` that does nothing but call `ping()`."""
    match node:
        case ast.Try(body=[ast.Expr(value=(ast.Call() as call) | ast.Await(value=ast.Call() as call))]):
            return isinstance(call.func, ast.Attribute) and call.func.attr == "ping"
    return False


def _condition_variables(effects: FunctionSemantics, call: ast.Call) -> Iterator[str]:
    """Yield the variables that decide whether a call opens a resource, or returns an argument."""
    for given in effects.of(call).alternatives(call):
        if given is not None and (path := path_of(given)) is not None:
            yield path


def _resource_names(graph: Graph, sites: Mapping[Site, Resource]) -> Iterator[str]:
    for node in graph.nodes():
        if isinstance(node.event, cfg.Bind):
            value = node.event.value
            inner = value.value if isinstance(value, (ast.Await, ast.NamedExpr)) else value
            if inner in sites and isinstance(node.event.target, ast.Name):
                yield node.event.target.id


# -- the names of one function ----------------------------------------------------------------------------


def names_of(file: File, scope: Scope) -> Names:
    """Return the variables of a function."""
    args = scope.node.args if isinstance(scope.node, FUNCTION) else None
    given = {each.arg for each in walk(args) if isinstance(each, ast.arg)} if args is not None else set()
    return Names(
        shared=(scope.globals - own_globals(file, scope.node)) | scope.nonlocals,
        captured=file.captures.get(scope, ()),
        containers=[
            name
            for name, values in scope.aliases.items()
            if name not in given and all(_is_new(file, v) for v in values)
        ],
        inner_fields=_inner_fields(scope.node),
        stacks=dict(_stacks(file, scope)),
        lends=_lends(file, scope),
        owners=scope.owners,
    )


@query
def own_globals(file: File, code: ast.AST) -> frozenset[str]:
    """Return the global variables that only this function mentions, and that it sets anew in each call to use them.

    A value that one call leaves in such a variable can do nothing more: the next call drops it.
    """
    scope = file.functions[code]  # type: ignore[index]
    if not scope.globals or file.is_interactive or not isinstance(code, FUNCTION):
        return frozenset()
    first: dict[str, ast.Name] = {}
    for name in (part for part in ast.walk(code) if isinstance(part, ast.Name) and part.id in scope.globals):
        known = first.setdefault(name.id, name)
        if (name.lineno, name.col_offset) < (known.lineno, known.col_offset):
            first[name.id] = name
    everywhere = Counter(part.id for part in file.nodes(ast.Name) if part.id in first)
    own = [part for part in file.own(code) if isinstance(part, ast.Name)]
    here, read = Counter(part.id for part in own), {part.id for part in own if isinstance(part.ctx, ast.Load)}
    return frozenset(
        name
        for name, node in first.items()
        if name in read
        and here[name] == everywhere[name]
        and _is_always_set(file, code, node)
        and name not in file.scope.imports
        and name not in file.scope.defined
        and not is_seen_elsewhere(file, name)
    )


def _is_always_set(file: File, function: ast.AST, name: ast.Name) -> bool:
    """Whether a variable is the target of an assignment in the function's own block, or in a `try` or `with` there."""
    assignment = file.parents.get(name)
    if not isinstance(name.ctx, ast.Store) or not isinstance(assignment, (ast.Assign, ast.AnnAssign)):
        return False
    around = takewhile(lambda node: node is not function, file.around(assignment))
    return all(isinstance(each, (ast.Try, ast.With)) for each in around)


def _inner_fields(code: ast.AST) -> set[str]:
    """Return the attributes that functions within this one mention."""
    if not isinstance(code, FUNCTION):
        return set()
    inner = [part for part in walk(code) if isinstance(part, (*FUNCTION, ast.Lambda)) and part is not code]
    return {part.attr for each in inner for part in walk(each) if isinstance(part, ast.Attribute)}


def _is_new(file: File, value: ast.expr) -> bool:
    match value:
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return True
        case ast.Call(func=func):
            return file.resolve(func) in _NEW_CONTAINERS
    return False


def _stacks(file: File, scope: Scope) -> Iterator[tuple[str, Where]]:
    """Yield the names that are bound once, to an ExitStack, each with the alias of the stack: its `with`, or itself."""
    for item in file.nodes(ast.withitem):
        match item:
            case ast.withitem(context_expr=ast.Call(func=func), optional_vars=ast.Name(id=name) as target):
                if file.scope_of(target) is scope and file.resolve(func) in STACKS:
                    if len(scope.aliases.get(name, ())) == 2:
                        yield name, item
    for name, values in scope.aliases.items():
        match values:
            case [ast.Call(func=func)] if file.resolve(func) in STACKS:
                yield name, name


def _lends(file: File, scope: Scope) -> bool:
    """Whether a generator keeps what it yields: it is a context manager, or closes the resource afterwards."""
    if not isinstance(scope.node, FUNCTION) or not scope.yields:
        return False
    if any(name in _LENDING for name in definitions.Definition(file, scope.node, scope.name).decorators):
        return True
    yielded: dict[str, int] = {}  # the line from which on it is yielded
    closed: set[str] = set()
    for part in file.own(scope.node):
        if isinstance(part, ast.Yield) and isinstance(part.value, ast.Name):
            yielded[part.value.id] = min(part.lineno, yielded.get(part.value.id, part.lineno))
    for part in ast.walk(scope.node) if yielded else ():
        match part:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="close" | "disconnect" | "ensure_closed")):
                if part.lineno > yielded.get(name, part.lineno):
                    closed.add(name)
    return bool(closed) or (bool(yielded) and is_dependency(file, scope.node))
