"""What is known of tested variables: this is what makes flags, guards and early returns come out right."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from dbhygiene.flow.cfg import Bind, Call, Case, Enter, Graph, Node, Test
from dbhygiene.frozen import Record
from dbhygiene.lifetimes.heap import path_of
from dbhygiene.source import walk

if TYPE_CHECKING:
    from typing import TypeGuard

NONE: Final = 1
FALSY: Final = 2  # but not None
TRUTHY: Final = 4
ANYTHING: Final = NONE | FALSY | TRUTHY
MAX_KEYS = 8

Known = frozenset[tuple[str, int]]
Truth = tuple[bool, Known]


class Question(Record):
    """What a condition asks: of which key, and what an answer tells of it."""

    key: str
    if_true: int
    if_false: int


def question(test: ast.expr) -> Question | None:
    """What a condition asks about a variable, a field, or a combination of these that nothing here can change."""
    match test:
        case ast.NamedExpr(target=ast.Name(id=name)):
            return Question(name, TRUTHY, NONE | FALSY)
        case ast.Name() | ast.Attribute():
            path = path_of(test)
            return Question(path, TRUTHY, NONE | FALSY) if path else None
        case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=None)]):
            path = path_of(left.target if isinstance(left, ast.NamedExpr) else left)
            if path is None:
                return None
            if isinstance(op, (ast.Is, ast.Eq)):
                return Question(path, NONE, FALSY | TRUTHY)
            return Question(path, FALSY | TRUTHY, NONE) if isinstance(op, (ast.IsNot, ast.NotEq)) else None
        case ast.Compare(
            left=left, ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=bool() as flag)]
        ):
            path = path_of(left)
            if path is None:
                return None
            same = TRUTHY if flag else FALSY
            return Question(path, same, ANYTHING) if isinstance(op, ast.Is) else Question(path, ANYTHING, same)
    if isinstance(test, ast.Compare) and _is_pure(test):
        return Question(ast.unparse(test), TRUTHY, FALSY)
    return None


def _is_pure(expr: ast.AST) -> bool:
    pure = (ast.Name, ast.Attribute, ast.Constant, ast.Compare, ast.cmpop, ast.expr_context, ast.UnaryOp, ast.unaryop)
    return all(isinstance(part, pure) for part in ast.walk(expr))


def worth(value: ast.expr | None, known: Known, opened: Container[ast.AST] = ()) -> int:
    """What is known of a value: a mask of NONE, FALSY, TRUTHY. `opened`: calls that never give None."""
    if value in opened:
        return TRUTHY
    match value:
        case ast.Await(value=inner) | ast.NamedExpr(value=inner):
            return worth(inner, known, opened)
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            yes, no = _answers(test, known)
            return (worth(body, known, opened) if yes else 0) | (worth(otherwise, known, opened) if no else 0)
        case ast.BoolOp(op=op, values=[first, second]):
            asked = worth(first, known, opened)
            kept = TRUTHY if isinstance(op, ast.Or) else NONE | FALSY
            return asked & kept | (worth(second, known, opened) if asked & ~kept else 0)
        case ast.Constant(value=None):
            return NONE
        case ast.Constant(value=constant):
            return TRUTHY if constant else FALSY
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return TRUTHY if elements else FALSY
        case ast.Dict(keys=keys):
            return TRUTHY if keys else FALSY
        case ast.Name() | ast.Attribute():
            path = path_of(value)
            return next((mask for key, mask in known if key == path), ANYTHING)
        case ast.Lambda():
            return TRUTHY
    if is_test(value):
        answers = {truth for truth, _ in truths(value, known)}
        return (TRUTHY if True in answers else 0) | (FALSY if False in answers else 0)
    return ANYTHING


def is_test(value: ast.expr | None) -> TypeGuard[ast.expr]:
    """Whether an expression says only whether something is true: `a is None`, `not a`, `bool(a)`."""
    match value:
        case ast.UnaryOp(op=ast.Not()) | ast.Call(func=ast.Name(id="bool"), args=[_], keywords=[]):
            return True
        case ast.Compare():
            return question(value) is not None
        case ast.BoolOp(values=values):
            return all(map(is_test, values))
    return False


def atoms(test: ast.expr) -> Iterator[ast.expr]:
    """The conditions of which a condition is made."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield from atoms(inner)
        case ast.Call(func=ast.Name(id="bool"), args=[inner], keywords=[]):
            yield from atoms(inner)
        case ast.BoolOp(values=values):
            for each in values:
                yield from atoms(each)
        case _:
            yield test


