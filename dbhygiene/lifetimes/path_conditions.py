"""`Condition`: the path condition of one test: whether a variable is None, falsy or truthy.

if conn is not None:                 # Condition("conn", if_true=FALSY | TRUTHY, if_false=NONE)

Conditions rule out infeasible paths through flags, guards and early returns.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from dbhygiene.dataflow.cfg import (
    Bind,
    Call,
    Case,
    Enter,
    Graph,
    Iterate,
    Node,
    Test,
    points_before,
    predecessors,
    reachable,
)
from dbhygiene.dataflow.exceptions import ItemErrors
from dbhygiene.lifetimes.state import dotted_path
from dbhygiene.program.code import single_tests
from dbhygiene.source.closure import closure
from dbhygiene.source.nodes import last_name, walk
from dbhygiene.source.records import Record

if TYPE_CHECKING:
    from typing import TypeGuard

NONE: Final = 1
FALSY: Final = 2  # but not None
TRUTHY: Final = 4
ANYTHING: Final = NONE | FALSY | TRUTHY
MAX_KEYS = 8
MAX_EXCLUDED = 64  # of those that exclude each other: a state has one of them at most

Known = frozenset[tuple[str, int]]
Truth = tuple[bool, Known]


class Condition(Record):
    """A test of one key: the values that the key may have if the test is true, and if it is false."""

    key: str
    if_true: int
    if_false: int


def condition_of(test: ast.expr) -> Condition | None:
    """Return the condition that a test puts on a variable, a field, or a pure combination of these."""
    match test:
        case ast.NamedExpr(target=ast.Name(id=name)):
            return Condition(name, TRUTHY, NONE | FALSY)
        case ast.Name() | ast.Attribute():
            path = dotted_path(test)
            return Condition(path, TRUTHY, NONE | FALSY) if path else None
        case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=None)]):
            path = dotted_path(left.target if isinstance(left, ast.NamedExpr) else left)
            if path is None:
                return None
            if isinstance(op, (ast.Is, ast.Eq)):
                return Condition(path, NONE, FALSY | TRUTHY)
            return Condition(path, FALSY | TRUTHY, NONE) if isinstance(op, (ast.IsNot, ast.NotEq)) else None
        case ast.Compare(
            left=left, ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=bool() as flag)]
        ):
            path = dotted_path(left)
            if path is None:
                return None
            same = TRUTHY if flag else FALSY
            return Condition(path, same, ANYTHING) if isinstance(op, ast.Is) else Condition(path, ANYTHING, same)
    if isinstance(test, ast.Compare) and _is_pure(test):
        if len(test.ops) == 1 and (opposite := _OPPOSITES.get(type(test.ops[0]))) is not None:
            return Condition(ast.unparse(ast.Compare(test.left, [opposite()], test.comparators)), FALSY, TRUTHY)
        return Condition(ast.unparse(test), TRUTHY, FALSY)
    return None


_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.NotEq: ast.Eq, ast.NotIn: ast.In, ast.IsNot: ast.Is}


def _is_pure(expr: ast.AST) -> bool:
    pure = (ast.Name, ast.Attribute, ast.Constant, ast.Compare, ast.cmpop, ast.expr_context, ast.UnaryOp, ast.unaryop)
    return all(isinstance(part, pure) for part in ast.walk(expr))


def truthiness(value: ast.expr | None, known: Known, opened: Container[ast.AST] = ()) -> int:
    """Return what a value may be: a mask of NONE, FALSY and TRUTHY. The calls in `opened` never return None."""
    if value in opened:
        return TRUTHY
    match value:
        case ast.Await(value=inner) | ast.NamedExpr(value=inner):
            return truthiness(inner, known, opened)
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            yes, no = _answers(test, known)
            return (truthiness(body, known, opened) if yes else 0) | (truthiness(otherwise, known, opened) if no else 0)
        case ast.BoolOp(op=op, values=[first, second]):
            asked = truthiness(first, known, opened)
            kept = TRUTHY if isinstance(op, ast.Or) else NONE | FALSY
            return asked & kept | (truthiness(second, known, opened) if asked & ~kept else 0)
        case ast.Constant(value=None):
            return NONE
        case ast.Constant(value=constant):
            return TRUTHY if constant else FALSY
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return TRUTHY if elements else FALSY
        case ast.Dict(keys=keys):
            return TRUTHY if keys else FALSY
        case ast.Name() | ast.Attribute():
            path = dotted_path(value)
            return next((mask for key, mask in known if key == path), ANYTHING)
        case ast.Lambda():
            return TRUTHY
    if is_condition(value):
        answers = {truth for truth, _ in truths(value, known)}
        return (TRUTHY if True in answers else 0) | (FALSY if False in answers else 0)
    return ANYTHING


def is_condition(value: ast.expr | None) -> TypeGuard[ast.expr]:
    """Whether an expression is the result of a test: `a is None`, `not a`, `bool(a)`."""
    match value:
        case ast.UnaryOp(op=ast.Not()) | ast.Call(func=ast.Name(id="bool"), args=[_], keywords=[]):
            return True
        case ast.Compare():
            return condition_of(value) is not None
        case ast.BoolOp(values=values):
            return all(map(is_condition, values))
    return False


def truths(
    test: ast.expr,
    known: Known,
    assume: Callable[[ast.expr, Known], Iterable[Truth]] | None = None,
) -> list[Truth]:
    """Return the possible truths of a condition, each with the path conditions then.

    Arguments:
        assume: yields the possible truths of one of its parts; by default, according to the path conditions.
    """
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return [(not truth, after) for truth, after in truths(inner, known, assume)]
        case ast.Call(func=ast.Name(id="bool"), args=[inner], keywords=[]):
            return truths(inner, known, assume)
        case ast.BoolOp(op=op, values=values):
            ends = isinstance(op, ast.Or)
            done: list[Truth] = []
            going_on = [known]
            for each in values:
                found = [pair for before in going_on for pair in truths(each, before, assume)]
                done += [pair for pair in found if pair[0] == ends]
                going_on = [after for truth, after in found if truth != ends]
            return [*done, *((not ends, after) for after in going_on)]
    return [*dict.fromkeys((assume or possible_truths)(test, known))]


def possible_truths(test: ast.expr, known: Known) -> Iterator[Truth]:
    """Yield the possible truths of a condition without parts, according to the path conditions."""
    asks = condition_of(test)
    if asks is None:
        mask = ANYTHING if is_condition(test) else truthiness(test, known)
        yield from ((truth, known) for truth in (True, False) if mask & (TRUTHY if truth else NONE | FALSY))
        return
    for truth, mask in ((True, asks.if_true), (False, asks.if_false)):
        if (after := assume(known, asks.key, mask)) is not None:
            yield truth, after


def _answers(test: ast.expr, known: Known) -> tuple[bool, bool]:
    """Whether a condition may be true, and whether it may be false."""
    answers = {truth for truth, _ in truths(test, known)}
    return True in answers, False in answers


def assume(known: Known, key: str, mask: int) -> Known | None:
    """Return the path conditions after a test; None if it contradicts them."""
    before = next((m for k, m in known if k == key), ANYTHING)
    after = before & mask
    if not after:
        return None
    return known - {(key, before)} | {(key, after)} if after != before else known


class TrackedConditions:
    """The keys that a graph tests, and the nodes after which each may still be tested.

    Arguments:
        rebound: variables that functions within assign: a call may change them.
        partly: loops whose items raise only for the first item, or only later.
    """

    def __init__(
        self,
        graph: Graph,
        names: Iterable[str],
        limit: int = MAX_KEYS,
        *,
        opened: Iterable[ast.AST] = (),
        given: Mapping[ast.Call, Sequence[str]] | None = None,
        rebound: Collection[str] = (),
        partly: Mapping[ast.AST, ItemErrors] | None = None,
    ) -> None:
        self._given = given or {}
        self._partly = partly or {}
        nodes = graph.nodes()
        asked: dict[str, set[ast.expr]] = {}
        known_truths: Counter[str] = Counter()
        for node in nodes:
            if isinstance(node.event, Test) and (asks := condition_of(node.event.node)):
                asked.setdefault(asks.key, set()).add(node.event.node)
            elif isinstance(node.event, Case) and (path := dotted_path(node.event.subject)):
                asked.setdefault(path, set()).add(node.event.node.pattern)  # type: ignore[arg-type]
            elif isinstance(node.event, Call):
                for path in self._given.get(node.event.node, ()):
                    asked.setdefault(path, set()).add(node.event.node)
            elif isinstance(node.event, Bind):
                for target, value in _assignments(node.event):
                    if value is not None and (path := dotted_path(target)) is not None:
                        chosen = isinstance(value, (ast.IfExp, ast.BoolOp)) or is_condition(value)
                        known_truths[path] += chosen or truthiness(value, frozenset()) != ANYTHING
            elif isinstance(node.event, Enter) and node.event.node.optional_vars is not None:
                if (path := dotted_path(node.event.node.optional_vars)) is not None:
                    known_truths[path] += _entered(node.event.node) in opened
        self._at_end: dict[ast.AST, list[tuple[str, int]]] = {}  # loop -> conditions that then have one truth
        for loop in {node.event.node: None for node in nodes if isinstance(node.event, Iterate)}:
            if decided := list(_conditions_at_end(loop, asked, is_partly=loop in self._partly)):
                self._at_end[loop] = decided
            for key, _ in decided:
                asked.setdefault(key, set())
                known_truths[key] += 1
        resources = set(names)
        self.objects = _objects(nodes, resources, set(opened))
        self._flags = _flags(nodes)
        repeated = _asked_in_each_round(nodes, set(opened))
        useful = [
            key for key in asked if len(asked[key]) > 1 or known_truths[key] or key in resources or key in repeated
        ]
        copies = [copy for node in nodes for copy in _copies(node)]
        useful += {
            to: None for to, of in copies if to in asked and to not in useful and (of in asked or known_truths[of])
        }
        self._excluded = _excluded(asked)
        for key in useful:  # grows during the loop: a variable copied to a useful key is useful, too
            useful += [source for target, source in copies if target == key and source not in useful]
            asked.setdefault(key, set())
        guarding = _guarding(nodes, resources)
        useful.sort(
            key=lambda key: (
                *(key not in resources, _is_round(key), key not in guarding, not known_truths[key]),
                -len(asked[key]),
            )
        )
        self._only_excluding = frozenset(self._excluded.keys() - set(useful))
        useful += sorted(self._only_excluding)
        self.keys = self._first_keys((key for key in useful if _names(key).isdisjoint(rebound)), limit)
        loops = {loop.iter: _round_of(loop) for loop in self._partly if isinstance(loop, ast.For)}
        self._begun = {node: loops[node.event.node] for node in nodes if node.event and node.event.node in loops}
        self._mentions = {key: _names(key) for key in self.keys}
        self._later = self._live(nodes)

    def _first_keys(self, keys: Iterable[str], limit: int) -> list[str]:
        """Return the first keys; those that exclude each other count as one, since one of them is true at most."""
        groups: dict[object, list[str]] = {}
        for key in keys:
            group = self._excluded[key] | {key} if key in self._excluded else key
            if group in groups or len(groups) < limit:
                groups.setdefault(group, []).append(key)
        return [key for group in groups.values() for key in group[:MAX_EXCLUDED]]

    def _live(self, nodes: list[Node]) -> dict[Node, frozenset[str]]:
        """Return, for each node, the keys that are tested after it on some path, as sets shared between nodes."""
        bits = {key: 1 << number for number, key in enumerate(self.keys)}
        own = {node: sum({bits.get(key, 0) for key in self._tracked_at(node)}) for node in nodes}
        live = dict(own)
        before = predecessors(nodes)
        todo = [node for node in nodes if own[node]]
        while todo:
            node = todo.pop()
            for source in before.get(node, ()):
                if live[node] & ~live[source]:
                    live[source] |= live[node]
                    todo.append(source)
        later: dict[Node, frozenset[str]] = {}
        sets: dict[int, frozenset[str]] = {}
        for node in nodes:
            mask = 0
            for _, target in node.out:
                mask |= live[target]
            if mask not in sets:
                sets[mask] = frozenset(key for key, bit in bits.items() if mask & bit)
            later[node] = sets[mask]
        return later

    def _tracked_at(self, node: Node) -> Iterator[str]:
        for key in _conditions_at(node):
            yield key
            yield from self._excluded.get(key, ())
        if isinstance(node.event, Call):
            yield from self._given.get(node.event.node, ())
        elif isinstance(node.event, Bind) and isinstance(value := _without_await(node.event.value), ast.Call):
            yield from self._given.get(value, ())
        elif isinstance(node.event, Iterate):
            yield from (key for key, _ in self._at_end.get(node.event.node, ()))

    def may_raise(self, loop: ast.AST, known: Known) -> bool:
        """Whether taking the next item of a loop may raise, if its iterable raises at all."""
        when = self._partly.get(loop)
        if when is None or not isinstance(loop, ast.For) or (key := _round_of(loop)) not in self.keys:
            return True
        return when.later if (key, TRUTHY) in known else when.at_first

    def in_round(self, loop: ast.AST, known: Known) -> Known:
        """Return the path conditions in a round of a loop."""
        for key, _ in self._at_end.get(loop, ()):
            if _is_round(key) and key in self.keys:
                known |= {(key, TRUTHY)}
        return known

    def at_end(self, loop: ast.AST, known: Known) -> Known | None:
        """Return the path conditions once a loop has no more items; None if it still has some."""
        for key, mask in self._at_end.get(loop, ()):
            if key not in self.keys:
                continue
            if _is_round(key):
                if (key, TRUTHY) not in known and loop not in self._partly:
                    return None
                known -= {(key, TRUTHY)}
            elif assume(known, key, mask) is None:
                return None
        return known

    def after(self, node: Node, known: Known) -> Known:
        """Return the path conditions that are still needed after a node."""
        later = self._later[node]
        if (begun := self._begun.get(node)) is not None:
            known -= {(begun, TRUTHY)}
        return known if all(key in later for key, _ in known) else frozenset(k for k in known if k[0] in later)

    def condition_of(self, test: ast.expr) -> Condition | None:
        """Return the condition that a test puts on one of the keys."""
        asks: Condition | None
        match test:
            case ast.Compare(
                left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=bool() as flag)]
            ) if dotted_path(left) in self._flags:
                asks = Condition(str(dotted_path(left)), *((TRUTHY, FALSY) if flag else (FALSY, TRUTHY)))
            case _:
                asks = condition_of(test)
        return asks if asks is not None and asks.key in self.keys else None

    def assume(self, known: Known, key: str, mask: int) -> Known | None:
        """Return the path conditions after a test; see `assume`."""
        after = assume(known, key, mask & ~FALSY if key in self.objects else mask)
        if after is None or key not in self._excluded:
            return after
        if (key, TRUTHY) in after:
            return None if any((other, TRUTHY) in after for other in self._excluded[key]) else after
        return known if key in self._only_excluding else after

    def invalidate(self, known: Known, path: str) -> Known:
        """Return the path conditions after an assignment to `path`."""
        return frozenset(k for k in known if path not in self._mentions.get(k[0], ()))


_CLOSING = re.compile(r"clos|release|put|return|free|terminate|disconnect|dispose|remove|quit", re.IGNORECASE)


def _guarding(nodes: list[Node], resources: Container[str]) -> set[str]:
    """Return the keys of the tests that decide at once whether a resource is closed: `if own: conn.close()`."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node.event, Test) and (asks := condition_of(node.event.node)) is not None:
            if any(_closes_next(target, resources) for _, target in node.out):
                found.add(asks.key)
    return found


