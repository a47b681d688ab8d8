"""`Transfer`: the transfer function of the lifetimes analysis: (node, fact) -> facts on the outgoing edges.

conn.close()                     # (this call, conn is open) -> conn is closed, on the edge to the next node

A resource escapes at an event that the analysis does not model, and an escaped resource is not followed further.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.library.resources import Resource
from dbhygiene.lifetimes.effects import FunctionSemantics
from dbhygiene.lifetimes.names import Names
from dbhygiene.lifetimes.path_conditions import TrackedConditions
from dbhygiene.lifetimes.state import Fact, Outcomes, Site, is_view
from dbhygiene.lifetimes.transfer.arguments import Arguments
from dbhygiene.lifetimes.transfer.assignments import Assignments
from dbhygiene.lifetimes.transfer.branches import Branches
from dbhygiene.lifetimes.transfer.calls import Calls
from dbhygiene.lifetimes.transfer.containers import Containers
from dbhygiene.lifetimes.transfer.relations import Relations
from dbhygiene.lifetimes.transfer.values import Values
from dbhygiene.lifetimes.transfer.with_blocks import WithBlocks
from dbhygiene.source.nodes import argument_values


class Transfer:
    """The transfer function of one function: a fact before a node -> the facts on the edges out of it."""

    def __init__(
        self,
        effects: FunctionSemantics,
        sites: Mapping[Site, Resource],
        names: Names,
        keys: TrackedConditions,
        recovering: Mapping[ast.ExceptHandler, bool] | None = None,
    ) -> None:
        self.effects, self.sites, self.names, self.keys = effects, sites, names, keys
        # The handlers that may be for a lost connection; and whether SQLAlchemy says so, whatever has raised.
        self.recovering = recovering or {}
        self.escaped: dict[Site, Node] = {}  # with the first node where it escapes
        relations = Relations(sites, names)
        branches = Branches(relations, keys, effects)
        assignments = Assignments(relations, branches)
        containers = Containers(relations)
        arguments = Arguments(relations, containers, effects)
        calls = Calls(assignments, containers, arguments, effects)
        with_blocks = WithBlocks(assignments, effects)
        values = Values(relations, effects)
        # None of these is a method of this object: a reference to itself would keep it until a garbage collection, and
        # the program runs none.
        self._steps: dict[type, Callable[..., Outcomes]] = {
            cfg.Call: calls.call,
            cfg.Bind: assignments.bind,
            cfg.Catch: assignments.catch,
            cfg.Delete: assignments.delete,
            cfg.Test: branches.test,
            cfg.Case: branches.case,
            cfg.Iterate: branches.iterate,
            cfg.Attempt: branches.attempt,
            cfg.Enter: with_blocks.enter,
            cfg.Leave: with_blocks.leave,
            cfg.Choose: values.choose,
            cfg.Collect: values.collect,
            cfg.Await: values.await_,
            cfg.Discard: values.discard,
            cfg.Define: values.define,
            cfg.Return: values.return_,
            cfg.Yield: values.yield_,
            cfg.End: values.end,
        }
        self.holds, self.is_queried, self.resource = relations.holds, relations.is_queried, relations.resource
        self.is_closed_by, self.closes_argument = with_blocks.is_closed_by, arguments.closes
        self.sure = branches.sure  # the calls that surely open a resource
        self.doubtful = calls.doubtful  # those that may open one, or return an argument
        self.replaced, self.given_up = assignments.replaced, assignments.given_up

    def __call__(self, node: Node, fact: Fact) -> Iterator[tuple[EdgeKind, Fact]]:
        step = self._steps.get(type(node.event))
        used = _used_up(node.event.node, fact) if isinstance(node.event, cfg.Call) else None
        outcomes = step(node.event, fact) if step else [(kind, fact) for kind in ("next", "true", "false", "raise")]
        for kind, after in outcomes:
            if after.state == "escaped":
                if after.site is not None:
                    self.escaped.setdefault(after.site, node)
                continue
            known = self.keys.after(node, after.known)
            thrown = after.thrown or (kind == "raise" and after.site is not None)
            lost = self._is_lost(node.event, kind, after) if self.recovering and after.site is not None else False
            if known is not after.known or thrown != after.thrown or lost != after.lost:
                after = after._replace(known=known, thrown=thrown, lost=lost)
            if after.state == "closed" and fact.state == "open" and self._is_over(after):
                after = after.drop_aliases([where for relation, where in after.aliases if is_view(relation)])
            yield kind, after.drop_aliases(used) if used else after

    def _is_over(self, fact: Fact) -> bool:
        """Whether a closed resource stays closed: then nothing that has read from it matters any more.

        If those aliases stayed, a script of many sections would have facts for each combination of its cursors.
        """
        resource = self.resource(fact)
        return not (resource.is_lazy or resource.opened_by)

    def _is_lost(self, event: cfg.Event, kind: EdgeKind, fact: Fact) -> bool:
        """Whether the resource may be dead: its last query has failed, and the handler treats it as lost."""
        match event:
            case cfg.Call(node=ast.Call() as asked):
                pass
            case cfg.Await(node=ast.Await(value=asked)) | cfg.Iterate(node=ast.For(iter=asked)):
                pass
            case cfg.Enter(node=ast.withitem(context_expr=asked)):
                pass
            case cfg.Catch(node=handler):
                return handler in self.recovering and (fact.lost or self.recovering[handler])
            case _:
                return fact.lost and kind != "raise"
        on_it = self.is_queried(asked, fact)
        return on_it if kind == "raise" else fact.lost and not on_it


def _used_up(call: ast.Call, fact: Fact) -> list[ast.AST]:
    """Return the views of the resource that only this call can use: `conn.execute(query)` in `list(...)`.

    If they stayed, each of the ways through a function would have facts of its own, by the queries on it.
    """
    parts = [call.func.value, *argument_values(call)] if isinstance(call.func, ast.Attribute) else argument_values(call)
    values = [part.value if isinstance(part, ast.Await) else part for part in parts]
    results = [value for value in values if isinstance(value, ast.Call)]
    return [where for relation, where in fact.aliases if where in results and is_view(relation)] if results else []
