"""The loops of a graph: where they begin, what belongs to them, and how often they go round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from dbhygiene.flow.cfg import Call, Enter, Graph, Iterate, Leave, Load, Loop, Node, Test
from dbhygiene.flow.reading import value
from dbhygiene.flow.values import Constant, options
from dbhygiene.gaps.seconds import FOR_EVER, Rounds
from dbhygiene.source import File

MANY = 500  # rounds that a loop may well take


@dataclass(frozen=True, eq=False)
class Cycle:
    """A loop of the program: its head, the nodes on a way from the head to itself, and its `for`, if it is one."""

    head: Node
    nodes: frozenset[Node]
    loop: Loop | None

    @cached_property
    def _inside(self) -> frozenset[int]:
        return frozenset(id(part) for node in self.nodes for part in _places(node))

    def holds(self, place: ast.AST) -> bool:
        """Whether a place of the program lies within this loop."""
        return id(place) in self._inside


def _places(node: Node) -> Iterator[ast.AST]:
    """The places at which effects of a node may be noted."""
    match node.act:
        case Call(node=place) | Test(node=place) | Load(node=place):
            yield place
        case Enter(node=item) | Leave(node=item):
            yield item.context_expr
        case Iterate(node=loop):
            yield loop.iter


def cycles(graph: Graph) -> dict[Node, Cycle]:
    """Every loop, by its head. Python's jumps make no other loops than these: each is entered at its head alone."""
    before: dict[Node, list[Node]] = {}
    for node in graph.nodes():
        for _, target in node.out:
            before.setdefault(target, []).append(node)
    found: dict[Node, set[Node]] = {}
    for node, head in _edges_back(graph):
        members = found.setdefault(head, {head})
        todo = [node]
        while todo:
            each = todo.pop()
            if each not in members:
                members.add(each)
                todo += before.get(each, ())
    return {head: Cycle(head, frozenset(members), _loop(head)) for head, members in found.items()}


def _edges_back(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """The edges that lead to a node on the way to them, by a walk in depth."""
    on_the_way, seen = {graph.entry}, {graph.entry}
    way = [(graph.entry, iter(graph.entry.out))]
    while way:
        node, rest = way[-1]
        for _, target in rest:
            if target in on_the_way:
                yield node, target
            elif target not in seen:
                seen.add(target)
                on_the_way.add(target)
                way.append((target, iter(target.out)))
                break
        else:
            on_the_way.discard(node)
            way.pop()


def _loop(head: Node) -> Loop | None:
    for node in (head, *(target for _, target in head.out)):
        if isinstance(node.act, Iterate):
            return node.act.node
    return None


def rounds(file: File, loop: Loop | None) -> Rounds:
    """How often a loop goes round; without a `for`, until something ends it."""
    count = _count(file, loop.iter) if loop else None
    if loop is None or count is None:
        return Rounds(1, MANY, FOR_EVER)
    return Rounds(1 if _may_end_early(loop) else count, count, count)


def _count(file: File, iterated: ast.expr) -> float | None:
    match iterated:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return None if any(isinstance(part, ast.Starred) for part in parts) else len(parts)
        case ast.Constant(value=str(text)):
            return len(text)
        case ast.Call(func=ast.Name(id="range"), args=[*arguments]) if 1 <= len(arguments) <= 3:
            bounds = [_most(file, argument) for argument in arguments]
            return (
                float(len(range(*[int(bound) for bound in bounds if bound is not None])))
                if None not in bounds
                else None
            )
        case ast.Call(func=ast.Name(id="enumerate" | "reversed" | "iter" | "list" | "sorted"), args=[first]):
            return _count(file, first)
        case ast.Call() if file.resolve(iterated.func) in {"itertools.count", "itertools.cycle", "itertools.repeat"}:
            return FOR_EVER
    return None


def _most(file: File, expr: ast.expr) -> float | None:
    """The largest number that an expression may be; None where one of its values is not known."""
    found = [option.value if isinstance(option, Constant) else None for option in options(value(file, expr))]
    numbers = [number for number in found if isinstance(number, (int, float))]
    return max(numbers) if numbers and len(numbers) == len(found) else None


def _may_end_early(loop: Loop) -> bool:
    if isinstance(loop, ast.comprehension):
        return False
    return any(isinstance(node, (ast.Break, ast.Return, ast.Raise)) for stmt in loop.body for node in ast.walk(stmt))