def _closes_next(node: Node, resources: Container[str]) -> bool:
    """Whether the statements from here to the next test, along the only way, close a resource."""
    seen: set[Node] = set()
    while node not in seen and not isinstance(node.event, Test):
        seen.add(node)
        if isinstance(node.event, Call):
            call = node.event.node
            given = {method_owner(call.func), *(dotted_path(argument) for argument in call.args)}
            if _CLOSING.search(last_name(call.func)) and any(path in resources for path in given if path):
                return True
        onward = [target for kind, target in node.out if kind != "raise"]
        if len(onward) != 1:
            return False
        node = onward[0]
    return False


def _asked_in_each_round(nodes: list[Node], opened: Container[ast.AST]) -> set[str]:
    """Return the keys of conditions that have one truth in all rounds of a loop in which a resource is opened."""
    openings = [node for node in nodes if isinstance(node.event, Call) and node.event.node in opened]
    if not openings:
        return set()
    before = predecessors(nodes)
    found: set[str] = set()
    for opening in openings:
        after = reachable([target for _, target in opening.out], past=lambda node: True)
        if opening not in after:
            continue
        leading = points_before(before, [opening])
        cycle = after & leading
        asked = {asks.key for node in cycle if isinstance(node.event, Test) if (asks := condition_of(node.event.node))}
        bound = {path for node in cycle if isinstance(node.event, Bind) for path in _bound_paths(node.event)}
        found |= {key for key in asked if _names(key).isdisjoint(bound)}
    return found


