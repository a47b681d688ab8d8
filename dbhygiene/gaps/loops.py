"""`Cycle`: the loops of a graph: head, nodes, and the number of rounds.

for number in range(10):        # a `Cycle` of 10 rounds: the sleeps add up to 600 s
    time.sleep(60)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from dbhygiene.dataflow.cfg import Call, Enter, Graph, Iterate, Leave, Load, Loop, Node, Test, predecessors
from dbhygiene.gaps.call_durations import largest, limit_by_clock, shortest
from dbhygiene.gaps.counters import rounds_by_counter
from dbhygiene.gaps.duration import FEW, FOR_EVER, MANY, Duration, Rounds
from dbhygiene.library import django
from dbhygiene.library.words import words
from dbhygiene.program.callees import callees
from dbhygiene.program.code import calls_in, nodes_of, return_expressions
from dbhygiene.program.counted_loops import count_items
from dbhygiene.program.endless_loops import is_endless
from dbhygiene.program.origins import ExpressionAt, only_value
from dbhygiene.source.closure import leaves
from dbhygiene.source.file import File, scope_around, statement_around
from dbhygiene.source.nodes import FUNCTION, last_name, statements_before, without_arguments
from dbhygiene.source.records import Frozen

_SAME_ITEMS = words("list tuple set frozenset sorted reversed iter enumerate")


class Cycle(Frozen):
    """A loop of the program: its head, and the nodes on a path from the head to itself."""

    head: Node
    nodes: frozenset[Node]
    step: Node | None  # the node where a `for` takes its next item

    @property
    def loop(self) -> Loop | None:
        return self.step.event.node if self.step and isinstance(self.step.event, Iterate) else None

    @cached_property
    def _inside(self) -> frozenset[int]:
        return frozenset(id(part) for node in self.nodes for part in places(node))

    def holds(self, place: ast.AST) -> bool:
        """Whether a place of the program lies within this loop."""
        return id(place) in self._inside


def places(node: Node) -> Iterator[ast.AST]:
    """Return the places at which effects of a node may be noted."""
    match node.event:
        case Call(node=place) | Test(node=place) | Load(node=place):
            yield place
        case Enter(node=item) | Leave(node=item):
            yield item.context_expr
        case Iterate(node=loop):
            yield loop.iter


_IDLES = words("sleep is_set wait")  # the calls of a sleep in parts


def cycles(graph: Graph) -> dict[Node, Cycle]:
    """Return every loop, by its head. Python's jumps make no other loops: each is entered at its head alone."""
    before = predecessors(graph.nodes())
    found: dict[Node, set[Node]] = {}
    for node, head in _edges_back(graph):
        members = found.setdefault(head, {head})
        todo = [node]
        while todo:
            each = todo.pop()
            if each not in members:
                members.add(each)
                todo += before.get(each, ())
    return {head: Cycle(head, frozenset(members), _step(head)) for head, members in found.items()}