def truths(
    test: ast.expr,
    known: Known,
    assume: Callable[[ast.expr, Known], Iterable[Truth]] | None = None,
) -> list[Truth]:
    """What a condition may come to, each with what is known then.

    Arguments:
        assume: what one of its parts may come to; by what is known of variables, where none is given.
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
    return [*dict.fromkeys((assume or assumed)(test, known))]


def assumed(test: ast.expr, known: Known) -> Iterator[Truth]:
    """What a condition that is not made of others may come to, by what is known of variables."""
    asks = question(test)
    if asks is None:
        mask = ANYTHING if is_test(test) else worth(test, known)
        yield from ((truth, known) for truth in (True, False) if mask & (TRUTHY if truth else NONE | FALSY))
        return
    for truth, mask in ((True, asks.if_true), (False, asks.if_false)):
        if (after := learn(known, asks.key, mask)) is not None:
            yield truth, after


def _answers(test: ast.expr, known: Known) -> tuple[bool, bool]:
    """Whether a condition may come out true, and whether false."""
    answers = {truth for truth, _ in truths(test, known)}
    return True in answers, False in answers


def learn(known: Known, key: str, mask: int) -> Known | None:
    """What is known after an answer; None where it contradicts what was known."""
    before = next((m for k, m in known if k == key), ANYTHING)
    after = before & mask
    if not after:
        return None
    return known - {(key, before)} | {(key, after)} if after != before else known


class Keys:
    """The keys worth remembering in one graph, and where each may still be asked for.

    Arguments:
        names: variables that hold a resource.
        opened: the calls that give one.
        given: the variables on which it depends whether such a call opens anything.
    """

    def __init__(
        self,
        graph: Graph,
        names: Iterable[str],
        limit: int = MAX_KEYS,
        *,
        opened: Iterable[ast.AST] = (),
        given: Mapping[ast.Call, Sequence[str]] | None = None,
    ) -> None:
        self._given = given or {}
        nodes = graph.nodes()
        asked: dict[str, set[ast.expr]] = {}
        told: Counter[str] = Counter()
        for node in nodes:
            if isinstance(node.act, Test) and (asks := question(node.act.node)):
                asked.setdefault(asks.key, set()).add(node.act.node)
            elif isinstance(node.act, Case) and (path := path_of(node.act.subject)):
                asked.setdefault(path, set()).add(node.act.node.pattern)  # type: ignore[arg-type]
            elif isinstance(node.act, Call):
                for path in self._given.get(node.act.node, ()):
                    asked.setdefault(path, set()).add(node.act.node)
            elif isinstance(node.act, Bind):
                for target, value in _assigned(node.act):
                    if value is not None and (path := path_of(target)) is not None:
                        chosen = isinstance(value, (ast.IfExp, ast.BoolOp)) or is_test(value)
                        told[path] += chosen or worth(value, frozenset()) != ANYTHING
        resources = set(names)
        self.objects = _objects(nodes, resources, set(opened))
        self._flags = _flags(nodes)
        useful = [key for key in asked if len(asked[key]) > 1 or told[key] or key in resources]
        copies = [copy for node in nodes for copy in _copies(node)]
        useful += {to: None for to, of in copies if to in asked and to not in useful and (of in asked or told[of])}
        for key in useful:  # grows as it is gone through: what is copied to a key is one
            useful += [source for target, source in copies if target == key and source not in useful]
            asked.setdefault(key, set())
        useful.sort(key=lambda key: (key not in resources, not told[key], -len(asked[key])))
        self.keys = useful[:limit]
        self._mentions = {key: _names(key) for key in self.keys}
        self._later = self._live(nodes)

    def _live(self, nodes: list[Node]) -> dict[Node, frozenset[str]]:
        """For each node, the keys that are asked for after it on some way, as sets shared between nodes."""
        bits = {key: 1 << number for number, key in enumerate(self.keys)}
        own = {node: sum({bits.get(key, 0) for key in self._asked_at(node)}) for node in nodes}
        live = dict(own)
        before: dict[Node, list[Node]] = {}
        for node in nodes:
            for _, target in node.out:
                before.setdefault(target, []).append(node)
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

    def _asked_at(self, node: Node) -> Iterator[str]:
        yield from _asked_at(node)
        if isinstance(node.act, Call):
            yield from self._given.get(node.act.node, ())

    def after(self, node: Node, known: Known) -> Known:
        """What is still of use after a node."""
        later = self._later[node]
        return known if all(key in later for key, _ in known) else frozenset(k for k in known if k[0] in later)

    def question(self, test: ast.expr) -> Question | None:
        """What a condition asks about one of the keys."""
        asks: Question | None
        match test:
            case ast.Compare(
                left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=bool() as flag)]
            ) if path_of(left) in self._flags:
                asks = Question(str(path_of(left)), *((TRUTHY, FALSY) if flag else (FALSY, TRUTHY)))
            case _:
                asks = question(test)
        return asks if asks is not None and asks.key in self.keys else None

    def learned(self, known: Known, key: str, mask: int) -> Known | None:
        """What is known after an answer; see `learn`."""
        return learn(known, key, mask & ~FALSY if key in self.objects else mask)

    def rebound(self, known: Known, path: str) -> Known:
        """What is known after `path` has been given another value."""
        return frozenset(k for k in known if path not in self._mentions.get(k[0], ()))


def _objects(nodes: list[Node], names: set[str], opened: set[ast.AST]) -> frozenset[str]:
    """The variables that hold a resource or stand in for one: what is in them is None or true, but never false."""
    found, false = set(names), set()
    copied: list[tuple[str, str | None]] = []
    for node in nodes:
        if not isinstance(node.act, Bind) or node.act.value is None or (path := path_of(node.act.target)) is None:
            continue
        if worth(node.act.value, frozenset()) == FALSY:
            false.add(path)
        match node.act.value:
            case ast.Name() | ast.Attribute():
                copied.append((path, path_of(node.act.value)))
            case ast.BoolOp(op=ast.Or(), values=values) if not opened.isdisjoint(map(_awaited, values)):
                found |= {path, *(other for each in values if (other := path_of(each)))}
            case ast.IfExp(body=body, orelse=otherwise) if not opened.isdisjoint(map(_awaited, (body, otherwise))):
                found |= {path, *(other for each in (body, otherwise) if (other := path_of(each)))}
    found |= {to for to, of in copied if of in found}
    return frozenset(found - false)


def _awaited(expr: ast.expr) -> ast.expr:
    return expr.value if isinstance(expr, (ast.Await, ast.NamedExpr)) else expr


def _flags(nodes: list[Node]) -> frozenset[str]:
    """The variables that are only ever given the answer of a condition."""
    found: dict[str, bool] = {}
    for node in nodes:
        if isinstance(node.act, Bind) and (path := path_of(node.act.target)) is not None:
            value = node.act.value
            is_bool = is_test(value) or (isinstance(value, ast.Constant) and isinstance(value.value, bool))
            found[path] = found.get(path, True) and is_bool
    return frozenset(path for path, is_flag in found.items() if is_flag)


def _asked_at(node: Node) -> Iterator[str]:
    match node.act:
        case Test(node=test):
            asks = question(test)
            path = asks.key if asks else None
        case Case(subject=subject):
            path = path_of(subject)
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
    """The keys on which it depends what a value is worth."""
    tests = [value] if is_test(value) else []
    for part in walk(value):
        if isinstance(part, (ast.IfExp, ast.BoolOp)):
            tests += [part.test] if isinstance(part, ast.IfExp) else part.values[:-1]
    for test in tests:
        for atom in atoms(test):
            if (asks := question(atom)) is not None:
                yield asks.key


def method_owner(func: ast.expr) -> str | None:
    """The variable or field on which a method is called; None where it is something else."""
    return path_of(func.value) if isinstance(func, ast.Attribute) else None


def _copies(node: Node) -> Iterator[tuple[str, str]]:
    """The variables that are given the value of another here, or of a condition on it: target and source."""
    if isinstance(node.act, Enter) and node.act.node.optional_vars is not None:
        entered, bound = path_of(node.act.node.context_expr), path_of(node.act.node.optional_vars)
        if entered and bound:
            yield bound, entered
    for to, given in _assigned(node.act) if isinstance(node.act, Bind) else ():
        if given is None or (path := path_of(to)) is None:
            continue
        if (source := path_of(given)) is not None:
            yield path, source
        if is_test(given):
            yield from ((path, key) for key in _conditions(given))


def _assigned(act: Bind) -> list[tuple[ast.expr, ast.expr | None]]:
    """Each target of an assignment, with its value."""
    target, value = act.target, act.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _names(key: str) -> frozenset[str]:
    """Every path that a key speaks of, and what each hangs on: `a.b is c` -> a, a.b, c."""
    found: set[str] = set()
    for part in ast.walk(ast.parse(key, mode="eval")):
        if (path := path_of(part)) is not None:
            found.add(path)
    return frozenset(found)