def _bound_paths(event: Bind) -> Iterator[str]:
    for part in ast.walk(event.target):
        if (path := dotted_path(part)) is not None:
            yield path


def _excluded(asked: Mapping[str, Collection[ast.AST]]) -> dict[str, frozenset[str]]:
    """Return the conditions that compare one variable with different values, each with those that exclude it."""
    compared: dict[str, dict[object, str]] = {}
    for key, tests in asked.items():
        match next(iter(tests), None):
            case ast.Compare(
                left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value=str() | int() as value)]
            ):
                if (path := dotted_path(left)) is not None:
                    compared.setdefault(path, {})[value] = key
    groups = (frozenset(keys.values()) for keys in compared.values() if len(keys) > 1)
    return {key: group - {key} for group in groups for key in group}


_ROUND = "round_at_"  # and the place of a loop: the key of whether it has had a round


def _is_round(key: str) -> bool:
    return key.startswith(_ROUND)


def _round_of(loop: ast.For) -> str:
    return f"{_ROUND}{loop.lineno}_{loop.col_offset}"


def _conditions_at_end(
    loop: ast.AST, asked: Mapping[str, Collection[ast.AST]], *, is_partly: bool
) -> Iterator[tuple[str, int]]:
    """Yield the conditions that have one truth when a loop has no more items, with the mask of each."""
    if not isinstance(loop, ast.For):
        return
    from dbhygiene.program.counted_loops import count_items, truth_at_end  # few functions have such a loop

    if is_partly or count_items(loop.iter):
        yield _round_of(loop), TRUTHY
    for key, tests in asked.items():
        truth = next((truth for test in tests if (truth := truth_at_end(loop, test)) is not None), None)
        if truth is not None:
            yield key, TRUTHY if truth else FALSY


