"""`Reachability`: the functions that run in long-lived processes, and the kinds of effects (`EffectSet`) of each.

It looks only at calls. Functions that may both query and wait are then analysed along their graphs.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from dbhygiene.gaps.decorators import with_decorators
from dbhygiene.gaps.django_settings import age_of_connections
from dbhygiene.gaps.effects import Close, Context, Effect, Effects, Location, ProjectCall, Query, Wait
from dbhygiene.library.calls import EXITS
from dbhygiene.program.code import own_nodes
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code
from dbhygiene.source.queries import query


class AgeCheck:
    """A call that closes only old connections, where settings let them live on."""


class EffectSet:
    """The kinds of effects of a function and of its callees."""

    def __init__(self, file: File, code: Code, does: set[type[object]]) -> None:
        self.file, self.code, self.effects = file, code, does

    @property
    def may_have_gap(self) -> bool:
        return {Query, Wait} <= self.effects


class Reachability:
    """The functions that can be reached from some others, and their effects."""

    def __init__(self, *, sync_only: bool = False) -> None:
        self._sync_only = sync_only  # coroutines run in the thread of their event loop
        self._known: dict[Code, EffectSet] = {}
        self._named: dict[tuple[str, str], list[EffectSet]] = defaultdict(list)  # by file and last name
        self.roots: set[Code] = set()  # where processes begin
        self._callers: dict[Code, set[Code]] = defaultdict(set)

    def explore(self, begin: Iterable[tuple[File, Code]], *, are_roots: bool = True) -> None:
        """Record the effects of these functions, and of all functions that they reach."""
        todo = list(begin)
        self.roots |= {code for _, code in todo} if are_roots else set()
        looked_at: list[EffectSet] = []
        while todo:
            file, code = todo.pop()
            if code in self._known or (self._sync_only and isinstance(code, ast.AsyncFunctionDef)):
                continue
            look = _direct_effects(file, code)
            doing = self._known[code] = EffectSet(file, code, set(look.effects))
            self._named[str(file.path), _last_name(code)].append(doing)
            looked_at.append(doing)
            for called_file, called in look.calls:
                self._callers[called].add(code)
                todo.append((called_file, called))
                if called in self._known:
                    doing.effects |= self._known[called].effects
        self._spread(looked_at)

    def _spread(self, todo: list[EffectSet]) -> None:
        """Add the effects of callees to their callers."""
        while todo:
            doing = todo.pop()
            for caller in self._callers[doing.code]:
                above = self._known[caller]
                if not doing.effects <= above.effects:
                    above.effects |= doing.effects
                    todo.append(above)

    def effects_of(self, code: ast.AST) -> EffectSet | None:
        return self._known.get(code)  # type: ignore[call-overload, no-any-return]

    def same_last_name(self, file: File, code: Code) -> Sequence[EffectSet]:
        """Return the functions in any version of a file whose last name is that of this one."""
        return self._named.get((str(file.path), _last_name(code)), ())

    def above(self, code: ast.AST) -> Iterator[EffectSet]:
        """Yield the functions that reach a function, and itself; nothing if it is not known."""
        todo, seen = [code], {code}
        while todo:
            if (doing := self.effects_of(todo.pop())) is not None:
                yield doing
                callers = self._callers.get(doing.code, set()) - seen
                seen |= callers
                todo += callers

    def nearest(self, code: Code, wanted: Container[Code]) -> list[Code]:
        """Return those of some functions from which a function is reached by the fewest calls."""
        level, seen = {code}, {code}
        while level:
            if found := [each for each in level if each in wanted]:
                return found
            level = {caller for each in level for caller in self._callers.get(each, ())} - seen
            seen |= level
        return []

    def __iter__(self) -> Iterator[EffectSet]:
        yield from self._known.values()


class _DirectEffects(NamedTuple):
    """The effects of a function itself, and its callees; the functions within it count as called."""

    effects: frozenset[type[object]]
    calls: tuple[tuple[File, Code], ...]


@query
def _direct_effects(file: File, code: Code) -> _DirectEffects:
    does, calls = set[type[object]](), list[tuple[File, Code]]()
    outer = with_decorators(Context(file, code))
    while outer.callbacks:
        calls.append((outer.file, outer.code))
        outer = outer.callbacks[0][1]
    effects = Effects(Context(file, code, ignore_decorators=True))
    if any(_ends(file, statement) for statement in code.body):
        does.add(ast.Raise)  # what comes after a call of this may never run
    for node in own_nodes(code):
        if isinstance(node, FUNCTION) and not isinstance(code, ast.Module):
            calls.append((file, node))
        for effect in effects_of_node(effects, node):
            if isinstance(effect, ProjectCall) and effect.beside:
                does.add(Wait)
            elif isinstance(effect, ProjectCall):
                for routine in effect.routines:
                    calls.append((routine.file, routine.code))
                    calls += [(given.file, given.code) for _, given in routine.callbacks]
                    does |= {Close} if routine.closers else set()
            else:
                does.add(_kind(file, effect))
    return _DirectEffects(frozenset(does), tuple(calls))


def _kind(file: File, effect: Effect) -> type[object]:
    """Return the kind of an effect; a close of old connections is none where settings let them live on."""
    keeps = isinstance(effect, Close) and effect.by_age and age_of_connections(file)
    return AgeCheck if keeps else type(effect)


def _ends(file: File, statement: ast.stmt) -> bool:
    match statement:
        case ast.Raise() | ast.While(test=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=called)):
            return file.resolve(called) in EXITS
    return False


def effects_of_node(effects: Effects, node: ast.AST) -> Iterable[Effect]:
    """Return the effects of one node of a function, without those of the nodes within it."""
    match node:
        case ast.Call():
            return effects.of_call(node)
        case ast.withitem():
            return effects.of_context(node)
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return [*effects.of_loop_start(node), *effects.of_next_item(node.iter)]
        case ast.Subscript() | ast.Attribute(ctx=ast.Load()):
            return effects.of_load(node)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            return effects.of_test(test)
    return ()


def first_query(reach: Reachability) -> Location | None:
    """Return the query of the first explored function that queries the database."""
    for each in reach:
        effects = Effects(Context(each.file, each.code, ignore_decorators=True))
        for node in own_nodes(each.code):
            found = next((effect for effect in effects_of_node(effects, node) if isinstance(effect, Query)), None)
            if found is not None:
                return found.spot
    return None


def effects_in(file: File, *nodes: ast.AST) -> set[type[object]]:
    """Return the kinds of effects of some code, callees included."""
    reach, does = Reachability(), set[type[object]]()
    code = next((above for above in file.around(nodes[0]) if isinstance(above, FUNCTION)), file.tree)
    effects = Effects(Context(file, code, ignore_decorators=True))
    for effect in (effect for node in nodes for part in ast.walk(node) for effect in effects_of_node(effects, part)):
        does.add(_kind(file, effect))
        for routine in effect.routines if isinstance(effect, ProjectCall) else ():
            reach.explore([(routine.file, routine.code)])
            doing = reach.effects_of(routine.code)
            does |= doing.effects if doing else set()
    return does


def _last_name(code: Code) -> str:
    return code.name if isinstance(code, FUNCTION) else ""
