"""`rounds_between_queries`: how often a loop goes round until it is time for its query, by a clock or by a count.

while True:
    if time.time() - last >= 30:     # after 30 s, and one more round
        last = time.time()
        Order.objects.count()
    time.sleep(1)
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from dbhygiene.dataflow.cfg import Node, Test
from dbhygiene.gaps.call_durations import limit_by_clock
from dbhygiene.gaps.duration import FOR_EVER, Rounds
from dbhygiene.gaps.loops import Cycle
from dbhygiene.source.file import File


def rounds_between_queries(file: File, cycle: Cycle, rounds: Rounds, may_ask: Callable[[Node], bool]) -> Rounds:
    """Return how often a loop goes round without a query, if each round tests whether it is time for one.

    Arguments:
        rounds: how often it goes round without such a test.
        may_ask: whether a node may query the database.
    """
    found = rounds
    for test in _tests_for_queries(cycle, may_ask):
        if (count := _count_of_rounds(test)) is not None:
            found = Rounds(found.least, min(found.likely, count), min(found.most, count), found.lasting)
        elif (limit := limit_by_clock(file, test)) is not None and 0 < limit.likely < FOR_EVER:
            if found.lasting is None or limit.likely < found.lasting.likely:
                found = Rounds(found.least, found.likely, found.most, limit, found.endless)
    return found


def _tests_for_queries(cycle: Cycle, may_ask: Callable[[Node], bool]) -> Iterator[ast.Compare]:
    """Yield the comparisons that each round of a loop makes, and after which it queries in one case only."""
    for node in cycle.nodes:
        match node.event:
            case Test(node=ast.Compare() as test):
                sides = [_reachable(cycle, target, {cycle.head}) for kind, target in node.out if kind != "raise"]
                if len(sides) != 2 or not all(target in cycle.nodes for kind, target in node.out if kind != "raise"):
                    continue
                one, other = sides
                asks = [any(map(may_ask, side)) for side in (one - other, other - one)]
                if asks[0] != asks[1] and _is_made_in_each_round(cycle, node):
                    yield test


def _reachable(cycle: Cycle, start: Node, ends: set[Node]) -> set[Node]:
    """Return the nodes of a round from one of them on, those after an exception left out."""
    found, todo = set[Node](), [start]
    while todo:
        node = todo.pop()
        if node in cycle.nodes and node not in ends and node not in found:
            found.add(node)
            todo += [target for kind, target in node.out if kind != "raise"]
    return found


def _is_made_in_each_round(cycle: Cycle, test: Node) -> bool:
    """Whether no round leads past a test, unless an exception does."""
    if test is cycle.head:
        return True
    others = {cycle.head}.union(*(_reachable(cycle, target, {cycle.head, test}) for _, target in cycle.head.out))
    return not any(target is cycle.head for node in others for kind, target in node.out if kind != "raise")


def _count_of_rounds(test: ast.Compare) -> float | None:
    """Return the number of rounds of `number % 10 == 0`."""
    match test:
        case ast.Compare(left=ast.BinOp(op=ast.Mod(), right=ast.Constant(value=int(number)))) if number > 0:
            return float(number)
    return None