def _objects(nodes: list[Node], names: set[str], opened: set[ast.AST]) -> frozenset[str]:
    """Return the variables that hold a resource or a substitute: their value is None or true, but never false."""
    found, false = set(names), set()
    copied: list[tuple[str, str | None]] = []
    pairs = [pair for node in nodes if isinstance(node.event, Bind) for pair in _assignments(node.event)]
    for target, value in pairs:
        if value is None or (path := dotted_path(target)) is None:
            continue
        mask, is_and = truthiness(value, frozenset()), _is_and(value)
        if mask == FALSY or (is_and and mask & FALSY):  # `conn = wanted and connect()` may be 0
            false.add(path)
        match value:
            case ast.Name() | ast.Attribute():
                copied.append((path, dotted_path(value)))
            case ast.BoolOp(op=ast.Or(), values=values) if not opened.isdisjoint(map(_without_await, values)):
                found |= {path, *(other for each in values if (other := dotted_path(each)))}
            case ast.IfExp(body=body, orelse=otherwise) if not opened.isdisjoint(
                map(_without_await, (body, otherwise))
            ):
                found |= {path, *(other for each in (body, otherwise) if (other := dotted_path(each)))}
    found |= {of for to, of in copied if to in names and of is not None}  # `conn = given`, and elsewhere `connect()`
    found |= {to for to, of in copied if of in found}
    for path in [*false]:  # a copy of what may be false may be, too
        false.update(closure(path, lambda source: (to for to, of in copied if of == source)))
    return frozenset(found - false)