def _edges_back(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Return the edges that lead to a node on the current path of a depth-first walk."""
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


def _step(head: Node) -> Node | None:
    return next((node for node in (head, *(target for _, target in head.out)) if isinstance(node.event, Iterate)), None)


def rounds(file: File, cycle: Cycle, *, few: bool = False) -> Rounds:
    """Return how often a loop goes round; without a `for` or a counter, there is no upper bound.

    Arguments:
        few: whether a `for` over an unknown number of items has FEW rounds rather than MANY.
    """
    loop = cycle.loop
    if loop is None and (counted := _count_rounds(file, cycle)) is not None:
        return counted
    count = _count(file, loop.iter) if loop else None
    if count is None:
        endless = loop is None and _is_endless(file, cycle)
        most = _most_items(file, loop.iter) if loop else FOR_EVER
        few = loop is not None and (few or _is_of_attempts(loop))
        return Rounds(1, min(FEW if few else MANY, most), most, _clock_limit(file, cycle), endless)
    return Rounds(1 if loop is None or _may_end_early(loop) else count, count, count)


def _is_of_attempts(loop: Loop) -> bool:
    """Whether a loop counts the attempts at something and ends when one succeeds; a sleep in parts does not."""
    match loop:
        case ast.For(iter=ast.Call(func=ast.Name(id="range")), body=body):
            return _may_end_early(loop) and any(last_name(call.func) not in _IDLES for call in calls_in(nodes_of(body)))
    return False


def attempts_around(file: File, wait: ast.AST) -> ast.For | None:
    """Return the loop of attempts in which a wait follows one that has failed: most attempts do not."""
    handled = False
    for around in file.around(wait):
        if isinstance(around, (*FUNCTION, ast.Lambda, ast.While, ast.AsyncFor)):
            return None
        if isinstance(around, ast.For):
            return around if handled and _is_of_attempts(around) else None
        handled = handled or isinstance(around, ast.ExceptHandler)
    return None


def _is_endless(file: File, cycle: Cycle) -> bool:
    """Whether a `while` loop goes on until its process ends."""
    loop = _while_of(file, cycle)
    return loop is not None and is_endless(file, loop)


def _while_of(file: File, cycle: Cycle) -> ast.While | None:
    """Return the `while` statement of a loop; None if it is none."""
    inner = [place for node in cycle.nodes for place in places(node)]
    for above in file.around(inner[0]) if inner else ():
        if isinstance(above, ast.While):
            inside = {id(part) for part in ast.walk(above)}
            if all(id(place) in inside for place in inner):
                return above
    return None


def runs_once(file: File, loop: Loop) -> bool:
    """Whether the body of a loop is known to run at least once."""
    iterated = loop.iter
    while isinstance(iterated, ast.Call) and iterated.args and file.resolve(iterated.func) in _SAME_ITEMS:
        iterated = iterated.args[0]
    named = without_arguments(iterated)
    if file.resolve(named) in django.EACH_DATABASE or (_count(file, iterated) or 0) >= 1:
        return True
    return isinstance(iterated, ast.Name) and (_is_chunk(file, loop, iterated) or _is_filled(file, loop, iterated))


def _is_filled(file: File, loop: Loop, iterated: ast.Name) -> bool:
    """Whether a statement before a loop leaves its block if the variable is empty: `if not items: break`."""
    statement = loop if isinstance(loop, ast.stmt) else statement_around(file, loop)
    if statement is None:
        return False
    for before in reversed(statements_before(file.parents[statement], statement)):
        match before:
            case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)), body=[*_, last], orelse=[]):
                if name == iterated.id and isinstance(last, (ast.Break, ast.Continue, ast.Return, ast.Raise)):
                    return True
        if any(isinstance(part, ast.Name) and part.id == iterated.id for part in ast.walk(before)):
            return False
    return False


def _is_chunk(file: File, loop: Loop, iterated: ast.Name) -> bool:
    """Whether a loop goes through what a loop around it takes in turn: such a chunk of rows is not empty."""
    for around in file.around(loop):
        if isinstance(around, (*FUNCTION, ast.Lambda)):
            break
        if isinstance(around, (ast.For, ast.AsyncFor)) and isinstance(around.target, ast.Name):
            if around.target.id == iterated.id and loop not in around.orelse:
                return True
    return False


def _count_rounds(file: File, cycle: Cycle) -> Rounds | None:
    """Return the rounds of `while tries < 3:`, and of a loop with `if tries > 3: break`, with `tries += 1`."""
    loop = _while_of(file, cycle)
    if loop is None:
        return None
    found = [rounds_by_counter(file, loop, test, ends=False) for test in _conjuncts(loop.test)]
    found += [rounds_by_counter(file, loop, test, ends=ends) for test, ends in _tests_that_leave(file, cycle, loop)]
    known = [each for each in found if each is not None]
    return min(known, key=_length, default=None)


def _length(each: Rounds) -> tuple[float, float]:
    return (each.likely, each.lasting.likely if each.lasting is not None else FOR_EVER)


def _conjuncts(test: ast.expr) -> Iterator[ast.expr]:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for each in test.values:
            yield from _conjuncts(each)
    else:
        yield test


def _tests_that_leave(file: File, cycle: Cycle, loop: ast.While) -> Iterator[tuple[ast.expr, bool]]:
    """Yield the tests of the `if` statements in the body of a `while` by whose truth, or falsehood, it ends."""
    for node in cycle.nodes:
        match node.event:
            case Test(node=(ast.Compare() | ast.Name() | ast.UnaryOp()) as test):
                if statement_around(file, test) in loop.body and _counts_in_each_round(loop, test):
                    for kind, target in node.out:
                        if target not in cycle.nodes and kind in ("true", "false"):
                            yield test, kind == "true"


def _counts_in_each_round(loop: ast.While, test: ast.expr) -> bool:
    """Whether each round of a loop changes a variable that a test reads, and no round sets it anew."""
    return any(_is_counted(loop, part.id) for part in ast.walk(test) if isinstance(part, ast.Name))


def _is_counted(loop: ast.While, name: str) -> bool:
    changes = [
        part
        for part in ast.walk(loop)
        if isinstance(part, ast.Name) and part.id == name and not isinstance(part.ctx, ast.Load)
    ]
    counted = [part.target for part in loop.body if isinstance(part, ast.AugAssign)]
    return bool(changes) and all(each in counted for each in changes)


def _clock_limit(file: File, cycle: Cycle) -> Duration | None:
    """Return the time after which a loop that reads a clock ends."""
    limits = (
        limit_by_clock(file, node.event.node)
        for node in cycle.nodes
        if isinstance(node.event, Test) and any(target not in cycle.nodes for _, target in node.out)
    )
    return shortest(limit for limit in limits if limit is not None)


def _count(file: File, iterated: ast.expr) -> float | None:
    """Return how many items a `for` takes from an expression, by the values of its variables, too."""
    if (count := count_items(iterated)) is not None:
        return count
    match iterated:
        case ast.Call(func=ast.Name(id="range"), args=[*arguments]) if 1 <= len(arguments) <= 3:
            bounds = [largest(file, argument) for argument in arguments]
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


def _most_items(file: File, iterated: ast.expr) -> float:
    """Return how many items a `for` takes at most: those of a slice, of a variable, or of what a function returns."""
    return max((_slice_length(*each) for each in leaves(ExpressionAt(file, iterated), _same_items)), default=FOR_EVER)


def _same_items(iterated: ExpressionAt) -> list[ExpressionAt] | None:
    """Return the expressions whose items an expression has; None if it is not known to have those of others."""
    file, expr = iterated
    match expr:
        case ast.Name():
            return only_value(file, expr) or None
        case ast.Call(func=called, args=[inner, *_]) if file.resolve(called) in _SAME_ITEMS:
            return [ExpressionAt(file, inner)]
        case ast.Call():
            found = callees(file, expr, scope_around(file, expr))
            returned = [
                ExpressionAt(each.file, value)
                for each in found.definitions
                for value in (return_expressions(each.node) if isinstance(each.node, FUNCTION) else ())
                if not _is_no_row(value)
            ]
            return returned if returned and found.complete else None
    return None


def _slice_length(file: File, expr: ast.expr) -> float:
    match expr:
        case ast.Subscript(slice=ast.Slice(lower=start, upper=ast.expr() as end, step=None)):
            first = 0 if start is None else largest(file, start)
            last = largest(file, end)
            return last - first if first is not None and last is not None and 0 <= first <= last else FOR_EVER
    return FOR_EVER


def _is_no_row(value: ast.expr) -> bool:
    """Whether a returned value stands for a failure: None, False, a message, nothing."""
    match value:
        case ast.Constant() | ast.JoinedStr() | ast.Call(func=ast.Name(id="str")):
            return True
        case ast.List(elts=[]) | ast.Tuple(elts=[]):
            return True
    return False


def _may_end_early(loop: Loop) -> bool:
    if isinstance(loop, ast.comprehension):
        return False
    return any(isinstance(node, (ast.Break, ast.Return, ast.Raise)) for stmt in loop.body for node in ast.walk(stmt))
