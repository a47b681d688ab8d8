"""`Reachability`: the functions that run in long-lived processes, and the kinds of effects (`EffectSet`) of each.

It looks only at calls. Functions that may both query and wait are then analysed along their graphs.

Functions are known by their places, and the effects of each are an answer (see `source.inputs`): most files need not be
parsed again if they were looked through in an earlier run.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dbhygiene.gaps.decorators import with_decorators
from dbhygiene.gaps.django_settings import age_of_connections
from dbhygiene.gaps.effects import Close, Context, Effect, Effects, Location, MayQuery, ProjectCall, Query, Wait
from dbhygiene.library.calls import EXITS
from dbhygiene.program.code import own_nodes
from dbhygiene.source.digests import digest
from dbhygiene.source.file import File, ProjectView
from dbhygiene.source.inputs import answer
from dbhygiene.source.nodes import FUNCTION, Code
from dbhygiene.source.queries import consult, query, with_inputs


class AgeCheck:
    """A call that closes only old connections, where settings let them live on."""


_KINDS: dict[str, type[object]] = {kind.__name__: kind for kind in (Query, MayQuery, Wait, Close, AgeCheck, ast.Raise)}


class FunctionKey(NamedTuple):
    """A function: the path of its file, which may have several versions, and its number among the functions there."""

    path: str
    number: int
    version: int = 0


class EffectSet:
    """The kinds of effects of a function and of its callees; `inputs` are those that they depend on."""

    def __init__(self, reach: Reachability, key: FunctionKey, name: str, does: set[type[object]], inputs: int) -> None:
        self._reach, self.key, self.name, self.effects, self.inputs = reach, key, name, does, inputs

    @property
    def file(self) -> File:
        return self._reach.file_of(self.key)

    @property
    def code(self) -> Code:
        return self.file.code_of_functions[self.key.number]

    @property
    def may_have_gap(self) -> bool:
        return {Query, Wait} <= self.effects


def may_have_gap(kinds: Collection[str]) -> bool:
    """Whether a function with these kinds of effects, by name, may have a gap."""
    return {Query.__name__, Wait.__name__} <= {*kinds}


class Reachability:
    """The functions that can be reached from some others, and their effects."""

    def __init__(
        self, project: ProjectView, *, sync_only: bool = False, leave_out: Callable[[File, Code], bool] | None = None
    ) -> None:
        self._project = project
        self._leave_out = leave_out
        self._sync_only = sync_only  # coroutines run in the thread of their event loop
        self._known: dict[FunctionKey, EffectSet] = {}
        self._in_file: dict[str, list[EffectSet]] = defaultdict(list)
        self.roots: set[FunctionKey] = set()  # where processes begin
        self._callers: dict[FunctionKey, set[FunctionKey]] = defaultdict(set)
        self._versions: dict[str, list[File | None]] = defaultdict(list)  # None: it has not been read
        self._paths: dict[str, Path] = {}

    def explore(self, begin: Iterable[tuple[File, Code]], *, are_roots: bool = True) -> None:
        """Record the effects of these functions, and of all functions that they reach."""
        self.explore_keys([self.key(file, code) for file, code in begin], are_roots=are_roots)

    def explore_keys(self, begin: Sequence[FunctionKey], *, are_roots: bool = True) -> None:
        todo = list(begin)
        self.roots |= set(begin) if are_roots else set()
        looked_at: list[EffectSet] = []
        while todo:
            key = todo.pop()
            if key in self._known or (self._sync_only and self._is_async(key)):
                continue
            if self._leave_out is not None and self._leave_out(self.file_of(key), self._code_of(key)):
                continue
            name, effects, calls, inputs = self._look_at(key)
            doing = self._known[key] = EffectSet(self, key, name, effects, inputs)
            self._in_file[key.path].append(doing)
            looked_at.append(doing)
            for called in calls:
                self._callers[called].add(key)
                todo.append(called)
                if (known := self._known.get(called)) is not None:
                    doing.effects |= known.effects
                    doing.inputs |= known.inputs
        self._spread(looked_at)
        for key in begin:
            if (known := self._known.get(key)) is not None:
                consult(known.inputs)

    def _look_at(self, key: FunctionKey) -> tuple[str, set[type[object]], Sequence[FunctionKey], int]:
        """Return the name of a function, its own effects, its callees, and the inputs of all that."""
        if self._is_current(key):
            known = effects_of_function(self._project, key.path, key.number)
            if known is not None:
                name, kinds, called = known
                own = self._project.inputs.bit(effects_of_function.__name__, key.path, key.number)
                return name, {_KINDS[kind] for kind in kinds}, [self.key_at(*each) for each in called], own
        file, code = self.file_of(key), self._code_of(key)
        look, inputs = with_inputs(lambda: direct_effects(file, code))
        return file.functions[code].name, set(look.effects), [self.key(*each) for each in look.calls], inputs

    def _spread(self, todo: list[EffectSet]) -> None:
        """Add the effects of callees, and their inputs, to their callers."""
        while todo:
            doing = todo.pop()
            for caller in self._callers[doing.key]:
                above = self._known[caller]
                if not doing.effects <= above.effects or doing.inputs & ~above.inputs:
                    above.effects |= doing.effects
                    above.inputs |= doing.inputs
                    todo.append(above)

    # -- places ---------------------------------------------------------------------------------------

    def key(self, file: File, code: Code) -> FunctionKey:
        path = str(file.path)
        return FunctionKey(path, file.numbers_of_functions[code], self._version(path, file))

    def key_at(self, path: str, number: int) -> FunctionKey:
        """Return the key of a function in the project's own version of a file."""
        return FunctionKey(path, number, self._version(path))

    def _version(self, path: str, file: File | None = None) -> int:
        """Return the number of a version of a file: of the project's own, by default."""
        versions, current = self._versions[path], self._loaded(path)
        file = file or current
        if not versions:
            versions.append(file)
        for number, each in enumerate(versions):
            if each is None:  # the project's own, which had not been read
                each = versions[number] = current or file
            if each is file:
                return number
        versions.append(file)
        return len(versions) - 1

    def _is_current(self, key: FunctionKey) -> bool:
        """Whether a function is one of the project's own version of its file."""
        file = self._versions[key.path][key.version]
        return file is None or self._loaded(key.path) is file

    def _loaded(self, path: str) -> File | None:
        """Return the project's own version of a file, if it has been read."""
        if (known := self._paths.get(path)) is None:
            known = self._paths[path] = Path(path)
        return self._project.loaded_file(known)

    def file_of(self, key: FunctionKey) -> File:
        """Return the file of a function."""
        versions = self._versions[key.path]
        if (file := versions[key.version]) is None:
            file = versions[key.version] = self._project.file(Path(key.path))
        return file

    def _code_of(self, key: FunctionKey) -> Code:
        return self.file_of(key).code_of_functions[key.number]

    def _is_async(self, key: FunctionKey) -> bool:
        return isinstance(self._code_of(key), ast.AsyncFunctionDef)

    # -- results ----------------------------------------------------------------------------------------

    def effects_of(self, file: File, code: ast.AST) -> EffectSet | None:
        if code not in file.numbers_of_functions:
            return None
        known = self._known.get(self.key(file, code))
        if known is not None:
            consult(known.inputs)
        return known

    def earlier_versions(self, file: File, code: Code) -> Iterator[FunctionKey]:
        """Yield the function of the same name in the other versions of a file."""
        if len(self._versions[str(file.path)]) > 1:
            for each in self._in_file[str(file.path)]:
                if each.name == file.functions[code].name and each.file is not file:
                    yield each.key

    def above(self, file: File, code: Code) -> Iterator[EffectSet]:
        """Yield the functions that reach a function, and itself; nothing if it is not known."""
        return self.above_key(self.key(file, code))

    def above_key(self, key: FunctionKey) -> Iterator[EffectSet]:
        """Yield them by the key of the function."""
        todo, seen = [key], {key}
        while todo:
            if (doing := self._known.get(todo.pop())) is not None:
                yield doing
                callers = self._callers.get(doing.key, set()) - seen
                seen |= callers
                todo += callers

    def nearest(self, key: FunctionKey, wanted: Container[FunctionKey]) -> list[FunctionKey]:
        """Return those of some functions from which a function is reached by the fewest calls."""
        level, seen = {key}, {key}
        while level:
            if found := [each for each in level if each in wanted]:
                return found
            level = {caller for each in level for caller in self._callers.get(each, ())} - seen
            seen |= level
        return []

    def __iter__(self) -> Iterator[EffectSet]:
        yield from self._known.values()

    def name_of(self, key: FunctionKey) -> str:
        """Return the qualified name of a function that has been explored."""
        return self._known[key].name

    def summary(self) -> list[Any]:
        """Return, as plain data, the kinds of effects of each function by file and name; and a digest of all."""
        effects: dict[str, dict[str, list[str]]] = defaultdict(dict)
        for each in self:
            effects[each.key.path][each.name] = sorted(kind.__name__ for kind in each.effects)
        callers = sorted((key, sorted(above)) for key, above in self._callers.items())
        text = repr(
            (sorted((path, sorted(each.items())) for path, each in effects.items()), callers, sorted(self.roots))
        )
        return [effects, digest(text.encode(errors="surrogateescape"), 16)]