def _is_and(value: ast.expr) -> bool:
    return isinstance(value, ast.BoolOp) and isinstance(value.op, ast.And)


def _without_await(expr: ast.expr | None) -> ast.expr | None:
    return expr.value if isinstance(expr, (ast.Await, ast.NamedExpr)) else expr


def _flags(nodes: list[Node]) -> frozenset[str]:
    """Return the variables that are only ever assigned the result of a condition."""
    found: dict[str, bool] = {}
    for node in nodes:
        if isinstance(node.event, Bind) and (path := dotted_path(node.event.target)) is not None:
            value = node.event.value
            is_bool = is_condition(value) or (isinstance(value, ast.Constant) and isinstance(value.value, bool))
            found[path] = found.get(path, True) and is_bool
    return frozenset(path for path, is_flag in found.items() if is_flag)


def _conditions_at(node: Node) -> Iterator[str]:
    match node.event:
        case Test(node=test):
            asks = condition_of(test)
            path = asks.key if asks else None
        case Case(subject=subject):
            path = dotted_path(subject)
        case Call(node=call):
            path = method_owner(call.func)
        case Bind(value=ast.expr() as value):
            yield from (source for _, source in _copies(node))
            yield from _conditions(value)
            return
        case _:
            yield from (source for _, source in _copies(node))
            return
    if path is not None:
        yield path


