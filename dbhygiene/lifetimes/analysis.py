"""`Analysis`: the solved facts about all resources of one function.

conn = connect()                 # `own_resources` yields this call, with its `Resource`
conn.ping()                      # `history` yields the nodes from here on, each with a fact
conn.close()                     # `ends`: closed at the normal exit; open at that of exceptions, if `ping` raises
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import takewhile

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Graph, Node, TooLargeError
from dbhygiene.dataflow.exceptions import ItemErrors, exception_types
from dbhygiene.dataflow.limits import TOO_LARGE, TOO_MUCH, give_up
from dbhygiene.dataflow.solver import Solution, TooManyFactsError
from dbhygiene.library.calls import ANY_ERROR, LOSING
from dbhygiene.library.resources import Resource
from dbhygiene.library.sqlalchemy import tests_invalidated
from dbhygiene.lifetimes.effects import FunctionSemantics
from dbhygiene.lifetimes.names import Names, names_of
from dbhygiene.lifetimes.path_conditions import MAX_KEYS, TrackedConditions
from dbhygiene.lifetimes.state import ITSELF, RETURN, Fact, Site, dotted_path
from dbhygiene.lifetimes.transfer import Transfer
from dbhygiene.program.arguments import named_parameters
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, LOOP, Code, Located, last_name, walk
from dbhygiene.source.records import Frozen
from dbhygiene.source.scopes import Scope


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
        relation: the relation of these parameters to the resources: PART for cursors, CONTAINER for `**kwargs`.
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
            started.append(Fact(arg, "closed" if resource.is_at_rest else "open", frozenset([(relation, arg.arg)])))
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
    recovering: dict[ast.ExceptHandler, bool] = {}
    for node in graph.nodes():
        if isinstance(node.event, cfg.Catch):
            handler = node.event.node
            if (is_told := tests_invalidated(walk(handler))) or _recovers(file, handler):
                recovering[handler] = is_told
    within = walk(scope.node) if names.captured else ()
    rebound = names.captured & {name for each in within if isinstance(each, ast.Nonlocal) for name in each.names}
    partly = {loop: errors for loop, errors in _loops_over_generators(graph, effects) if errors[1] != errors[2]}
    for limit in (MAX_KEYS, 2, 0):  # less precision is better than no answer
        keys = TrackedConditions(graph, bound, limit, opened=sites, given=given, rebound=rebound, partly=partly)
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
    names = Names(
        containers=own.containers,
        container_fields=own.container_fields,
        stacks=own.stacks,
        lends=own.lends,
        owners=own.owners,
    )
    held = {where for _, where in start.aliases if isinstance(where, str)}
    return graph, Transfer(
        effects, resources, names, TrackedConditions(graph, [*_resource_names(graph, resources), *held])
    )


def _tracked_parameters(code: Code, parameters: Mapping[str, Resource]) -> Iterator[tuple[ast.arg, Resource]]:
    if isinstance(code, FUNCTION):
        for arg in (*named_parameters(code), *([code.args.kwarg] if code.args.kwarg else ())):
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
        if given is not None and (path := dotted_path(given)) is not None:
            yield path


def _loops_over_generators(graph: Graph, effects: FunctionSemantics) -> Iterator[tuple[ast.AST, ItemErrors]]:
    """Yield each loop over a new generator of the project whose items may raise."""
    for node in graph.nodes():
        match node.event:
            case cfg.Iterate(node=ast.For() as loop) if any(kind == "raise" for kind, _ in node.out):
                if (errors := effects.rounds_that_raise(loop.iter)) is not None:
                    yield loop, errors


def _resource_names(graph: Graph, sites: Mapping[Site, Resource]) -> Iterator[str]:
    for node in graph.nodes():
        if isinstance(node.event, cfg.Bind):
            value = node.event.value
            inner = value.value if isinstance(value, (ast.Await, ast.NamedExpr)) else value
            if inner in sites and isinstance(node.event.target, ast.Name):
                yield node.event.target.id