@answer
def effects_of_function(project: ProjectView, path: str, number: int) -> list[Any] | None:
    """Return a function's name, the kinds of its own effects, and its callees; None if one is of another text."""
    file = project.file(Path(path))
    code = file.code_of_functions[number]
    look = direct_effects(file, code)
    calls = []
    for called_file, called in look.calls:
        if project.loaded_file(called_file.path) is not called_file:
            return None
        calls.append([str(called_file.path), called_file.numbers_of_functions[called]])
    return [file.functions[code].name, sorted(kind.__name__ for kind in look.effects), calls]


class DirectEffects(NamedTuple):
    """The effects of a function itself, and its callees; the functions within it count as called."""

    effects: frozenset[type[object]]
    calls: tuple[tuple[File, Code], ...]


@query
def direct_effects(file: File, code: Code) -> DirectEffects:
    """Return the effects of a function itself, and its callees."""
    does, calls = set[type[object]](), list[tuple[File, Code]]()
    outer = with_decorators(Context(file, code))
    while outer.callbacks:
        calls.append((outer.file, outer.code))
        outer = outer.callbacks[0][1]
    effects = Effects(Context(file, code, ignore_decorators=True))
    if any(_ends(file, statement) for statement in code.body):
        does.add(ast.Raise)  # what comes after a call of this may never run
    todo = [*own_nodes(code)]
    for node in todo:  # which grows by the nodes of lambdas
        if isinstance(node, FUNCTION) and not isinstance(code, ast.Module):
            calls.append((file, node))
        for effect in effects_of_node(effects, node):
            if isinstance(effect, ProjectCall) and effect.beside:
                does.add(Wait)
            elif isinstance(effect, ProjectCall):
                for routine in effect.routines:
                    calls.append((routine.file, routine.code))
                    for _, given in routine.callbacks:
                        if given.code in given.file.functions:
                            calls.append((given.file, given.code))
                        else:
                            todo += [part for statement in given.code.body for part in ast.walk(statement)]
                    does |= {Close} if routine.closers else set()
            else:
                does.add(_kind(file, effect))
    return DirectEffects(frozenset(does), tuple(calls))


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
    """Return the kinds of effects of some code, callees included; code beside it has a connection of its own."""
    reach, does = Reachability(file.project), set[type[object]]()
    code = next((above for above in file.around(nodes[0]) if isinstance(above, FUNCTION)), file.tree)
    effects = Effects(Context(file, code, ignore_decorators=True))
    for effect in (effect for node in nodes for part in ast.walk(node) for effect in effects_of_node(effects, part)):
        does.add(_kind(file, effect))
        for routine in effect.routines if isinstance(effect, ProjectCall) and not effect.beside else ():
            reach.explore([(routine.file, routine.code)])
            doing = reach.effects_of(routine.file, routine.code)
            does |= doing.effects if doing else set()
    return does