def _conditions(value: ast.expr) -> Iterator[str]:
    """Yield the keys that decide the value of an expression."""
    tests = [value] if is_condition(value) else []
    for part in walk(value):
        if isinstance(part, (ast.IfExp, ast.BoolOp)):
            tests += [part.test] if isinstance(part, ast.IfExp) else part.values[:-1]
    for test in tests:
        for atom in single_tests(test):
            if (asks := condition_of(atom)) is not None:
                yield asks.key


def method_owner(func: ast.expr) -> str | None:
    """Return the variable or field on which a method is called; None if it is something else."""
    return dotted_path(func.value) if isinstance(func, ast.Attribute) else None


def _copies(node: Node) -> Iterator[tuple[str, str]]:
    """Yield the copies of a variable's value, or of a condition on it, at a node: target and source."""
    if isinstance(node.event, Enter) and node.event.node.optional_vars is not None:
        entered, bound = dotted_path(_entered(node.event.node)), dotted_path(node.event.node.optional_vars)
        if entered and bound:
            yield bound, entered
    for to, given in _assignments(node.event) if isinstance(node.event, Bind) else ():
        if given is None or (path := dotted_path(to)) is None:
            continue
        if (source := dotted_path(given)) is not None:
            yield path, source
        if is_condition(given):
            yield from ((path, key) for key in _conditions(given))


def _entered(item: ast.withitem) -> ast.expr:
    """Return what `as` binds, if the object that is entered is the argument of `closing` or `enter_context`."""
    entered = item.context_expr
    while isinstance(entered, ast.Call) and len(entered.args) == 1 and last_name(entered.func) in ENTERS_ARGUMENT:
        entered = entered.args[0]
    return entered.value if isinstance(entered, (ast.Await, ast.NamedExpr)) else entered


ENTERS_ARGUMENT = frozenset({"closing", "aclosing", "enter_context", "enter_async_context"})


def _assignments(event: Bind) -> list[tuple[ast.expr, ast.expr | None]]:
    """Return each target of an assignment, with its value."""
    target, value = event.target, event.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _names(key: str) -> frozenset[str]:
    """Return every path that a key mentions, and its prefixes: `a.b is c` -> a, a.b, c."""
    found: set[str] = set()
    for part in ast.walk(ast.parse(key, mode="eval")):
        if (path := dotted_path(part)) is not None:
            found.add(path)
    return frozenset(found)
