"""`SharedUse`: threads, tasks or processes that use one connection or session at the same time.

conn = connect()
threads = [Thread(target=store, args=(conn, row)) for row in rows]       # several threads use `conn`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise, takewhile

from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.value_users import ValueUsers, place_of
from dbhygiene.program.bindings import Place
from dbhygiene.program.ended_starts import group_around, is_awaited, is_over
from dbhygiene.program.starts import GATHER, MAPS, starts
from dbhygiene.source.file import File, function_around, loop_around
from dbhygiene.source.nodes import COMPREHENSION, FUNCTION, LOOP, Code, Function, Located, argument_values
from dbhygiene.source.records import Record

_SINGULAR = {"threads": "thread", "tasks": "task", "processes": "process"}
_LOOPS = (*LOOP, *COMPREHENSION)


class SharedUse(Record):
    """Threads, tasks or processes (`kind`) that use a value at the same time, and the steps that show it."""

    kind: str
    steps: tuple[tuple[Located, str], ...]


def shared_use(life: Lifetime) -> SharedUse | None:
    """Return how several threads, tasks or processes come to use a resource at the same time.

    A call starts one of them in each round of a loop, or is the second to start one.
    """
    place = place_of(life)
    return _Search(life, place).search() if place is not None else None


class _Search:
    """The search for what starts code that uses the value of one variable or field."""

    def __init__(self, life: Lifetime, place: Place) -> None:
        self.file, self.users = life.file, ValueUsers(life, place)
        self.kinds = {"tasks"} if life.resource.is_async else {"threads", "processes"}

    def search(self) -> SharedUse | None:
        for kind in sorted(self.kinds):
            found = [call for call, started in starts(self.file) if started == kind and self._passes(call)]
            if found and not self._is_opened_by_each(found):
                match self._at_once(found):
                    case [call]:
                        words = f"several {kind}"
                        return SharedUse(kind, tuple(self._steps(call, words, f"{words} run", f"each of the {kind}")))
                    case [first, second]:
                        one = _SINGULAR[kind]
                        steps = self._steps(first, f"a {one}", f"a {one} runs", f"that {one}")
                        others = self._steps(second, f"another {one}", f"another {one} runs", f"the other {one}")
                        return SharedUse(kind, (*steps, *others))
        return None

    def _steps(self, call: ast.Call, started: str, runs: str, user: str) -> Iterator[tuple[Located, str]]:
        """Yield how the started code gets the value, and where it uses the value if the call does not pass it."""
        given = argument_values(call)
        named = [found for each in given if (found := self.users.mention_in(each)) is not None]
        if named:
            passed = min(named, key=lambda each: not self.users.is_itself(each))
            within = "" if self.users.is_itself(passed) else f", in `{ast.unparse(passed)}`"
            yield call, f"passed to {started}{within}"
            return
        for function, use in filter(None, map(self.users.use_by, given)):
            yield call, f"{runs} `{ast.unparse(function)}`"
            yield use, f"used here by {user}"
            return

    def _at_once(self, found: list[ast.Call]) -> list[ast.Call]:
        """Return the call that starts several at once, or else the first two calls whose started code runs at once."""
        beside = [call for call in found if not self._is_waited_for(call)]
        repeated = (call for call in beside if not is_over(self.file, call) and self._is_repeated(call))
        if (several := next(repeated, None)) is not None:
            return [several]
        beside = [call for call in beside if self.file.resolve(call.func) not in GATHER]
        for first, second in pairwise(beside):
            if not is_over(self.file, first, second) and not _are_alternatives(self.file, first, second):
                return [first, second]
        return []

    def _passes(self, call: ast.Call) -> bool:
        """Whether the started code gets the value: as an argument, or from its scope or object."""
        return any(map(self.users.mentions, argument_values(call)))

    # -- when

    def _is_opened_by_each(self, found: list[ast.Call]) -> bool:
        """Whether the started code opens the value itself, or each worker does before it begins."""
        opener = function_around(self.file, self.users.birth)
        if opener is None or opener is self.users.place.scope.node or self._is_opened_once(opener):
            return False
        given = [each for call in found for each in argument_values(call)]
        words = {"initializer", "initargs", "target"}
        given += [word.value for word in self.file.nodes(ast.keyword) if word.arg in words]
        named = {self.users.function(part) for each in given for part in ast.walk(each) if isinstance(part, ast.expr)}
        return bool(self._callers_of(opener) & named)

    def _is_opened_once(self, opener: Function) -> bool:
        """Whether it is opened only if the variable is still empty."""
        for outer in self.file.around(self.users.birth):
            if outer is opener:
                return False
            if isinstance(outer, ast.If) and any(map(self.users.is_value, ast.walk(outer.test))):
                return True
        return False

    def _callers_of(self, opener: Function) -> set[Code | None]:
        """Return a function, and those of this file that call it, directly or not."""
        found: set[Code | None] = {opener}
        before = -1
        while before != len(found):
            before = len(found)
            for call in self.file.nodes(ast.Call):
                if self.users.function(call.func) in found:
                    found.add(function_around(self.file, call))
        return found - {None}

    def _is_waited_for(self, call: ast.Call) -> bool:
        """Whether the next statement runs only after the started code has ended."""
        if self.file.resolve(call.func) in GATHER:
            return False
        match self.file.parents.get(call):
            case ast.Attribute(attr="result" | "get"):
                return True
        if is_awaited(self.file, call):
            return True
        loop = loop_around(self.file, call)
        return loop is not None and any(
            isinstance(each, ast.Attribute) and each.attr in {"join", "result"} for each in ast.walk(loop)
        )

    def _are_several(self, given: list[ast.expr]) -> bool:
        """Whether more than one of these coroutines gets the value: a starred name stands for any number."""
        passing = 0
        for each in given:
            match each:
                case ast.Starred(value=ast.List(elts=elements) | ast.Tuple(elts=elements)):
                    passing += sum(map(self.users.mentions, elements))
                case ast.Starred(value=inner):
                    passing += 2 * self.users.mentions(inner)
                case _:
                    passing += self.users.mentions(each)
        return passing > 1

    def _is_repeated(self, call: ast.Call) -> bool:
        """Whether a call starts several: it maps, or gathers, or lies in a loop that does not make a new value."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in MAPS:
            return True
        if (name := self.file.resolve(call.func)) in GATHER:
            given: list[ast.expr] = list(call.args)
            return self._are_several(given if name == "asyncio.gather" else [ast.Starred(each) for each in given[:1]])
        around = {outer for outer in self.file.around(self.users.birth) if isinstance(outer, _LOOPS)}
        group = group_around(self.file, call)
        within = takewhile(lambda outer: outer is not group, _within_function(self.file, call))
        return any(isinstance(outer, _LOOPS) and outer not in around for outer in within)


def _within_function(file: File, node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes around a node, up to its function."""
    for outer in file.around(node):
        if isinstance(outer, (*FUNCTION, ast.Lambda)):
            return
        yield outer


def _are_alternatives(file: File, one: ast.Call, other: ast.Call) -> bool:
    """Whether only one of two calls runs: in the branches of one `if`, or of one `try`."""
    branching = (ast.If, ast.Try, ast.IfExp)
    return any(isinstance(outer, branching) and outer in file.around(other) for outer in file.around(one))
